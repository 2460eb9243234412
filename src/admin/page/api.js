// Owns what is asked of the proxy: addresses, If-None-Match, and what an answer that is none is called.

const BASE = new URL('../api/v1/migration', import.meta.url);
/** An answer that takes longer is none. */
const PATIENCE_MS = 8000;
/** The last answer of each address that is asked again and again. */
const known = new Map();

/** The proxy did not answer, or not with what was asked for. */
export class Unanswered extends Error {
  constructor(message, status = 0) {
    super(message);
    /** HTTP status; 0 = no answer at all. */
    this.status = status;
  }
}

/** The address of a part of the API; empty parameters are left out. */
export function address(part = '', parameters = {}) {
  const url = new URL(BASE.pathname + part, BASE);
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== '' && value !== null && value !== undefined) url.searchParams.set(name, value);
  }
  return url.href;
}

/** Asks. Where nothing changed, the answer is the very object of the last time. */
export async function ask(part, parameters) {
  const url = address(part, parameters);
  const last = known.get(url);
  let answer;
  try {
    answer = await fetch(url, {
      headers: last ? { accept: 'application/json', 'if-none-match': last.tag } : { accept: 'application/json' },
      cache: 'no-store',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new Unanswered('The proxy does not answer.');
  }
  if (answer.status === 304 && last) return last.body;
  const body = await answer.json().catch(() => null);
  if (!answer.ok || body === null) {
    throw new Unanswered(body?.message ? `The proxy says: ${body.message}` : `The proxy answers with status ${answer.status}.`, answer.status);
  }
  const tag = answer.headers.get('etag');
  // Pages of clients have as many addresses as there are searches: those are not kept for ever.
  if (known.size > 100) known.clear();
  if (tag) known.set(url, { tag, body });
  return body;
}
