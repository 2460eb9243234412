-- Writes how many connections were open at most, and how many tenants are in which stage.
-- KEYS span bucket  ARGV start, v2, v3, stages, seconds to live
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[1])
for place, name in ipairs({ 'v2_open', 'v3_open' }) do
  local was = tonumber(redis.call('HGET', KEYS[2], name) or 0) or 0
  redis.call('HSET', KEYS[2], name, math.max(was, tonumber(ARGV[place + 1])))
end
redis.call('HSET', KEYS[2], 'stages', ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[5])
return 1
