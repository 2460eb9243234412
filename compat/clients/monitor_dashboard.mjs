#!/usr/bin/env -S node --experimental-websocket
// A page of the server monitor that shows the metrics, or the logs, of one server: it proves itself by its first frame,
// is "connected" only once it is told so, and never connects again.
//
//   monitor_dashboard.mjs URL TOKEN
//
// Commands: ping, send JSON, raw TEXT, close, quit

import { dial, obey, tell, tellFrame } from './console.mjs';

const [url, token] = process.argv.slice(2);
const socket = dial(url);
const say = (message) => socket.send(JSON.stringify(message));

socket.onopen = () => {
  tell('open');
  say({ type: 'auth', token });
};
socket.onerror = () => tell('error');
socket.onclose = ({ code, reason }) => tell('closed', { code, reason });
socket.onmessage = ({ data }) => {
  tellFrame(data);
  const frame = JSON.parse(data);
  switch (frame.type) {
    case 'auth_success':
      return tell('connected', { message: frame.message });
    case 'metrics':
      // A page reads the members without looking: what is not wrapped breaks it.
      return tell('metrics', { cpu: frame.data.cpu_percent, memory: frame.data.memory_percent });
    case 'log':
      return tell('log', { level: frame.data.level, message: frame.data.message });
    case 'alert':
      return tell('alert', { data: frame.data ?? frame });
    case 'error':
      return tell('trouble', { message: frame.message });
    case 'ping':
      return say({ type: 'pong' });
    case 'pong':
      return tell('pong');
    default:
      return tell('unknown', { type: frame.type });
  }
};

obey({
  ping: () => say({ type: 'ping' }),
  send: (json) => say(JSON.parse(json)),
  raw: (text) => socket.send(text),
  close: () => socket.close(),
});
