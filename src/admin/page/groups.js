// Owns V2 clients put together by what they have in common, for frontends that take a new id each time they load.

import { html, useEffect, useRef, useState } from './vendor/htm/standalone.module.js';
import { ask } from './api.js';
import { SLOW } from './live.js';
import { Ago, Empty, Scroll } from './parts.js';
import * as format from './format.js';

/** What clients can be put together by: the word of the API, and what one line is then. */
export const BY = { application: 'an application', 'user-agent': 'a user agent', group: 'a group' };
const MOST = 200;
const NONE = { groups: [], total: 0, clients: 0, loaded: false, problem: null };

/** A click on a name lists the clients behind it. */
export function Groups({ choice, choose, beat }) {
  const { groups, total, clients, loaded, problem } = useGroups(choice, beat);
  const name = (BY[choice.by] ?? BY.application).replace(/^an? /, '');
  const said = problem ?? (loaded ? `${format.many(total, name)}, ${format.many(clients, 'client')}${total > groups.length ? `; the first ${groups.length} are shown` : ''}.` : 'Asking…');
  return html`
    <p class="note" role="status" data-testid="grouped">${said}</p>
    ${!groups.length ? loaded && html`<${Empty}>No V2 client matches.<//>` : html`
    <${Scroll} label=${`V2 clients by ${name}`}>
      <table data-testid="groups">
        <thead><tr><th scope="col">tenant</th><th scope="col">${name}</th><th scope="col" class="n">clients</th><th scope="col" class="n">frames</th><th scope="col">last seen</th><th scope="col">for example</th></tr></thead>
        <tbody>${groups.map((one) => html`
          <tr key=${`${one.tenant}\u001f${one.name}`} data-group=${one.name} data-tenant=${one.tenant}>
            <td>${one.tenant}</td>
            <th scope="row"><button type="button" class="link id clip" title=${one.name || 'Not known'} onclick=${() => choose({ by: '', tenant: one.tenant, q: one.name })}>${one.name || format.NOTHING}</button></th>
            <td class="n">${format.count(one.clients)}</td><td class="n">${format.count(one.frames)}</td>
            <td><${Ago} at=${one.last_seen} /></td><td><span class="id">${one.example}</span></td>
          </tr>`)}</tbody>
      </table>
    <//>`}`;
}

function useGroups({ q, tenant, show, by }, beat) {
  const [answer, set] = useState(NONE);
  const latest = useRef(0);
  // All clients are read for one answer.
  const turn = Math.floor(beat / SLOW);
  useEffect(() => {
    const mine = (latest.current += 1);
    ask('/groups', { q, tenant, show, by, limit: MOST }).then(
      (answer) => mine === latest.current && set({ ...answer, loaded: true, problem: null }),
      (error) => mine === latest.current && set((before) => ({ ...before, problem: error.message })),
    );
  }, [q, tenant, show, by, turn]);
  return answer;
}
