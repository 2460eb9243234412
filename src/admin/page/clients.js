// Owns what is asked about V2 clients: search, tenant, put together or not, order, as CSV; and the list of each of them,
// page by page. What was chosen is given, and told upwards.

import { html, useEffect, useRef, useState } from './vendor/htm/standalone.module.js';
import { address, ask } from './api.js';
import { Ago, Empty } from './parts.js';
import { BY, Groups } from './groups.js';
import { RULES, STEPS } from './words.js';
import * as format from './format.js';

const PAGE = 50;
/** So many pages are kept up to date; who has loaded more reads, and is not disturbed. */
const LIVE_PAGES = 4;
const TYPING_MS = 250;
const COLUMNS = ['tenant', 'client', 'last seen', 'user agent', 'origin', 'steps done', 'findings', 'frames'];

export function Clients({ choice, choose, beat, tenants, known }) {
  const { q, tenant, show, order, by } = choice;
  const csv = by ? address('/groups', { q, tenant, show, by, format: 'csv', limit: 1000 }) : address('/clients', { q, tenant, show, order, format: 'csv' });
  return html`
    <form class="tools" role="search" onsubmit=${(event) => event.preventDefault()}>
      <label class="grow">Search <${Typed} type="search" value=${q} tell=${(q) => choose({ q })} placeholder="client, tenant, group, user agent, origin" testid="search" /></label>
      <label>Tenant <${Typed} value=${tenant} tell=${(tenant) => choose({ tenant })} placeholder="all" list="tenant-names" testid="tenant" /></label>
      <datalist id="tenant-names">${tenants.map((one) => html`<option key=${one.tenant} value=${one.tenant} />`)}</datalist>
      <label>Show <select data-testid="show" value=${show} onchange=${(event) => choose({ show: event.target.value })}>
        <option value="left" selected=${show === 'left'}>those left</option><option value="all" selected=${show === 'all'}>all remembered</option></select></label>
      <label>One line <select data-testid="by" value=${by} onchange=${(event) => choose({ by: event.target.value })}>
        <option value="" selected=${!by}>a client</option>${Object.entries(BY).map(([word, name]) => html`<option key=${word} value=${word} selected=${by === word}>${name}</option>`)}</select></label>
      ${!by && html`<label>Order <select data-testid="order" value=${order} onchange=${(event) => choose({ order: event.target.value })}>
        <option value="last_seen" selected=${order === 'last_seen'}>last seen first</option><option value="key" selected=${order === 'key'}>by tenant and client</option></select></label>`}
      <a class="button" data-testid="csv" download=${by ? 'v2-groups.csv' : 'v2-clients.csv'} href=${csv}>CSV</a>
    </form>
    ${by ? html`<${Groups} choice=${choice} choose=${choose} beat=${beat} />` : html`<${List} choice=${{ q, tenant, show, order }} choose=${choose} beat=${beat} known=${known} />`}`;
}

function List({ choice, choose, beat, known }) {
  const list = useList(choice, beat);
  const { q, tenant, show } = choice;
  return html`
    <p class="note" role="status" data-testid="listed">${said(list, q || tenant)}${(q || tenant) ? html` <button type="button" class="link" onclick=${() => choose({ q: '', tenant: '' })}>No filter</button>` : ''}</p>
    ${list.clients.length ? html`<${Table} clients=${list.clients} choose=${choose} />` : list.loaded && html`<${Empty}>${q || tenant ? 'No V2 client matches.' : show === 'left' && known ? 'Nobody is left.' : 'No V2 client is known.'}<//>`}
    ${list.next && html`<p class="more"><button type="button" class="button" data-testid="more" disabled=${list.busy} onclick=${list.more}>Load more</button></p>`}`;
}

function said(list, filtered) {
  if (list.problem) return list.problem;
  if (!list.loaded) return 'Asking…';
  const n = list.clients.length;
  const more = list.next ? ', and there are more' : '';
  const rests = list.pages > LIVE_PAGES ? ' This many are not kept up to date.' : '';
  return `${format.many(n, 'client')} ${filtered ? 'found' : 'listed'}${more}.${rests}`;
}

/** A field that tells what was typed when the typing rests. */
function Typed({ type = 'text', value, tell, placeholder, list, testid }) {
  const [text, set] = useState(value);
  const timer = useRef(0);
  const told = useRef(value);
  if (told.current !== value) {
    // Chosen elsewhere, such as in the list of tenants.
    told.current = value;
    set(value);
  }
  const typed = (event) => {
    const now = event.target.value;
    set(now);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      told.current = now;
      tell(now);
    }, TYPING_MS);
  };
  return html`<input type=${type} value=${text} oninput=${typed} placeholder=${placeholder} list=${list} data-testid=${testid} autocomplete="off" spellcheck="false" />`;
}

const NONE = { clients: [], next: null, pages: 1, loaded: false, busy: false, problem: null };

/** The clients that were chosen, as many pages as were asked for, read anew with each beat. */
function useList(choice, beat) {
  const [list, set] = useState(NONE);
  const latest = useRef(0);
  const key = JSON.stringify(choice);
  const shown = useRef(key);

  async function load(pages) {
    const mine = (latest.current += 1);
    const clients = [];
    let next = null;
    try {
      for (let page = 0; page < pages && (page === 0 || next); page += 1) {
        const answer = await ask('/clients', { ...choice, limit: PAGE, cursor: next });
        clients.push(...answer.clients);
        next = answer.next;
      }
    } catch (error) {
      if (mine === latest.current) set((list) => ({ ...list, busy: false, problem: error.message }));
      return;
    }
    // Whoever has asked for something else meanwhile does not want this any more.
    if (mine === latest.current) set({ clients: once(clients), next, pages, loaded: true, busy: false, problem: null });
  }

  useEffect(() => {
    const other = shown.current !== key;
    shown.current = key;
    if (other || list.pages <= LIVE_PAGES) load(other ? 1 : list.pages);
  }, [key, beat]);
  const more = () => {
    set((list) => ({ ...list, busy: true }));
    load(list.pages + 1);
  };
  return { ...list, more };
}

/** Whoever moved while pages were read may stand on two of them. */
const once = (clients) => [...new Map(clients.map((one) => [JSON.stringify([one.tenant, one.client]), one])).values()];

/** A table on a wide page, cards on a narrow one; the roles keep it a table for screen readers in both. */
const Table = ({ clients, choose }) => html`
  <table class="clients" role="table" aria-label="V2 clients" data-testid="clients">
    <thead role="rowgroup"><tr role="row">${COLUMNS.map((name) => html`<th scope="col" role="columnheader" class=${name === 'frames' ? 'n' : ''}>${name}</th>`)}</tr></thead>
    <tbody role="rowgroup">${clients.map((one) => html`<${Row} key=${`${one.tenant}\u001f${one.client}`} one=${one} choose=${choose} />`)}</tbody>
  </table>`;

const Row = ({ one, choose }) => html`
  <tr role="row" data-client=${one.client} data-tenant=${one.tenant}>
    <td role="cell" data-label="tenant"><button type="button" class="link id" title=${`Only ${one.tenant}`} onclick=${() => choose({ tenant: one.tenant })}>${one.tenant}</button></td>
    <th role="rowheader" scope="row" data-label="client"><span class="id" title=${`group ${one.group || format.NOTHING}, ${one.dialect}`}>${one.client}</span></th>
    <td role="cell" data-label="last seen"><${Ago} at=${one.last_seen} />${one.refused > 0 && html` <small class="refused">refused ${format.count(one.refused)}×</small>`}</td>
    <td role="cell" data-label="user agent"><span class="clip" title=${one.user_agent}>${one.user_agent || format.NOTHING}</span></td>
    <td role="cell" data-label="origin"><span class="clip short" title=${one.origin}>${one.origin || format.NOTHING}</span></td>
    <td role="cell" data-label="steps done"><${Steps} steps=${one.steps} /></td>
    <td role="cell" data-label="findings"><${Findings} findings=${one.findings} /></td>
    <td role="cell" data-label="frames" class="n">${format.count(one.frames)}</td>
  </tr>`;

function Steps({ steps }) {
  const done = STEPS.filter((step) => steps[step.key]);
  const text = `${done.length} of 4${done.length ? `: ${done.map((step) => step.name).join(', ')}` : ''}`;
  return html`<span class="hidden">${text}</span><span class="steps" aria-hidden="true" title=${text}>
    ${STEPS.map((step) => html`<i class=${steps[step.key] ? 'done' : ''}>${steps[step.key] ? '✓ ' : ''}${step.name}</i>`)}</span>`;
}

/** Rule codes; opened, what they mean and what to do. */
function Findings({ findings }) {
  const found = Object.entries(findings).filter(([, n]) => n > 0);
  if (!found.length) return html`<span class="quiet">none</span>`;
  const [most] = found.sort(([a], [b]) => (a < b ? -1 : 1));
  return html`
    <details class="findings">
      <summary>${found.length === 1 ? most[0] : `${most[0]} + ${found.length - 1}`}</summary>
      <ul>${found.map(([rule, n]) => html`<li key=${rule}><b>${rule}</b> <small>${format.count(n)}×</small> ${RULES[rule]?.join(' ') ?? ''}</li>`)}</ul>
    </details>`;
}
