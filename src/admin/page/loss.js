// Owns row 3, "Is anything being lost?": the ledger of deliveries, the law checks, the legacy server's word, losses by hour.

import { html } from './vendor/htm/standalone.module.js';
import { Card, Empty, Icon, Num, Scroll, Time } from './parts.js';
import { isEmpty } from './live.js';
import { Chart } from './chart.js';
import * as format from './format.js';

export function Loss({ report, hours, shadow }) {
  const { loss, quiet_seconds: quiet } = report;
  const span = format.span(quiet);
  const answer = !loss.expected && !loss.lost
    ? `Nothing had to be delivered in ${span}.`
    : loss.lost
      ? html`<b class="bad">${format.count(loss.lost)}</b> lost in ${span}.`
      : html`<b>Nothing</b> was lost in ${span}.`;
  return html`
    <section class="row" id="lost" aria-labelledby="lost-title" tabindex="-1">
      <header><h2 id="lost-title">Is anything being lost?</h2><p>${answer}</p></header>
      <div class="grid">
        <${Card} title="Ledger of deliveries" note=${`last ${span}`} wide="w4"><${Ledger} loss=${loss} /><//>
        <${Card} title="Checks" note=${`last ${span}`} wide="w3"><${Checks} loss=${loss} /><//>
        <div class="card w5"><${ByHour} report=${report} hours=${hours} /></div>
        ${shadow?.on && html`<${Card} title="Differences from the legacy server" note="the last, as this proxy sees them" wide="w12"><${Differences} shadow=${shadow} /><//>`}
      </div>
    </section>`;
}

function Ledger({ loss }) {
  const open = loss.expected - loss.delivered - loss.suppressed - loss.lost;
  const line = (name, about, key, mark = '') => html`
    <tr class=${mark}><th scope="row">${name}<small>${about}</small></th><td class="n"><${Num} field=${`loss.${key}`} n=${loss[key]} /></td></tr>`;
  return html`
    <table class="ledger">
      <thead class="hidden"><tr><th scope="col">what</th><th scope="col">deliveries</th></tr></thead>
      <tbody>
        ${line('Delivered', 'written to the receiver', 'delivered')}
        ${line('Suppressed', 'left out on purpose', 'suppressed')}
        ${line('Lost', 'must be 0', 'lost', loss.lost ? 'bad' : '')}
        ${open > 0 && html`<tr><th scope="row">On the way<small>not booked yet</small></th><td class="n" data-testid="open">${format.count(open)}</td></tr>`}
        ${open < 0 && html`<tr><th scope="row">Owed before<small>booked now, or lost before it was owed</small></th><td class="n" data-testid="open">${format.count(open)}</td></tr>`}
      </tbody>
      <tfoot>${line('Expected', 'deliveries owed', 'expected')}</tfoot>
    </table>`;
}

const Checks = ({ loss }) => html`
  <dl class="checks">
    <${Check} name="Translation laws" about="translated there and back, live" good=${loss.checks - loss.mismatches} bad=${loss.mismatches} total=${loss.checks}
      fields=${['loss.checks', 'loss.mismatches']} words=${['check', 'difference']} />
    <${Check} name="Legacy server" about="receivers got the same from it" good=${loss.shadow_matches} bad=${loss.shadow_mismatches} total=${loss.shadow_matches}
      fields=${['loss.shadow_matches', 'loss.shadow_mismatches']} words=${['match', 'difference']} />
  </dl>`;

function Check({ name, about, bad, total, fields, words }) {
  const state = bad ? 'fail' : total ? 'pass' : 'unknown';
  return html`
    <div class=${state}>
      <dt><${Icon} name=${state} />${name} <small>${about}</small></dt>
      <dd><b><${Num} field=${fields[1]} n=${bad} /></b> ${words[1]}${bad === 1 ? '' : 's'}, <${Num} field=${fields[0]} n=${total} /> ${words[0]}${total === 1 ? '' : words[0] === 'match' ? 'es' : 's'}</dd>
    </div>`;
}

const DIFFERENCES = { missing_here: 'missing here', missing_there: 'missing there', order: 'in another order' };

/** Who got something else; what it was is not told. */
const Differences = ({ shadow }) => html`
  <p class="note">${format.many(shadow.connections, 'connection')} to it now, ${shadow.percent}% of groups. ${format.count(shadow.comparisons.ignored ?? 0)} not comparable, ${format.count(shadow.comparisons.noise ?? 0)} differed between its two instances.</p>
  ${shadow.findings.length
    ? html`<${Scroll} label="Differences from the legacy server">
        <table data-testid="differences">
          <thead><tr><th scope="col">when</th><th scope="col">tenant</th><th scope="col">group</th><th scope="col">recipient</th><th scope="col">difference</th><th scope="col">frame</th></tr></thead>
          <tbody>${shadow.findings.map((one, n) => html`
            <tr key=${n}><td><${Time} at=${one.at} /></td><td class="id">${one.tenant}</td><td class="id">${one.group}</td><th scope="row" class="id">${one.recipient}</th>
              <td>${DIFFERENCES[one.difference] ?? one.difference}</td><td title=${one.hash}>${one.kind}, ${format.count(one.bytes)} B</td></tr>`)}</tbody>
        </table><//>`
    : html`<${Empty}>No difference was found since this proxy started.<//>`}`;

/** Hours in which nothing was seen had nothing to lose. */
function ByHour({ report, hours }) {
  if (isEmpty(report) || !hours.length) return html`<${Chart} title="Lost by the hour" at=${[]} series=${[]} />`;
  const now = Math.floor(Date.parse(report.at) / 3600e3) * 3600;
  const first = Math.max(Date.parse(hours[0].at) / 1000, now - report.quiet_seconds);
  const lost = new Map(hours.map((bucket) => [Date.parse(bucket.at) / 1000, bucket.tally.lost ?? 0]));
  const at = [];
  for (let hour = first; hour <= now; hour += 3600) at.push(hour);
  const values = at.map((hour) => lost.get(hour) ?? 0);
  const sum = values.reduce((sum, n) => sum + n, 0);
  const worst = values.indexOf(Math.max(...values));
  const summary = sum
    ? `${format.count(sum)} lost in ${format.many(at.length, 'hour')}; most at ${format.local(new Date(at[worst] * 1000).toISOString())}: ${format.count(values[worst])}.`
    : `Nothing lost in ${format.many(at.length, 'hour')}.`;
  return html`<${Chart} title="Lost by the hour" note=${sum ? '' : 'all hours are 0'} unit="messages and deliveries" at=${at} span="hour"
    series=${[{ label: 'lost', color: 'bad', bars: true, values, write: format.count }]} summary=${summary} />`;
}
