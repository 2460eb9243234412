// Owns how the programs in Node are watched and told what to do: a line of JSON for each event on standard output, a
// command a line on standard input. Knows nothing of any protocol.

import { createInterface } from 'node:readline';

if (typeof WebSocket === 'undefined') {
  console.error('there is no WebSocket here: Node 22, or Node 20.10 with --experimental-websocket');
  process.exit(69);
}

/** Says what happened. A pipe is written at once, so the order of lines is the order of events. */
export function tell(event, more = {}) {
  process.stdout.write(JSON.stringify({ event, ...more }) + '\n');
}

/** Says what came, as it came, before anybody looks into it. */
export function tellFrame(data) {
  tell('frame', typeof data === 'string' ? { text: data } : { binary: true });
}

/** A WebSocket as browsers have it: where there was no connection at all, Node before 24 leaves out the `close`. */
export function dial(url) {
  const socket = new WebSocket(url);
  socket.addEventListener('error', () => {
    if (socket.readyState !== WebSocket.CONNECTING) return;
    socket.dispatchEvent(Object.assign(new Event('close'), { code: 1006, reason: '' }));
  });
  return socket;
}

/** What a page would show in its console: an error nobody caught does not end it. */
process.on('uncaughtException', (error) => tell('uncaught', { name: error.name, message: error.message }));

/** Obeys until `quit`, or until nobody is there to say it. A command gets the rest of its line. */
export function obey(commands) {
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const [, name, rest] = /^(\S*)\s?(.*)$/s.exec(line);
    if (name === 'quit') process.exit(0);
    const command = commands[name];
    if (command) command(rest);
    else tell('unknown_command', { name });
  });
  lines.on('close', () => process.exit(0));
}

/** The first word of a text, and the JSON behind it. */
export function wordAndJson(rest) {
  const [, word, json] = /^(\S*)\s*(.*)$/s.exec(rest);
  return [word, json ? JSON.parse(json) : undefined];
}

/** Milliseconds from the environment. */
export function milliseconds(name, otherwise) {
  return Number(process.env[name] ?? otherwise);
}
