#!/usr/bin/env -S node --experimental-websocket
// A page of Valtronics, as its guide's JavaScript client is: filters spread into the subscription, nothing subscribed
// again after a reconnect, a `disconnect()` that is followed by one, a retry counter that starts anew on each open.
//
//   valtronics.mjs URL TOKEN            RETRY_MS (1000): the first wait before a reconnect
//
// Commands: connect, subscribe CHANNEL [JSON], unsubscribe CHANNEL, ping, batch JSON, send JSON, raw TEXT,
// disconnect, quit

import { dial, milliseconds, obey, tell, tellFrame, wordAndJson } from './console.mjs';

const [url, token] = process.argv.slice(2);

class Page {
  socket = null;
  subscriptions = new Map();
  attempts = 0;
  mostAttempts = 5;
  wait = milliseconds('RETRY_MS', 1000);

  connect() {
    const socket = dial(url);
    this.socket = socket;
    socket.onopen = () => {
      tell('open');
      this.send({ type: 'auth', token });
      // Whoever is let in and thrown out at once comes again for ever.
      this.attempts = 0;
    };
    socket.onmessage = ({ data }) => {
      tellFrame(data);
      this.take(JSON.parse(data));
    };
    socket.onerror = () => tell('error');
    socket.onclose = ({ code, reason }) => {
      tell('closed', { code, reason });
      this.reconnect();
    };
  }

  /** Like the guide's: what is said while there is no connection is lost without a word. */
  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return tell('unsent', { message });
    this.socket.send(JSON.stringify(message));
  }

  subscribe(channel, filters = {}) {
    this.send({ type: 'subscribe', channel, ...filters });
    this.subscriptions.set(channel, filters);
  }

  unsubscribe(channel) {
    this.send({ type: 'unsubscribe', channel });
    this.subscriptions.delete(channel);
  }

  take(frame) {
    switch (frame.type) {
      case 'auth_response':
        return tell('auth', { success: frame.success, error: frame.error });
      case 'telemetry_update':
        return tell('telemetry', { device_id: frame.device_id, telemetry: frame.telemetry });
      case 'alert':
        return tell('alert', { severity: frame.severity, title: frame.title });
      case 'device_status_update':
        return tell('device', { device_id: frame.device_id, old: frame.old_status, new: frame.new_status });
      case 'system_status_update':
        return tell('system', { metrics: frame.metrics });
      case 'pong':
        return tell('pong', { timestamp: frame.timestamp });
      default:
        return tell('unknown', { type: frame.type });
    }
  }

  reconnect() {
    if (this.attempts >= this.mostAttempts) return tell('given_up');
    this.attempts += 1;
    setTimeout(() => {
      tell('reconnecting', { attempt: this.attempts });
      this.connect();
    }, this.wait * this.attempts);
  }

  disconnect() {
    this.socket?.close();
    this.socket = null;
  }
}

/** Collects up to ten messages, or those of a tenth of a second, into one frame. */
class Batcher {
  waiting = [];
  timer = null;

  send(message) {
    this.waiting.push(message);
    if (this.waiting.length >= 10) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), 100);
  }

  flush() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.waiting.length > 0) page.send({ type: 'batch', messages: this.waiting.splice(0) });
  }
}

const page = new Page();
const batcher = new Batcher();
page.connect();
obey({
  connect: () => page.connect(),
  disconnect: () => page.disconnect(),
  subscribe: (rest) => page.subscribe(...wordAndJson(rest)),
  unsubscribe: (channel) => page.unsubscribe(channel),
  ping: () => page.send({ type: 'ping', timestamp: new Date().toISOString() }),
  batch: (json) => batcher.send(JSON.parse(json)),
  send: (json) => page.send(JSON.parse(json)),
  raw: (text) => page.socket?.send(text),
});
