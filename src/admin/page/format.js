// Owns how numbers, shares, times and spans are written on the page. Plain functions.

const numbers = new Intl.NumberFormat('en-US');
const rounded = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });

/** What stands where there is nothing to say. */
export const NOTHING = '–';

/** 12,345 */
export const count = (n) => (n === null || n === undefined ? NOTHING : numbers.format(n));

/** At most one place behind the point. */
export const about = (n) => rounded.format(n);

/** "1 client", "2 clients" */
export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;

/** 71.9%. Cut off, not rounded: 100% is only what is all, and 0% is only what is none. */
export function share(part) {
  if (part === null || part === undefined) return NOTHING;
  if (part > 0 && part < 0.001) return '<0.1%';
  // A little is added for shares such as 0.29, which a double holds a little below.
  return `${rounded.format(Math.floor(part * 1000 + 1e-9) / 10)}%`;
}

/** The words of `state` in a class name or a sentence: `v3_only` becomes "v3 only". */
export const words = (label) => label.replaceAll('_', ' ');

const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text);

/** Local time; a whole day stays the day it is in UTC. */
export const local = (text) => (isDay(text) ? day.format(new Date(text)) : moment.format(new Date(text)));

/** The same in UTC, for titles. */
export const utc = (text) => (isDay(text) ? `${text} UTC` : `${new Date(text).toISOString().slice(0, 19).replace('T', ' ')} UTC`);

/** The day in UTC. */
export const dayOf = (at) => day.format(new Date(at));

/** Hours, minutes and seconds, local. */
export const clockOf = (at) => clock.format(new Date(at));

const UNITS = [['day', 86400], ['h', 3600], ['min', 60], ['s', 1]];

/** A length of time in its largest unit: "3 s", "5 min", "2 h", "4 days". */
export function span(seconds) {
  // Days begin to count when there are two of them: "30 h" tells more than "1 day".
  const [unit, length] = UNITS.find(([unit, length]) => seconds >= (unit === 'day' ? 2 * length : length)) ?? UNITS[3];
  const n = Math.floor(seconds / length);
  return unit === 'day' ? many(n, 'day') : `${n} ${unit}`;
}

/** "3 s ago", "in 4 days", "now". */
export function ago(text, now = Date.now()) {
  const seconds = (now - new Date(text).getTime()) / 1000;
  if (Math.abs(seconds) < 1) return 'now';
  return seconds > 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
}
