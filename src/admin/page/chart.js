// Owns how a chart is drawn: uPlot in a figure with a title, a legend that reads out, a sentence for those who do not
// see it, and the numbers as a table. What is drawn is the rows' matter.

import { html, useEffect, useRef, useState } from './vendor/htm/standalone.module.js';
import uPlot from './vendor/uplot/uPlot.esm.js';
import { Empty, Scroll } from './parts.js';
import * as format from './format.js';

const HEIGHT = 210;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n) => String(n).padStart(2, '0');

/** A moment on the axis, in words: days are cut in UTC, hours are local. */
export function moment(at, span) {
  const date = new Date(at * 1000);
  return span === 'day'
    ? `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`
    : `${date.getDate()} ${MONTHS[date.getMonth()]} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/**
 * `series`: `{ label, color, values, write, dash, bars, plain }`; `marks`: upright lines `{ at, label }`; `at`: seconds
 * since 1970; `plain` series are left out of the table.
 */
export const Chart = (what) =>
  what.at.length
    ? html`<${Drawn} ...${what} />`
    : html`<figure class="chart"><figcaption>${what.title}</figcaption><${Empty} /></figure>`;

function Drawn({ title, note, summary, at, span, series, marks = [], unit, max }) {
  const write = (one, value) => (value === null || value === undefined ? format.NOTHING : one.write(value));
  const [shown, show] = useState(null);
  const index = shown === null ? last(at, series) : Math.min(shown, at.length - 1);
  return html`
    <figure class="chart">
      <figcaption>${title}${note ? html` <small>${note}</small>` : ''}</figcaption>
      <ul class="legend" aria-hidden="true">
        ${series.map((one) => html`<li key=${one.label}><svg width="22" height="10" viewBox="0 0 22 10"><line x1="1" x2="21" y1="5" y2="5" class=${one.bars ? 'bar' : ''} stroke=${`var(--${one.color})`} stroke-dasharray=${one.dash?.join(' ')} /></svg>${one.label} <b>${write(one, one.values[index])}</b></li>`)}
        <li class="when">${moment(at[index], span)}</li>
      </ul>
      <${Canvas} at=${at} span=${span} series=${series} marks=${marks} unit=${unit} max=${max} summary=${summary} show=${show} />
      <${Numbers} title=${title} at=${at} span=${span} series=${series.filter((one) => !one.plain)} write=${write} />
    </figure>`;
}

/** The last moment at which something was seen. */
function last(at, series) {
  for (let i = at.length - 1; i > 0; i -= 1) {
    if (series.some((one) => !one.plain && one.values[i] !== null && one.values[i] !== undefined)) return i;
  }
  return 0;
}

/** The numbers, for those who would rather read. */
function Numbers({ title, at, span, series, write }) {
  const [open, set] = useState(false);
  const seen = at.map((moment, i) => [moment, i]).filter(([, i]) => series.some((one) => one.values[i] !== null));
  return html`
    <details class="as-table" ontoggle=${(event) => set(event.target.open)}>
      <summary>As a table<span class="hidden">: ${title}</span></summary>
      ${open && html`<${Scroll} label=${title} tall>
        <table>
          <thead><tr><th scope="col">${span === 'day' ? 'day (UTC)' : 'hour'}</th>${series.map((one) => html`<th scope="col" class="n">${one.label}</th>`)}</tr></thead>
          <tbody>${seen.reverse().map(([moment_, i]) => html`
            <tr key=${moment_} data-at=${moment_}><th scope="row">${moment(moment_, span)}</th>${series.map((one) => html`<td class="n">${write(one, one.values[i])}</td>`)}</tr>`)}
          </tbody>
        </table>
      <//>`}
    </details>`;
}

/** Follows the system's colours. */
function useScheme() {
  const query = matchMedia('(prefers-color-scheme: dark)');
  const [dark, set] = useState(query.matches);
  useEffect(() => {
    const change = () => set(query.matches);
    query.addEventListener('change', change);
    return () => query.removeEventListener('change', change);
  }, []);
  return dark;
}

/** The drawing. It is made anew when its shape or the colours change, and fed when only numbers do. */
function Canvas({ at, span, series, marks, unit, max, summary, show }) {
  const box = useRef(null);
  const plot = useRef(null);
  const now = useRef({});
  now.current = { marks, span, show };
  const dark = useScheme();
  const data = [at, ...series.map((one) => one.values)];
  const shape = JSON.stringify([dark, span, unit, series.map((one) => one.label), Boolean(max)]);
  useEffect(() => {
    const made = new uPlot(options({ box: box.current, series, unit, max, now }), data, box.current);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: box.current.clientWidth, height: HEIGHT }));
    watch.observe(box.current);
    return () => (watch.disconnect(), made.destroy());
  }, [shape]);
  useEffect(() => {
    if (plot.current && plot.current.data !== data) plot.current.setData(data);
  }, [JSON.stringify(data), JSON.stringify(marks)]);
  return html`<div class="canvas" ref=${box} role="img" aria-label=${summary}></div>`;
}

function options({ box, series, unit, max, now }) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: color('muted'), font, labelFont: font, labelSize: 18, labelGap: 2, ticks: { stroke: color('line'), width: 1, size: 4 }, grid: { stroke: color('line'), width: 1 } };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    padding: [10, 26, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 7 }, y: false },
    // Days are cut in UTC: drawn in local time they would stand between two days.
    tzDate: (at) => (now.current.span === 'day' ? uPlot.tzDate(new Date(at * 1000), 'Etc/UTC') : new Date(at * 1000)),
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, max ?? Math.max(4, (high ?? 0) * 1.08)] } },
    axes: [
      { ...axis, grid: { show: false }, size: 28, space: 64, values: (_, splits) => splits.map((at, i) => tick(at, splits[i - 1], now.current.span)) },
      { ...axis, size: 52, space: 34, label: unit, incrs: max ? undefined : [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7, 1e8], values: (_, splits) => splits.map((n) => (max ? `${Math.round(n * 100)}` : format.count(n))) },
    ],
    series: [{}, ...series.map((one) => ({
      label: one.label,
      stroke: color(one.color),
      fill: one.bars ? color(one.color) : one.fill && color(one.fill),
      width: one.bars ? 0 : one.dash ? 1.5 : 2,
      dash: one.dash,
      spanGaps: !one.bars,
      paths: one.bars ? uPlot.paths.bars({ size: [0.7, 40], align: 0 }) : undefined,
      points: one.plain || one.bars ? { show: false } : { size: 5, width: 1, fill: color(one.color) },
    }))],
    hooks: {
      setCursor: [(plot) => now.current.show(plot.cursor.idx ?? null)],
      draw: [(plot) => now.current.marks.forEach((mark) => upright(plot, mark, color, font))],
    },
  };
}

/** A tick's text: days as days, hours with their day where it changes. */
function tick(at, before, span) {
  const text = moment(at, span);
  if (span === 'day') return text;
  const [day, month, time] = text.split(' ');
  const same = before !== undefined && new Date(before * 1000).getDate() === new Date(at * 1000).getDate();
  return same ? time : time === '00:00' ? `${day} ${month}` : text;
}

/** An upright line with a word at its top. */
function upright(plot, mark, color, font) {
  if (mark.at < plot.scales.x.min || mark.at > plot.scales.x.max) return;
  const ratio = devicePixelRatio;
  const { ctx, bbox } = plot;
  const x = plot.valToPos(mark.at, 'x', true);
  ctx.save();
  ctx.strokeStyle = color(mark.color ?? 'muted');
  ctx.fillStyle = color(mark.color ?? 'muted');
  ctx.lineWidth = ratio;
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.font = font.replace('12px', `${12 * ratio}px`);
  ctx.textBaseline = 'top';
  const right = x > bbox.left + bbox.width * 0.7;
  ctx.textAlign = right ? 'right' : 'left';
  ctx.fillText(mark.label, x + (right ? -4 : 4) * ratio, bbox.top + 2 * ratio);
  ctx.restore();
}
