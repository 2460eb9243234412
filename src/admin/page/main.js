// Owns the page as a whole: the header with the verdict, the four rows, and what is said when the proxy is silent.

import { html, render, useEffect, useState } from './vendor/htm/standalone.module.js';
import { Ago, Icon, Num } from './parts.js';
import { UNKNOWN, isEmpty, live, period } from './live.js';
import * as format from './format.js';
import { Progress } from './progress.js';
import { Left } from './left.js';
import { Loss } from './loss.js';
import { Retire } from './retire.js';
import { Start } from './start.js';

function App() {
  const [state, set] = useState(UNKNOWN);
  useEffect(() => void live(set), []);
  const { report, problem } = state;
  useEffect(() => void document.documentElement.classList.toggle('stale', Boolean(problem)), [problem]);
  return html`
    <a class="skip" href="#who" data-testid="skip">Skip to who is left</a>
    <header class="top">
      <div class="bar">
        <h1>Migration <span>from V2 to V3</span></h1>
        <p class="about">
          <span>aether-proxy${report ? ` ${report.version}` : ''}</span>
          ${report && html`<span><${Num} field="nodes" n=${report.nodes} /> ${report.nodes === 1 ? 'node' : 'nodes'}</span>`}
          ${report && html`<${Updated} state=${state} />`}
        </p>
      </div>
      <div role="status">${problem && report && html`<${Silent} problem=${problem} answered=${state.answered} />`}</div>
      ${report && html`<${Verdict} report=${report} />`}
      ${report && html`<${Answers} report=${report} />`}
    </header>
    <main aria-busy=${String(!report)}>
      ${report ? html`<${Rows} state=${state} />` : html`<${Waiting} problem=${problem} />`}
    </main>
    <footer>
      <p>The same as JSON: <a href="api/v1/migration">report</a>, <a href="api/v1/migration/clients">clients</a>, <a href="api/v1/migration/tenants">tenants</a>, <a href="api/v1/migration/history?span=day">history</a>, <a href="api/v1/migration/events">events</a>. On the command line: <code>aether-proxy report</code>.</p>
      <p>Times are yours; point at one for UTC. Hours and days are cut in UTC.</p>
    </footer>`;
}

const Rows = ({ state }) => html`
  ${isEmpty(state.report) && html`<${Start} />`}
  <${Progress} report=${state.report} hours=${state.hours} days=${state.days} />
  <${Left} report=${state.report} days=${state.days} beat=${state.beat} />
  <${Loss} report=${state.report} hours=${state.hours} shadow=${state.shadow} />
  <${Retire} report=${state.report} events=${state.events} />`;

const Waiting = ({ problem }) =>
  problem
    ? html`<div class="alone" role="alert"><${Icon} name="warn" /><p><strong>${problem.text}</strong> This page asks again every ${period()} s.</p></div>`
    : html`<p class="alone">Asking the proxy…</p>`;

/** How fresh the page is. */
function Updated({ state }) {
  return html`<span class=${state.problem ? 'bad' : ''} data-at=${state.report.at} data-beat=${state.beat}>
    ${state.problem ? 'last updated' : html`<i class="pulse" aria-hidden="true"></i>updated`} <${Ago} at=${state.report.at} />
  </span>`;
}

const Silent = ({ problem, answered }) => html`
  <p class="silent" data-testid="silent"><${Icon} name="warn" /><span><strong>${problem.text}</strong> What stands here was true at ${format.clockOf(answered)} and may be no longer.</span></p>`;

const Verdict = ({ report }) => {
  const { safe_to_retire: safe, text } = report.verdict;
  const failed = report.gates.some((gate) => gate.counts && gate.state === 'fail');
  return html`
    <div class=${`verdict ${safe ? 'pass' : 'fail'}`} data-testid="verdict">
      <${Icon} name=${safe ? 'pass' : failed ? 'fail' : 'unknown'} />
      <p><span>May V2 be switched off?</span> <strong data-field="verdict.text" data-as="text">${text}</strong></p>
    </div>`;
};

/** The four answers, each a way to its row. */
const Answers = ({ report }) => {
  const { progress, left, loss, forecast, gates } = report;
  const counted = gates.filter((gate) => gate.counts);
  const holding = counted.filter((gate) => gate.state === 'pass');
  return html`
    <nav class="answers" aria-label="The four questions">
      <a href="#far"><span class="q">How far are we?</span>
        <b><${Num} field="progress.v3_share_of_clients" n=${progress.v3_share_of_clients} as="share" /></b>
        <span class="a">${progress.v3_share_of_clients === null ? 'no client within 24 h' : 'of clients speak V3'}</span></a>
      <a href="#who"><span class="q">Who is left?</span>
        <b class=${left.clients ? 'v2' : ''}><${Num} field="left.clients" n=${left.clients} /></b>
        <span class="a">V2 ${left.clients === 1 ? 'client' : 'clients'}; <${Num} field="left.tenants" n=${left.tenants} /> ${left.tenants === 1 ? 'tenant' : 'tenants'} not done</span></a>
      <a href="#lost"><span class="q">Is anything being lost?</span>
        <b class=${loss.lost ? 'bad' : ''}><${Num} field="loss.lost" n=${loss.lost} /></b>
        <span class="a">lost in ${format.span(report.quiet_seconds)}</span></a>
      <a href="#when"><span class="q">When can V2 be switched off?</span>
        <b>${report.verdict.safe_to_retire ? 'now' : forecast.date ? format.dayOf(forecast.date) : 'no forecast'}</b>
        <span class="a">${holding.length} of ${counted.length} gates hold</span></a>
    </nav>`;
};

render(html`<${App} />`, document.getElementById('app'));
