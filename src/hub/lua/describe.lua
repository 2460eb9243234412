-- A connection that is present says what it is, or nothing any more. It stands beside the connections of its client
-- and is the connection's own: whoever comes later says another thing, and goes without taking it away.
-- KEYS: 1 hash of the group    ARGV: 1 who (account US client), 2 connection, 3 field, 4 what it says; empty: nothing
local connections = ARGV[4] ~= '' and redis.call('HGET', KEYS[1], ARGV[1])
if connections and string.find(connections, ARGV[2], 1, true) then
  redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
else
  redis.call('HDEL', KEYS[1], ARGV[3])
end
return 1
