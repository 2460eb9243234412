-- A connection is present in a group.
-- KEYS: 1 hash of the group    ARGV: 1 who (account US client), 2 connection, 3 time to live in ms,
--       4 field that lists the accounts with a client of this id, 5 its account there; empty: it is not listed
-- Returns 1 when it is the only connection of its client.
local connections = redis.call('HGET', KEYS[1], ARGV[1])
if ARGV[4] ~= '' then
  local accounts = redis.call('HGET', KEYS[1], ARGV[4]) or ''
  if not string.find(accounts, ARGV[5], 1, true) then
    redis.call('HSET', KEYS[1], ARGV[4], accounts .. ARGV[5])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if connections then
  if not string.find(connections, ARGV[2], 1, true) then
    redis.call('HSET', KEYS[1], ARGV[1], connections .. ARGV[2])
  end
  return connections == ARGV[2] and 1 or 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
