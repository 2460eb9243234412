-- A connection is present in a group.
-- KEYS: 1 hash of the group    ARGV: 1 who (account US client), 2 connection, 3 time to live in ms
-- Returns 1 when it is the only connection of its client.
local connections = redis.call('HGET', KEYS[1], ARGV[1])
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
