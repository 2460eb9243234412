-- Is a client present, and what does its newest connection say of itself? However large the group, few fields are read.
-- KEYS: 1 hash of the group    ARGV: 1 field that lists its accounts, where any of them will do; or empty,
--       2 client, then the fields (account US client) it may stand in
-- Returns the first that is there, its newest connection, and what that says of itself; or nothing.
local function newest(who)
  local connections = redis.call('HGET', KEYS[1], who)
  local connection, node, seat = string.match(connections or '', '(([^\30\31]*)\31([^\30\31]*)\31[^\30\31]*\30)$')
  return connection and { who, connection, redis.call('HGET', KEYS[1], 'about\30' .. node .. '\30' .. seat) }
end
for place = 3, #ARGV do
  local found = newest(ARGV[place])
  if found then
    return found
  end
end
local accounts = ARGV[1] ~= '' and redis.call('HGET', KEYS[1], ARGV[1]) or ''
for account in string.gmatch(accounts, '\31([^\30]*)\30') do
  local found = newest(account .. '\31' .. ARGV[2])
  if found then
    return found
  end
end
return false
