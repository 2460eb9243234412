// Owns row 2, "Who is left?": the burn-down with its forecast, the tenants, and what is chosen for the list of clients.

import { html, useEffect, useState } from './vendor/htm/standalone.module.js';
import { ask } from './api.js';
import { Ago, Card, Empty, Num, Scroll, Stage } from './parts.js';
import { Chart } from './chart.js';
import { isEmpty } from './live.js';
import { Clients } from './clients.js';
import { stageName } from './words.js';
import * as format from './format.js';

const DAY = 86400;
/** A forecast further away is drawn as far as this. */
const MOST_DAYS = 60;
const NO_CHOICE = { q: '', tenant: '', show: 'left', order: 'last_seen', by: '' };

/** What was chosen stands in the address, so that a link leads to the same list. */
function chosen() {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(Object.entries(NO_CHOICE).map(([key, usual]) => [key, given.get(key) ?? usual]));
}

function remember(choice) {
  const url = new URL(location.href);
  for (const [key, usual] of Object.entries(NO_CHOICE)) {
    if (choice[key] === usual) url.searchParams.delete(key);
    else url.searchParams.set(key, choice[key]);
  }
  history.replaceState(null, '', url);
}

export function Left({ report, days, beat }) {
  const { left } = report;
  const [choice, set] = useState(chosen);
  const choose = (change) => {
    const next = { ...choice, ...change };
    remember(next);
    set(next);
  };
  return html`
    <section class="row" id="who" aria-labelledby="who-title" tabindex="-1">
      <header><h2 id="who-title">Who is left?</h2>
        <p>${left.clients
          ? html`<b>${format.count(left.clients)}</b> V2 ${left.clients === 1 ? 'client' : 'clients'}; ${format.many(left.tenants, 'tenant')} not done.`
          : isEmpty(report) ? 'Nobody was seen yet.' : `No V2 client came in ${format.span(report.quiet_seconds)} that has not moved.`}</p></header>
      <div class="grid">
        <div class="card w7"><${BurnDown} report=${report} days=${days} /></div>
        <${Card} title="Tenants" wide="w5"><${Tenants} report=${report} beat=${beat} tenant=${choice.tenant} choose=${choose} /><//>
        <${Card} title="V2 clients" note=${`${format.many(left.inventory, 'client')} remembered in all`} wide="w12"><${Clients} choice=${choice} choose=${choose} beat=${beat} tenants=${left.top} known=${left.inventory} /><//>
      </div>
    </section>`;
}

/** V2 clients by day, days without any as 0, and the forecast as a line down to 0. */
function BurnDown({ report, days }) {
  const { forecast, policy } = report;
  const seen = new Map(days.map((bucket) => [Date.parse(bucket.at) / 1000, bucket.v2_clients]));
  const now = Date.parse(report.at) / 1000;
  const at = [];
  if (!isEmpty(report) && days.length) for (let day = Date.parse(days[0].at) / 1000; day <= now; day += DAY) at.push(day);
  const falling = forecast.days !== null && forecast.per_day < 0;
  const line = (moment) => Math.max(0, -forecast.per_day * (forecast.days - (moment - now) / DAY));
  const end = falling ? now + Math.min(forecast.days, MOST_DAYS) * DAY : now;
  if (at.length && falling) {
    for (let day = at.at(-1) + DAY; day < end; day += DAY) at.push(day);
    at.push(end);
  }
  const from = now - (forecast.based_on_days + 1) * DAY;
  const series = [
    { label: 'V2 clients', color: 'v2', fill: 'v2-soft', write: format.count, values: at.map((day) => (day <= now ? seen.get(day) ?? 0 : null)) },
  ];
  if (falling) series.push({ label: 'forecast', color: 'text', dash: [5, 4], plain: true, write: (n) => format.count(Math.round(n)), values: at.map((day) => (day >= from ? line(day) : null)) });
  const marks = [];
  if (falling && forecast.days <= MOST_DAYS) marks.push({ at: end, label: `0 on ${format.dayOf(end * 1000)}` });
  if (policy.sunset) marks.push({ at: Date.parse(policy.sunset) / 1000, label: 'sunset', color: 'bad' });
  const first = days[0]?.v2_clients ?? 0;
  const summary = `V2 clients by day: from ${format.count(first)} to ${format.count(days.at(-1)?.v2_clients ?? 0)} in ${format.many(days.length, 'day')}. Forecast: ${forecast.text}.`;
  return html`
    <${Chart} title="V2 clients by day" note="the last day is not over" unit="distinct clients" at=${at} span="day" series=${series} marks=${marks} summary=${summary} />
    <p class="note forecast">${forecast.date && html`<b>Forecast:</b> `}<span data-field="forecast.text" data-as="text">${forecast.text}</span></p>`;
}

function Tenants({ report, beat, tenant, choose }) {
  const [all, setAll] = useState(null);
  const [wanted, want] = useState(false);
  useEffect(() => {
    if (wanted) ask('/tenants').then((answer) => setAll(answer.tenants), () => {});
  }, [wanted, beat]);
  const { top } = report.left;
  const list = (wanted && all) || top;
  if (!list.length) return html`<${Empty} />`;
  const more = report.progress.tenants - top.length;
  return html`
    <${Scroll} label="Tenants" tall>
      <table data-testid="tenants">
        <thead><tr><th scope="col">tenant</th><th scope="col">stage</th><th scope="col" class="n">V2 open</th><th scope="col" class="n">V3 open</th><th scope="col">last V2</th></tr></thead>
        <tbody>${list.map((one) => html`
          <tr key=${one.tenant} class=${one.tenant === tenant ? 'chosen' : ''}>
            <th scope="row"><button type="button" class="link id" aria-pressed=${String(one.tenant === tenant)} title=${`Show the V2 clients of ${one.tenant}`}
              onclick=${() => choose({ tenant: one.tenant === tenant ? '' : one.tenant })}>${one.tenant}</button></th>
            <td><${Stage} stage=${one.stage} name=${stageName(one.stage)} /></td>
            <td class="n">${format.count(one.v2_open)}</td><td class="n">${format.count(one.v3_open)}</td>
            <td><${Ago} at=${one.last_v2} /></td>
          </tr>`)}
        </tbody>
      </table>
    <//>
    <p class="note">${wanted && all
      ? html`All ${format.many(all.length, 'tenant')}, by name. <button type="button" class="link" onclick=${() => want(false)}>Only those not done</button>`
      : html`Not done; most V2 connections first.${more > 0 ? html` <button type="button" class="link" onclick=${() => want(true)}>Show all ${format.many(report.progress.tenants, 'tenant')}</button>` : ''}`}</p>`;
}
