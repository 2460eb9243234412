-- Clients behind a place in the order of their last sign, latest first, with their scores. The place may be one where
-- nobody stands any more.
-- KEYS seen  ARGV score, client, how many
local score, client = ARGV[1], ARGV[2]
-- Byte by byte, as Redis sorts; Lua's own comparison depends on the locale.
local function behind(a, b)
  for i = 1, math.min(#a, #b) do
    if a:byte(i) ~= b:byte(i) then
      return a:byte(i) > b:byte(i)
    end
  end
  return #a > #b
end
local low = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. score)
local high = low + redis.call('ZCOUNT', KEYS[1], score, score)
while low < high do
  local middle = math.floor((low + high) / 2)
  if behind(redis.call('ZRANGE', KEYS[1], middle, middle)[1], client) then
    high = middle
  else
    low = middle + 1
  end
end
return redis.call('ZRANGE', KEYS[1], low, low + ARGV[3] - 1, 'WITHSCORES')
