// Owns the texts for words of closed sets: stages, steps of the guide, lint rules, policies, events.

/** Tenants' stages, from the beginning of the way to its end. */
export const STAGES = [
  { key: 'v2_only', name: 'V2 only', about: 'nobody speaks V3 yet' },
  { key: 'mixed', name: 'mixed', about: 'some speak V3' },
  { key: 'regressed', name: 'regressed', about: 'was done, and V2 came back' },
  { key: 'v3_only', name: 'V3 only', about: 'no V2 for the quiet time' },
  { key: 'v2_denied', name: 'V2 denied', about: 'V3 only, and V2 is refused' },
];

/** A stage's name; a word from a newer proxy stands as it is. */
export const stageName = (key) => STAGES.find((stage) => stage.key === key)?.name ?? key;

/** The four steps of the guide's section 8. */
export const STEPS = [
  { key: 'url', name: 'URL', about: 'connects to an address that begins with /v3/' },
  { key: 'wrap', name: 'wrap', about: 'wraps its messages in msg_type and target' },
  { key: 'ids', name: 'ids', about: 'has opaque ids, no database integers' },
  { key: 'listen', name: 'listen', about: 'listens for msg_type (seen by recv=v3 or a V3 address)' },
];

/** What lint finds: what it is, and what to do. */
export const RULES = {
  V2001: ['It came to a V2 address.', 'Connect to /v3/ws/group/…/client/….'],
  V2002: ['Frames are not wrapped.', 'Send msg_type and target, and put the rest into payload.'],
  V2003: ['A group or client id looks like a database integer.', 'Use an opaque id, such as a UUID or a prefixed name.'],
  V2004: ['A key means something else in an envelope, or msg or cmd hold no text.', 'Move that member into payload.'],
  V2005: ['A frame is not a JSON object.', 'Send an object: text goes into msg, values into payload.'],
  V2006: ['The same key stands twice in an object.', 'Send each key once; readers see the last.'],
  V2007: ['An integer is beyond 2^53: JavaScript cannot hold it.', 'Send it as a string.'],
  V2008: ['A frame is binary.', 'V3 is text: send base64 in payload.'],
  V2009: ['It sends a member only the server may set.', 'Leave out version, from_id, group_id and sent_at.'],
  V2010: ['A frame is larger than a message may be.', 'Send a reference to the data instead.'],
  V2011: ['A V3 message on a V2 address: the client is half-way.', 'Change the address to /v3/ws/….'],
};

/** What a rule says. */
export const ACTIONS = {
  allow: 'let in',
  warn: 'let in and told',
  brownout: 'refused for now',
  block: 'refused',
  off: 'says nothing',
};

/** What kinds of events there are. */
export const EVENTS = { stage: 'tenant', policy: 'rule', policy_changed: 'policy' };
