// Owns row 1, "How far are we?": V3's share now and over time, the guide's four steps, tenants by stage.

import { html } from './vendor/htm/standalone.module.js';
import { Card, Empty, Num } from './parts.js';
import { isEmpty } from './live.js';
import { Chart } from './chart.js';
import { STAGES, STEPS } from './words.js';
import * as format from './format.js';

const THREE_DAYS = 3 * 86400e3;

export function Progress({ report, hours, days }) {
  const { progress } = report;
  const share = progress.v3_share_of_clients;
  return html`
    <section class="row" id="far" aria-labelledby="far-title" tabindex="-1">
      <header><h2 id="far-title">How far are we?</h2>
        <p>${share === null ? 'Nobody was here within 24 hours.' : html`<b>${format.share(share)}</b> of the clients of the last 24 hours speak V3.`}</p></header>
      <div class="grid">
        <${Card} title="V3’s share" wide="w4">
          <${Meter} name="of clients" note="last 24 h" field="progress.v3_share_of_clients" share=${share}
            v2=${html`<${Num} field="progress.v2_clients_24h" n=${progress.v2_clients_24h} />`} v3=${html`<${Num} field="progress.v3_clients_24h" n=${progress.v3_clients_24h} />`} />
          <${Meter} name="of messages" note="last 24 h" field="progress.v3_share_of_messages" share=${progress.v3_share_of_messages} />
          <${Meter} name="of connections" note="open now" field="progress.v3_share_of_connections" share=${progress.v3_share_of_connections}
            v2=${html`<${Num} field="progress.v2_open" n=${progress.v2_open} />`} v3=${html`<${Num} field="progress.v3_open" n=${progress.v3_open} />`} />
        <//>
        <div class="card w8"><${Shares} report=${report} hours=${hours} days=${days} /></div>
        <${Card} title="The guide’s four steps" note="clients of the last 24 h that have done each" wide="w6"><${Steps} progress=${progress} /><//>
        <${Card} title="Tenants by stage" note=${format.many(progress.tenants, 'tenant')} wide="w6"><${Stages} progress=${progress} /><//>
      </div>
    </section>`;
}

const Meter = ({ name, note, field, share, v2, v3 }) => html`
  <div class="meter">
    <p><b><${Num} field=${field} n=${share} as="share" /></b> <span>${name}</span> <small>${note}</small></p>
    <div class="track" aria-hidden="true"><i class=${share === null ? 'none' : 'v2'}></i>${share ? html`<i class="v3" style=${{ width: `${share * 100}%` }}></i>` : ''}</div>
    ${v2 && html`<p class="sides"><span class="v3">V3 ${v3}</span><span class="v2">V2 ${v2}</span></p>`}
  </div>`;

function Shares({ report, hours, days }) {
  const young = !report.since || new Date(report.at) - new Date(report.since) <= THREE_DAYS;
  const span = young ? 'hour' : 'day';
  const buckets = isEmpty(report) ? [] : young ? hours : days;
  const at = buckets.map((bucket) => Date.parse(bucket.at) / 1000);
  const part = (v2, v3) => (v2 + v3 ? v3 / (v2 + v3) : null);
  const clients = buckets.map((b) => part(b.v2_clients, b.v3_clients));
  const series = [
    { label: 'clients', color: 'v3', write: format.share, values: clients, fill: 'v3-soft' },
    { label: 'messages', color: 'blue', dash: [6, 3], write: format.share, values: buckets.map((b) => part(b.tally.v2_frames ?? 0, b.tally.v3_frames ?? 0)) },
    { label: 'connections', color: 'muted', dash: [2, 3], write: format.share, values: buckets.map((b) => part(b.v2_open, b.v3_open)) },
  ];
  const known = clients.filter((value) => value !== null);
  const summary = `V3’s share of clients by ${span}: from ${format.share(known[0])} to ${format.share(known.at(-1))} in ${format.many(buckets.length, span)}.`;
  return html`<${Chart} title="V3’s share over time" note=${young ? 'by the hour' : 'by the day'} unit="share of V3, %" max=${1}
    at=${at} span=${span} series=${series} summary=${summary} />`;
}

function Steps({ progress }) {
  const all = progress.v2_clients_24h + progress.v3_clients_24h;
  if (!all) return html`<${Empty} />`;
  return html`
    <ol class="bars">
      ${STEPS.map((step, i) => {
        const n = progress.steps[step.key];
        return html`<li key=${step.key} title=${step.about}>
          <span class="name">${i + 1}. ${step.name}<span class="hidden"> (${step.about})</span></span>
          <span class="track" aria-hidden="true"><i style=${{ width: `${Math.min(100, (n / all) * 100)}%` }}></i></span>
          <span class="n"><${Num} field=${`progress.steps.${step.key}`} n=${n} /> <small>${format.share(Math.min(1, n / all))}</small></span>
        </li>`;
      })}
    </ol>
    <p class="note">Of about ${format.many(all, 'client')}. Each step is proven by what a client does, never by what it says.</p>`;
}

function Stages({ progress }) {
  if (!progress.tenants) return html`<${Empty} />`;
  const counts = STAGES.map((stage) => ({ ...stage, n: progress.stages[stage.key] ?? 0 }));
  return html`
    <div class="stack" aria-hidden="true">${counts.filter((stage) => stage.n).map((stage) => html`<i key=${stage.key} class=${stage.key} style=${{ flexGrow: stage.n }}>${stage.n}</i>`)}</div>
    <ul class="keys">
      ${counts.map((stage) => html`<li key=${stage.key}><i class=${stage.key} aria-hidden="true"></i><b><${Num} field=${`progress.stages.${stage.key}`} n=${stage.n} /></b> ${stage.name} <small>${stage.about}</small></li>`)}
    </ul>`;
}
