"""The Lua scripts of the log in Redis. Redis runs each one whole and runs nothing in between.

`lookup.patches.redis_log` lists the keys.
"""

AHEAD_OF_SERVER, EVICTS, OTHER_VERSION = -2, -3, -4
"""What `APPEND` returns in place of a position where it does nothing."""

_COMMON = """
local function text(number) return string.format('%.0f', number) end

-- Remove the events of a user up to a position and before a time; returns how many.
local function drop(user, upto, before)
  local key, last, gone = 'daybreak:events:' .. user, 0, 0
  local events = redis.call('HGETALL', key)
  for n = 1, #events, 2 do
    local at, position = tonumber(string.match(events[n], '^%[(%d+),')), tonumber(events[n + 1])
    if position <= upto and at < before then
      redis.call('HDEL', key, events[n])
      gone = gone + 1
    elseif position > last then
      last = position
    end
  end
  if last > 0 then
    redis.call('ZADD', 'daybreak:changed', text(last), 'u:' .. user)
  else
    redis.call('ZREM', 'daybreak:changed', 'u:' .. user)
  end
  return gone
end
"""

APPEND = (
    _COMMON
    + """
-- ARGV: JSON of {seen = {{item, position of its last change}}, patches = {
--   {'item', item, statements gone, statements new, 1 where one of these is standing},
--   {'event', user, time, event}, {'forget', user, time}}}
--   and newest = the latest time of them}, the version, how many microseconds a clock may run ahead, a mark for this
--   append, an id for a new log, the time, how many marks stay.
-- Returns the position after the patches, and an empty text. Or does nothing and returns -1 where an item has changed
-- since it was seen; -2 where a patch is of a time that has not come yet by the clock of the server; -3 and the policy
-- where the server may evict patches; -4 and the version of another log's keys.
local policy = string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)') or 'noeviction'
if policy ~= 'noeviction' and string.sub(policy, 1, 9) ~= 'volatile-' then return {-3, policy} end
local version = redis.call('GET', 'daybreak:version')
if version and version ~= ARGV[2] then return {-4, version} end
local asked = cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local latest = tonumber(clock[1]) * 1000000 + tonumber(clock[2]) + tonumber(ARGV[3])
if asked.newest > latest then return {-2, ''} end
for _, seen in ipairs(asked.seen) do
  if (redis.call('HGET', 'daybreak:item:' .. seen[1], '') or '') ~= seen[2] then return {-1, ''} end
end
local first = tonumber(redis.call('GET', 'daybreak:position') or 0)
local pruned = tonumber(redis.call('GET', 'daybreak:pruned') or 0)
local position = first
for _, patch in ipairs(asked.patches) do
  local kind, id = patch[1], patch[2]
  if kind == 'item' then
    local key = 'daybreak:item:' .. id
    position = position + 1
    for _, gone in ipairs(patch[3]) do redis.call('HDEL', key, gone) end
    for _, new in ipairs(patch[4]) do redis.call('HSET', key, new, text(position)) end
    redis.call('HSET', key, '', text(position))
    redis.call('ZADD', 'daybreak:changed', text(position), 'i:' .. id)
    if patch[5] == 1 then redis.call('SADD', 'daybreak:standing', id) end
  else
    local at = tonumber(patch[3])
    local forgotten = string.match(redis.call('HGET', 'daybreak:forgotten', id) or '', '^%d+')
    local known = forgotten and tonumber(forgotten) >= at and tonumber(forgotten) <= latest
    if kind == 'event' and not known and at >= pruned then
      if redis.call('HSETNX', 'daybreak:events:' .. id, patch[4], text(position + 1)) == 1 then
        position = position + 1
        redis.call('ZADD', 'daybreak:changed', text(position), 'u:' .. id)
      end
    elseif kind == 'forget' and not known then
      position = position + 1
      drop(id, math.huge, at + 1)
      redis.call('HSET', 'daybreak:forgotten', id, text(at) .. ' ' .. text(position))
      redis.call('ZADD', 'daybreak:changed', text(position), 'f:' .. id)
    end
  end
end
if position > first then
  redis.call('MSET', 'daybreak:position', text(position), 'daybreak:version', ARGV[2])
  if redis.call('EXISTS', 'daybreak:log') == 0 then
    redis.call('HSET', 'daybreak:log', 'id', ARGV[5], 'created', first == 0 and ARGV[6] or '0')
  end
  redis.call('ZADD', 'daybreak:marks', text(position), ARGV[4])
  redis.call('ZREMRANGEBYRANK', 'daybreak:marks', 0, -1 - tonumber(ARGV[7]))
end
return {position, ''}
"""
)

PAGE = """
-- ARGV: a position, how many entries, which kind's content is wanted ('i' or 'u').
-- Returns the log's position, and the entries that changed after the given position, in order.
local found = redis.call('ZRANGEBYSCORE', 'daybreak:changed', '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local entries = {}
for n = 1, #found, 2 do
  local kind, id, content = string.sub(found[n], 1, 1), string.sub(found[n], 3), {}
  if kind == 'f' then
    content = {'', redis.call('HGET', 'daybreak:forgotten', id) or ''}
  elseif kind == ARGV[3] then
    content = redis.call('HGETALL', (kind == 'i' and 'daybreak:item:' or 'daybreak:events:') .. id)
  end
  entries[#entries + 1] = {kind, id, found[n + 1], content}
end
return {redis.call('GET', 'daybreak:position') or '0', entries}
"""

PLACE = """
-- Returns the log's id, its position, the mark of its newest append, and the version of its keys.
local marks = redis.call('ZREVRANGE', 'daybreak:marks', 0, 0)
return {redis.call('HGET', 'daybreak:log', 'id') or '', redis.call('GET', 'daybreak:position') or '0', marks[1] or '',
  redis.call('GET', 'daybreak:version') or ''}
"""

PASSED = """
-- ARGV: the id of a log, a position, the mark there (the first and the last may be empty), how many marks stay.
-- Returns 1 where this log has come through that place, or does not know any more; else 0.
local id, position, mark, most = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
if id ~= '' and redis.call('HGET', 'daybreak:log', 'id') ~= id then return 0 end
if mark ~= '' and not redis.call('ZSCORE', 'daybreak:marks', mark) then
  local oldest = redis.call('ZRANGE', 'daybreak:marks', 0, 0, 'WITHSCORES')
  if redis.call('ZCARD', 'daybreak:marks') < most then return 0 end
  return tonumber(oldest[2]) > position and 1 or 0
end
return tonumber(redis.call('GET', 'daybreak:position') or 0) >= position and 1 or 0
"""

PRUNE_USER = (
    _COMMON
    + """
-- ARGV: user, a position, a time. Returns how many events were removed.
return drop(ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))
"""
)

PRUNE_ITEM = """
-- ARGV: item, a time, JSON of the switches that no release has. Removes statements that ended; returns how many.
local key, gone, standing = 'daybreak:item:' .. ARGV[1], 0, false
local lasting = {}
for _, field in ipairs(cjson.decode(ARGV[3])) do lasting[field] = true end
for _, said in ipairs(redis.call('HKEYS', key)) do
  if said ~= '' then
    local parts = cjson.decode(said)
    local ends, on = parts[4], lasting[parts[1]] and parts[5] == true
    if ends ~= cjson.null and ends <= tonumber(ARGV[2]) then
      redis.call('HDEL', key, said)
      gone = gone + 1
    elseif ends ~= cjson.null or on then
      standing = true
    end
  end
end
if not standing then redis.call('SREM', 'daybreak:standing', ARGV[1]) end
if redis.call('HLEN', key) == 1 then
  redis.call('DEL', key)
  redis.call('ZREM', 'daybreak:changed', 'i:' .. ARGV[1])
end
return gone
"""
