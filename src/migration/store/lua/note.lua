-- Notes an event, unless its state is the latest already.
-- KEYS latest events  ARGV field, event, its state, how many are kept
local was = redis.call('HGET', KEYS[1], ARGV[1])
if was == ARGV[3] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
local event = cjson.decode(ARGV[2])
event.from = was or event.from
redis.call('LPUSH', KEYS[2], cjson.encode(event))
redis.call('LTRIM', KEYS[2], 0, ARGV[4] - 1)
return 1
