#!/usr/bin/env -S node --experimental-websocket
// The dashboard of Vectra: it asks for the worker's status when it comes, keeps itself alive with the text `ping`,
// takes every other frame for JSON, and comes again three seconds after it has lost its connection, for ever.
//
//   vectra_dashboard.mjs URL            RETRY_MS (3000), PING_MS (30000)
//
// Commands: status, ping, raw TEXT, close, quit

import { dial, milliseconds, obey, tell, tellFrame } from './console.mjs';

const [address] = process.argv.slice(2);
const url = new URL(address);
url.searchParams.set('client_type', 'client');

let socket;
let beat;

function connect() {
  socket = dial(url);
  socket.onopen = () => {
    tell('open');
    socket.send('get_worker_status');
    beat = setInterval(() => socket.send('ping'), milliseconds('PING_MS', 30000));
  };
  socket.onerror = () => tell('error');
  socket.onclose = ({ code, reason }) => {
    clearInterval(beat);
    tell('closed', { code, reason });
    setTimeout(() => {
      tell('reconnecting');
      connect();
    }, milliseconds('RETRY_MS', 3000));
  };
  socket.onmessage = ({ data }) => {
    tellFrame(data);
    if (data === 'pong') return tell('pong');
    const frame = JSON.parse(data);
    if (frame.type === 'WORKER_STATUS') return tell('status', { status: frame.status, metadata: frame.metadata });
    return tell('heard', { type: frame.type });
  };
}

connect();
obey({
  status: () => socket.send('get_worker_status'),
  ping: () => socket.send('ping'),
  raw: (text) => socket.send(text),
  close: () => socket.close(),
});
