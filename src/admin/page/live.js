// Owns the loop that keeps the page up to date: asks every few seconds, rests while nobody looks, and remembers what
// was true last when the proxy does not answer.

import { ask } from './api.js';
import { follow } from './parts.js';

/** History, events and tenants change slower than the report: they are asked for every so many turns. */
export const SLOW = 6;

/** How often to ask, in seconds: `?refresh=` of the page's address, 1 to 60. */
export function period() {
  const wanted = Number(new URLSearchParams(location.search).get('refresh'));
  return wanted >= 1 && wanted <= 60 ? wanted : 5;
}

/** What the page knows before it has asked. */
export const UNKNOWN = { report: null, hours: [], days: [], events: [], beat: 0, answered: 0, problem: null, shadow: null };

/** Starts the loop; `tell` gets the whole state after each turn. Returns what asks at once. */
export function live(tell) {
  let state = UNKNOWN;
  let timer = 0;
  let turns = 0;
  let busy = false;
  const set = (change) => tell((state = { ...state, ...change }));

  async function slow() {
    const [hours, days, events, shadow] = await Promise.all([
      ask('/history', { span: 'hour' }),
      ask('/history', { span: 'day' }),
      ask('/events'),
      ask('/shadow'),
    ]);
    return { hours: hours.buckets, days: days.buckets, events: events.events, shadow };
  }

  async function turn() {
    if (busy) return;
    busy = true;
    clearTimeout(timer);
    try {
      const report = await ask('');
      const due = turns % SLOW === 0 || state.problem || stands(report) !== stands(state.report);
      const rest = due ? await slow() : {};
      turns += 1;
      follow(report.at);
      set({ report, ...rest, beat: state.beat + 1, answered: Date.now(), problem: null });
    } catch (error) {
      set({ problem: { text: error.message } });
    }
    busy = false;
    if (!document.hidden) timer = setTimeout(turn, period() * 1000);
  }

  document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : turn()));
  turn();
  return turn;
}

/** Has anybody ever come? The store remembers since when it is there, whoever came. */
export const isEmpty = (report) => !report.progress.tenants && !report.left.inventory;

/** What of the report is worth a new look at events and history at once. */
function stands(report) {
  return report && JSON.stringify([report.progress.stages, report.policy.rules.map((rule) => rule.now), report.since]);
}
