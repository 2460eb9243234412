// Owns what an operator reads who has just installed the proxy: nothing was seen yet, and what to do next.

import { html } from './vendor/htm/standalone.module.js';

export const Start = () => html`
  <section class="card start" data-testid="start" aria-labelledby="start">
    <h2 id="start">Nothing was seen yet. Three things to do:</h2>
    <ol>
      <li><strong>Point one frontend at the proxy.</strong> The old address keeps its path, only host and port change:
        <code>ws://the-proxy/ws/group/demo/client/alice</code>. It shows up here within seconds.</li>
      <li><strong>Connect one client with V3</strong> to the same group, to see that both talk:
        <code>ws://the-proxy/v3/ws/group/demo/client/bob</code>.</li>
      <li><strong>Say when V2 will end</strong>: <code>policy.deprecation</code> and <code>policy.sunset</code> in the
        settings. Every V2 client is then told with its handshake.</li>
    </ol>
    <p>Below is what this page will answer.</p>
  </section>`;
