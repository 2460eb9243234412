-- Forgets some of the clients that were not seen since, and what dead nodes left behind.
-- KEYS clients index seen nodes numbers open left never  ARGV score, how many, a node is dead, and forgotten, if it wrote before
local gone = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])
for _, client in ipairs(gone) do
  redis.call('HDEL', KEYS[1], client)
  redis.call('ZREM', KEYS[2], client)
  redis.call('ZREM', KEYS[3], client)
  redis.call('ZREM', KEYS[7], client)
  redis.call('ZREM', KEYS[8], client)
end
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. ARGV[3])) do
  redis.call('HDEL', KEYS[6], node)
end
for _, node in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. ARGV[4])) do
  redis.call('HDEL', KEYS[5], node)
  redis.call('ZREM', KEYS[4], node)
end
return #gone
