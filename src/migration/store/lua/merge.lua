-- Adds what a node has seen. A batch whose number is not above the last one of its node was merged already.
-- The fresh records in the batch are what the node alone has seen; see `ClientRecord::add` and `TenantRecord::add`.
--
-- KEYS  clients index seen tenants nodes numbers open since hours days hour day
--       and the distinct clients: hour v2 v3 url wrap ids listen, day v2 v3; left never
-- ARGV  node number at batch open, most clients, most tenants, others, start of the hour and of the day,
--       seconds to live of an hour, of a day, of an hour's and of a day's distinct clients
local clients, index, seen, tenants, nodes, numbers, open, since, hours, days, hour, day = unpack(KEYS, 1, 12)
local hour_v2, hour_v3, url, wrap, ids, listen, day_v2, day_v3, left, never = unpack(KEYS, 13, 22)
local node, number, at = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if number <= tonumber(redis.call('HGET', numbers, node) or 0) then
  return 0
end
local batch = cjson.decode(ARGV[4])
local most_clients, most_tenants, others = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]

-- Above 14 digits cjson writes numbers that are read as something else.
local function sum(a, b)
  return math.min(a + b, 99999999999999)
end

-- A record, or nothing where there is something else. What an older node did not know is not missed.
local function read(hash, field, like)
  local ok, record = pcall(cjson.decode, redis.call('HGET', hash, field))
  if not ok or type(record) ~= 'table' then
    return nil
  end
  local blank = { table = {}, number = 0, boolean = false }
  for name, value in pairs(like) do
    local kind = type(value)
    if record[name] == nil then
      record[name] = kind == 'string' and value or blank[kind]
    elseif type(record[name]) ~= kind then
      return nil
    end
  end
  return record
end

local function each(names, record, fresh, join)
  for _, name in ipairs(names) do
    record[name] = join(record[name], fresh[name])
  end
end
local function latest(_, fresh)
  return fresh
end
local function first(was, fresh)
  return was == 0 and fresh or was
end

-- First everything is read and reckoned, then it is written: what fails on the way has changed nothing.
local changed, known_v2 = {}, {}
local passed = { [url] = {}, [wrap] = {}, [ids] = {}, [listen] = {} }
for _, fresh in ipairs(batch.clients) do
  local key = fresh.tenant .. '\31' .. fresh.client
  local record = changed[key] or read(clients, key, fresh)
  if record then
    if fresh.last_seen >= record.last_seen then
      each({ 'dialect', 'group', 'user_agent', 'origin', 'hears_v3', 'integer_id' }, record, fresh, latest)
    end
    each({ 'last_seen', 'last_opened', 'wrapped_at', 'unwrapped_at' }, record, fresh, math.max)
    each({ 'opened', 'refused', 'frames' }, record, fresh, sum)
    for rule, n in pairs(fresh.findings) do
      record.findings[rule] = sum(tonumber(record.findings[rule]) or 0, n)
    end
  else
    record = fresh
  end
  changed[key] = record
  known_v2[#known_v2 + 1] = key
  -- See `Steps::of`.
  local moved = record.v3_seen > record.last_seen
  local wraps = record.wrapped_at > 0 and record.wrapped_at >= record.last_opened
    and record.unwrapped_at < record.last_opened
  for step, done in pairs({ [url] = moved, [wrap] = moved or wraps, [ids] = not record.integer_id,
      [listen] = moved or record.hears_v3 }) do
    if done then
      table.insert(passed[step], key)
    end
  end
end
local known_v3, moving = {}, {}
for _, sighting in ipairs(batch.v3) do
  local key = sighting[1] .. '\31' .. sighting[2]
  known_v3[#known_v3 + 1] = key
  local record = changed[key] or read(clients, key, { v3_seen = 0 })
  if record then
    record.v3_seen = math.max(record.v3_seen, at)
    changed[key] = record
  end
  for step, list in pairs(passed) do
    if step ~= ids or sighting[3] then
      table.insert(list, key)
    end
  end
end
local room = most_tenants - redis.call('HLEN', tenants)
for _, fresh in ipairs(batch.tenants) do
  local function there()
    return moving[fresh.tenant] or redis.call('HEXISTS', tenants, fresh.tenant) == 1
  end
  if room <= 0 and not there() then
    fresh.tenant = others
  end
  if not there() then
    room = room - 1
  end
  local record = moving[fresh.tenant] or read(tenants, fresh.tenant, fresh)
  if record then
    if record.last_v2 == 0 and record.last_v3 == 0 and fresh.last_v2 == 0 and fresh.last_v3 > 0 then
      record.stage = fresh.stage
    end
    each({ 'first_v2', 'first_v3' }, record, fresh, first)
    each({ 'last_v2', 'last_v3', 'last_refused' }, record, fresh, math.max)
    each({ 'v2_opened', 'v3_opened', 'v2_frames', 'v3_frames', 'refused' }, record, fresh, sum)
  end
  moving[fresh.tenant] = record or fresh
end

-- Lua hands over only so many arguments at once.
local function spread(command, key, list)
  for from = 1, #list, 500 do
    redis.call(command, key, unpack(list, from, math.min(from + 499, #list)))
  end
end
local function fields(map)
  local list = {}
  for field, record in pairs(map) do
    list[#list + 1] = field
    list[#list + 1] = cjson.encode(record)
  end
  return list
end

redis.call('HSET', numbers, node, ARGV[2])
redis.call('ZADD', nodes, ARGV[3], node)
redis.call('HSET', open, node, ARGV[5])
redis.call('SET', since, ARGV[3], 'NX')
spread('HSET', clients, fields(changed))
spread('HSET', tenants, fields(moving))
local places, times = {}, {}
for _, key in ipairs(known_v2) do
  places[#places + 1] = 0
  places[#places + 1] = key
  -- The latest stand first.
  times[#times + 1] = -changed[key].last_seen
  times[#times + 1] = key
end
spread('ZADD', index, places)
spread('ZADD', seen, times)
-- See `ClientRecord::has_moved` and `was_let_in`.
local stay, go, refused, let_in = {}, {}, {}, {}
for key, record in pairs(changed) do
  if record.v3_seen > record.last_seen then
    go[#go + 1] = key
  else
    stay[#stay + 1] = -record.last_seen
    stay[#stay + 1] = key
  end
  if record.last_opened > 0 then
    let_in[#let_in + 1] = key
  else
    refused[#refused + 1] = -record.last_seen
    refused[#refused + 1] = key
  end
end
spread('ZADD', left, stay)
spread('ZREM', left, go)
spread('ZADD', never, refused)
spread('ZREM', never, let_in)
local evicted = 0
local function forget(key)
  redis.call('HDEL', clients, key)
  for _, set in ipairs({ index, seen, left, never }) do
    redis.call('ZREM', set, key)
  end
  evicted = evicted + 1
end
-- Bounds that were made much smaller are reached in some steps.
local over = math.min(redis.call('ZCARD', seen) - most_clients, 5000)
if over > 0 then
  -- Anybody can make up ids and be refused: those go first, whoever was let in stays as long as it can.
  for _, key in ipairs(redis.call('ZREVRANGE', never, 0, over - 1)) do
    local record = changed[key] or read(clients, key, { last_opened = 0 })
    if record and record.last_opened > 0 then
      -- A node of an earlier version let it in.
      redis.call('ZREM', never, key)
    else
      forget(key)
    end
  end
  for _, key in ipairs(redis.call('ZREVRANGE', seen, 0, over - evicted - 1)) do
    if evicted < over then
      forget(key)
    end
  end
end

local function note(span, start, all, lasts, v2, v3, sets_last)
  redis.call('ZADD', span, start, start)
  for name, set in pairs({ v2_clients = v2, v3_clients = v3 }) do
    spread('PFADD', set, set == v2 and known_v2 or known_v3)
    redis.call('EXPIRE', set, sets_last)
    -- The set may have expired; what was counted is not forgotten.
    local was = tonumber(redis.call('HGET', all, name) or 0) or 0
    redis.call('HSET', all, name, math.max(was, redis.call('PFCOUNT', set)))
  end
  for word, n in pairs(batch.tally) do
    redis.call('HINCRBY', all, word, n)
  end
  redis.call('EXPIRE', all, lasts)
end
for step, list in pairs(passed) do
  spread('PFADD', step, list)
  redis.call('EXPIRE', step, ARGV[13])
end
note(hours, ARGV[9], hour, ARGV[11], hour_v2, hour_v3, ARGV[13])
note(days, ARGV[10], day, ARGV[12], day_v2, day_v3, ARGV[14])
return evicted
