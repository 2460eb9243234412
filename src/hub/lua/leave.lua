-- A connection is no longer present in a group: compare and delete, so that the end of an old connection
-- never takes away a newer one.
-- KEYS: 1 hash of the group    ARGV: 1 who (account US client), 2 connection,
--       3 whether it is tried again: then it may have been done, and its answer lost,
--       4 field of what it said of itself, 5 and 6 field that lists its account with others, and its part there; or empty
-- Returns 1 when it was the last connection of its client.
redis.call('HDEL', KEYS[1], ARGV[4])
local connections = redis.call('HGET', KEYS[1], ARGV[1])
if not connections then
  return tonumber(ARGV[3])
end
local from, to = string.find(connections, ARGV[2], 1, true)
if not from then
  return 0
end
connections = string.sub(connections, 1, from - 1) .. string.sub(connections, to + 1)
if connections == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  local accounts = ARGV[5] ~= '' and redis.call('HGET', KEYS[1], ARGV[5])
  if accounts == ARGV[6] then
    redis.call('HDEL', KEYS[1], ARGV[5])
  elseif accounts then
    local first, last = string.find(accounts, ARGV[6], 1, true)
    if first then
      redis.call('HSET', KEYS[1], ARGV[5], string.sub(accounts, 1, first - 1) .. string.sub(accounts, last + 1))
    end
  end
  return 1
end
redis.call('HSET', KEYS[1], ARGV[1], connections)
return 0
