// Owns row 4, "When can V2 be switched off?": gates, dates, policy, exemptions, the journal.

import { html } from './vendor/htm/standalone.module.js';
import { Ago, Card, Empty, Icon, Scroll, Time } from './parts.js';
import { Timeline } from './timeline.js';
import { EVENTS } from './words.js';
import * as format from './format.js';

export function Retire({ report, events }) {
  const { gates, policy } = report;
  return html`
    <section class="row" id="when" aria-labelledby="when-title" tabindex="-1">
      <header><h2 id="when-title">When can V2 be switched off?</h2>
        <p>${report.verdict.safe_to_retire
          ? html`<b>Now.</b> Every gate that counts holds.`
          : `Not yet: ${lacking(gates)}.`}</p></header>
      <div class="grid">
        <${Card} title="Gates" note=${`looking back ${format.span(report.quiet_seconds)}`} wide="w7"><${Gates} gates=${gates} /><//>
        <div class="beside w5">
          <${Card} title="Dates"><${Dates} report=${report} /><//>
          <${Card} title="Exemptions" note="who is let in all the same"><${Exemptions} list=${policy.exemptions} /><//>
        </div>
        <${Card} title="Policy" note="what V2 clients are told, rule by rule" wide="w12">
          <${Switches} policy=${policy} />
          <${Timeline} report=${report} events=${events} />
        <//>
        <${Card} title="Journal" note="latest first" wide="w12"><${Journal} events=${events} /><//>
      </div>
    </section>`;
}

/** "2 gates do not hold, 1 gate is not known yet" */
function lacking(gates) {
  const n = (state) => gates.filter((gate) => gate.counts && gate.state === state).length;
  const [failed, unknown] = [n('fail'), n('unknown')];
  const said = [];
  if (failed) said.push(`${format.many(failed, 'gate')} ${failed === 1 ? 'does' : 'do'} not hold`);
  if (unknown) said.push(`${format.many(unknown, 'gate')} ${unknown === 1 ? 'is' : 'are'} not known yet`);
  return said.join(', ') || 'no gate counts';
}

const STATE = { pass: 'holds', fail: 'does not hold', unknown: 'not known yet' };

const Gates = ({ gates }) =>
  gates.length
    ? html`<ul class="gates" data-testid="gates">${gates.map((gate) => html`
        <li key=${gate.gate} class=${gate.state} data-gate=${gate.gate} data-state=${gate.state}>
          <${Icon} name=${gate.state} />
          <div><p><b>${gate.title}</b>${gate.counts ? '' : html` <small class="tag">does not count</small>`}</p>
            <p class="detail"><span class="state">${STATE[gate.state] ?? gate.state}</span>${gate.detail ? ': ' : ''}<span data-testid="detail">${gate.detail}</span></p></div>
        </li>`)}</ul>`
    : html`<${Empty}>No gate is configured.<//>`;

function Dates({ report }) {
  const { forecast, policy } = report;
  const late = forecast.date && policy.sunset && new Date(forecast.date) > new Date(policy.sunset);
  const date = (at, otherwise) => (at ? html`<b><${Time} at=${at} /></b> <small><${Ago} at=${at} /></small>` : html`<span class="quiet">${otherwise}</span>`);
  return html`
    <dl class="dates">
      <div><dt>Last V2 client gone <small>forecast</small></dt><dd>${date(forecast.date, 'no forecast')}
        ${late && html`<p class="bad"><${Icon} name="warn" />after the sunset</p>`}</dd></div>
      <div><dt>Deprecation <small>told with each V2 handshake</small></dt><dd>${date(policy.deprecation, 'not set (policy.deprecation)')}</dd></div>
      <div><dt>Sunset <small>when V2 is meant to end</small></dt><dd>${date(policy.sunset, 'not set (policy.sunset)')}</dd></div>
    </dl>`;
}

const Switches = ({ policy }) => html`
  ${policy.paused && html`<p class="switch warn"><${Icon} name="warn" /><span><b>Paused:</b> nothing below refuses anybody (policy.pause).</span></p>`}
  ${policy.dry_run && html`<p class="switch warn"><${Icon} name="warn" /><span><b>Dry run:</b> what would be refused is let in and counted (policy.dry_run).</span></p>`}
  ${policy.new_tenants_blocked && html`<p class="switch"><${Icon} name="pass" /><span>New tenants must begin with V3.</span></p>`}`;

const Exemptions = ({ list }) =>
  list.length
    ? html`<${Scroll} label="Exemptions"><table>
        <thead><tr><th scope="col">name</th><th scope="col">whom</th><th scope="col">until</th></tr></thead>
        <tbody>${list.map((one) => html`<tr key=${one.name} class=${one.active ? '' : 'over'}>
          <th scope="row">${one.name}<small>${one.reason}</small></th><td>${one.who}</td>
          <td><${Time} at=${one.until} /><small>${one.active ? html`ends <${Ago} at=${one.until} />` : 'ended'}</small></td></tr>`)}</tbody>
      </table><//>`
    : html`<${Empty}>None.<//>`;

const Journal = ({ events }) =>
  events.length
    ? html`<${Scroll} label="Journal" tall><ol class="journal" data-testid="journal">${events.slice(0, 100).map((event) => html`
        <li key=${`${event.at} ${event.kind} ${event.subject} ${event.to}`}><${Time} at=${event.at} /><span>${EVENTS[event.kind] ?? event.kind} <b class="id">${event.subject}</b> ${event.from ? `${format.words(event.from)} → ` : ''}${format.words(event.to)}</span></li>`)}</ol><//>`
    : html`<${Empty}>Nothing happened yet. Tenants that move and rules that begin or end are written down here.<//>`;
