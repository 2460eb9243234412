// Owns the small pieces the rows are made of: numbers, times, icons, cards, empty states. Everything is drawn as text
// nodes; nothing from outside is ever parsed as HTML.

import { html, useEffect, useState } from './vendor/htm/standalone.module.js';
import * as format from './format.js';

const ticking = new Set();
setInterval(() => !document.hidden && ticking.forEach((tick) => tick(Date.now())), 1000);

let ahead = 0;

/** How long ago something was is told by the proxy's clock: this one may be wrong. */
export function follow(at) {
  ahead = Date.parse(at) - Date.now();
}

/** The time, each second. */
export function useNow() {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    ticking.add(set);
    return () => ticking.delete(set);
  }, []);
  return now;
}

/** A number of the report; `field` is its path there, for those who check the page. */
export const Num = ({ field, n, as = 'count', unit }) =>
  html`<span class="num" data-field=${field} data-as=${as}>${format[as](n)}</span>${unit ? ` ${unit}` : ''}`;

/** A moment: local, with UTC for those who point at it. */
export const Time = ({ at, field }) =>
  at
    ? html`<time datetime=${at} title=${format.utc(at)} data-field=${field} data-as="time">${format.local(at)}</time>`
    : html`<span class="quiet">${format.NOTHING}</span>`;

/** How long ago a moment was. */
export function Ago({ at }) {
  const now = useNow();
  if (!at) return html`<span class="quiet">${format.NOTHING}</span>`;
  return html`<time datetime=${at} title=${`${format.local(at)} (${format.utc(at)})`}>${format.ago(at, now + ahead)}</time>`;
}

const ICONS = {
  pass: 'M3.500 8.500 6.500 11.500 12.500 4.500',
  fail: 'M4 4 12 12M12 4 4 12',
  unknown: 'M5.600 6a2.400 2.400 0 1 1 3.400 2.200c-.7.3-1 .8-1 1.500M8 12.300v.1',
  warn: 'M8 3.500v5.200M8 11.800v.1',
  down: 'M8 3v8M4.500 8 8 11.500 11.500 8',
};

/** A mark that is never alone: words stand beside it. */
export const Icon = ({ name }) =>
  html`<svg class=${`icon ${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false"><path d=${ICONS[name]} /></svg>`;

/** A card with a title. */
export const Card = ({ title, note, wide, children }) => html`
  <section class=${`card ${wide ?? ''}`}>
    <h3>${title}${note ? html` <small>${note}</small>` : ''}</h3>
    ${children}
  </section>`;

/** What stands where there is nothing yet. */
export const Empty = ({ children = 'Nothing seen yet.' }) => html`<p class="empty">${children}</p>`;

/** A table that scrolls in its own box, also by keyboard. */
export const Scroll = ({ label, children, tall }) => html`
  <div class=${`scroll ${tall ? 'tall' : ''}`} role="region" aria-label=${label} tabindex="0">${children}</div>`;

/** A stage, as a word with a mark. */
export const Stage = ({ stage, name }) => html`<span class=${`stage ${stage}`}>${name}</span>`;
