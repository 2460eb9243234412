-- Publishes one message of a scope and writes it into the scope's journal, exactly once and in order.
-- KEYS: 1 meta hash, 2 stream (both in the channel's slot)
-- ARGV: 1 channel, 2 head, 3 tail, 4 field of the publishing node, 5 its running number,
--       6 epoch to begin with, 7 length, 8 time to live in ms, 9 PUBLISH or SPUBLISH,
--       10 the number of the message before it in the same pipeline, or 0
-- Returns 1, or 0 for a message that is there already: a retry, or the original that came late;
-- -1 when the message before it is not there: it was refused, and this one must not overtake it.
local m = redis.call('HMGET', KEYS[1], 'e', 's', ARGV[4])
local epoch, seq = m[1], (tonumber(m[2]) or 0) + 1
local last = tonumber(m[3]) or 0
if last >= tonumber(ARGV[5]) then
  -- A write: WAIT asks whether replicas have this connection's last one, and the original may be another's.
  redis.call('PEXPIRE', KEYS[1], ARGV[8])
  return 0
end
if last < tonumber(ARGV[10]) then
  return -1
end
if not epoch then
  -- The scope begins anew; a stream that outlived its meta would refuse low ids.
  epoch, seq = ARGV[6], 1
  redis.call('DEL', KEYS[2])
elseif not m[3] and redis.call('HLEN', KEYS[1]) > 64 then
  -- Fields of nodes that are long gone.
  redis.call('DEL', KEYS[1])
end
seq = string.format('%d', seq)
redis.call('HSET', KEYS[1], 'e', epoch, 's', seq, ARGV[4], ARGV[5])
local text = ARGV[2] .. '"e":"' .. epoch .. '","s":' .. seq .. ARGV[3]
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[7], seq .. '-0', 'd', text)
redis.call('PEXPIRE', KEYS[1], ARGV[8])
redis.call('PEXPIRE', KEYS[2], ARGV[8])
redis.call(ARGV[9], ARGV[1], text)
return 1
