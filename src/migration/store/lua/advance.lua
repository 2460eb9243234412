-- Moves a tenant to another stage, unless it is no longer in the first.
-- KEYS tenants events  ARGV tenant, from, to, since, event, how many are kept
local ok, record = pcall(cjson.decode, redis.call('HGET', KEYS[1], ARGV[1]))
if not ok or type(record) ~= 'table' or record.stage ~= ARGV[2] then
  return 0
end
record.stage, record.stage_since = ARGV[3], tonumber(ARGV[4])
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(record))
redis.call('LPUSH', KEYS[2], ARGV[5])
redis.call('LTRIM', KEYS[2], 0, ARGV[6] - 1)
return 1
