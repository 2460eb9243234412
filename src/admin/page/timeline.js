// Owns the timeline of the policy: a line a rule, what it said within the last fortnight and will say within the next
// 30 days, with now between; and the same as a list.

import { html } from './vendor/htm/standalone.module.js';
import { Empty } from './parts.js';
import { ACTIONS } from './words.js';
import * as format from './format.js';

const DAY = 86400e3;
const BEFORE = 14 * DAY;
const AFTER = 30 * DAY;

export function Timeline({ report, events }) {
  const { rules } = report.policy;
  if (!rules.length) return html`<${Empty}>No rule: every V2 client is let in. Rules stand under [[policy.rules]] in the settings.<//>`;
  const now = Date.parse(report.at);
  const from = now - BEFORE;
  const place = (at) => ((Math.min(Math.max(at, from), now + AFTER) - from) / (BEFORE + AFTER)) * 100;
  const lines = rules.map((rule) => ({ rule, pieces: pieces(rule, events, now, from) }));
  const weeks = [];
  for (let at = Math.ceil(from / DAY) * DAY; at < now + AFTER; at += 7 * DAY) weeks.push(at);
  const { sunset } = report.policy;
  const shown = sunset && Date.parse(sunset) > from && Date.parse(sunset) < now + AFTER;
  return html`
    <div class="timeline" aria-hidden="true">
      <div class="line scale"><span></span><div class="track">
        ${weeks.filter((at) => place(at) < 94).map((at) => html`<span key=${at} style=${{ left: `${place(at)}%` }}>${format.dayOf(at).slice(0, -5)}</span>`)}</div></div>
      ${lines.map(({ rule, pieces }) => html`
        <div class="line" key=${rule.name}><span class="name"><b class="id">${rule.name}</b></span>
          <div class="track">
            ${pieces.map((one) => html`<i key=${one.from} class=${`${one.says} ${rule.dry_run ? 'dry' : ''}`} title=${written(one)} style=${{ left: `${place(one.from)}%`, width: `${place(one.until) - place(one.from)}%` }}></i>`)}
            <i class="now" style=${{ left: `${place(now)}%` }}></i>
            ${shown && html`<i class="sunset" title="sunset" style=${{ left: `${place(Date.parse(sunset))}%` }}></i>`}
          </div></div>`)}
      <div class="line foot"><span></span><div class="track"><span style=${{ left: `${place(now)}%` }}>now</span>${shown && html`<span class="bad" style=${{ left: `${place(Date.parse(sunset))}%` }}>sunset</span>`}</div></div>
      <p class="key">${Object.keys(ACTIONS).filter((says) => lines.some(({ pieces }) => pieces.some((one) => one.says === says))).map((says) => html`<span key=${says}><i class=${says}></i>${says}: ${ACTIONS[says]}</span>`)}${lines.some(({ rule }) => rule.dry_run) ? html`<span>pale: dry run</span>` : ''}</p>
    </div>
    <ul class="rules" data-testid="rules">${lines.map(({ rule, pieces }) => html`<${Rule} key=${rule.name} rule=${rule} ahead=${pieces.filter((one) => one.until > now)} />`)}</ul>`;
}

function Rule({ rule, ahead }) {
  return html`
    <li><p><b class="id">${rule.name}</b> <span class=${`says ${rule.now}`}>now ${rule.now}</span>${rule.dry_run ? html` <small class="tag">dry run</small>` : ''}
        </p>
      <p class="detail">${rule.action} for ${rule.who}${rule.percent < 100 ? `, ${rule.percent}% of them` : ''}; ${rule.when || 'at any time'}${rule.next_change ? html`; next change <${When} at=${rule.next_change} />` : ''}</p>
      ${ahead.length > 0 && html`<details><summary>${format.many(ahead.length, 'period')} ahead<span class="hidden"> of ${rule.name}</span></summary>
        <ul>${ahead.map((one) => html`<li key=${one.from}>${written(one)}</li>`)}</ul></details>`}</li>`;
}

const When = ({ at }) => html`<time datetime=${at} title=${format.utc(at)}>${format.local(at)}</time>`;

const stamp = (at) => format.local(new Date(at).toISOString());
const written = (one) => `${one.says} from ${stamp(one.from)} to ${stamp(one.until)}`;

/** What a rule said, from the journal; and what it will say, from its periods. That a brownout or block warns between them is left out. */
function pieces(rule, events, now, from) {
  const own = events.filter((event) => event.kind === 'policy' && event.subject === rule.name).map((event) => ({ at: Date.parse(event.at), says: event.to }));
  own.sort((a, b) => a.at - b.at);
  const past = own.map((event, i) => ({ from: event.at, until: own[i + 1]?.at ?? now, says: event.says }));
  const ahead = rule.periods.map((period) => ({ from: Math.max(now, Date.parse(period.from)), until: Date.parse(period.until), says: rule.action }));
  return [...past, ...ahead].filter((one) => one.says !== 'off' && (one.says !== 'warn' || rule.action === 'warn') && one.until > from && one.until > one.from);
}
