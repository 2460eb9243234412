-- A node says that it lives, and hears who is dead. Redis's own clock counts, not the nodes'.
-- KEYS: 1 sorted set of nodes by end of lease    ARGV: 1 node, 2 lease in ms
-- Returns 1 when the node was known (0: first time, reaped, or flushed), then the dead nodes.
if redis.replicate_commands then
  redis.replicate_commands()
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local known = redis.call('ZSCORE', KEYS[1], ARGV[1]) and 1 or 0
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
table.insert(dead, 1, known)
return dead
