-- Asks for one ticket after the other, each connection as soon as it has its answer. wrk is started with as
-- many threads as connections, and each thread has a Lua state of its own: what stands below is one connection's.
-- Arguments: a directory, in which `token` holds the access token and `bodies` one request a line, the times
-- on the monotonic clock between which a request must be sent to count, and the number of connections.
-- The last line printed is one JSON object: for each connection its latencies in microseconds, and the
-- seconds from its first request that counts to its last answer.
local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds; long nanoseconds; } instant; int clock_gettime(int clock, instant *now);")
local MONOTONIC = 1
local instant = ffi.new("instant")
local threads = {}

local function now()
  ffi.C.clock_gettime(MONOTONIC, instant)
  return tonumber(instant.seconds) + tonumber(instant.nanoseconds) / 1e9
end

function setup(thread)
  thread:set("turn", #threads)
  table.insert(threads, thread)
end

function init(args)
  local place = args[1]
  opens, closes, connections = tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  local token = io.open(place .. "/token"):read("*l")
  headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token }
  bodies, taken, failed = {}, {}, 0
  asked_at, first_at, last_at = 0, 0, 0
  for body in io.lines(place .. "/bodies") do
    table.insert(bodies, body)
  end
end

function request()
  local message = wrk.format("POST", nil, headers, bodies[turn % #bodies + 1])
  turn = turn + connections
  asked_at = now()
  return message
end

function response(status, _, body)
  local answered_at = now()
  if status ~= 200 or not string.find(body, '"session_id"', 1, true) then
    failed = failed + 1
  elseif asked_at >= opens and asked_at < closes then
    if #taken == 0 then first_at = asked_at end
    last_at = answered_at
    table.insert(taken, math.floor((answered_at - asked_at) * 1e6))
  end
end

function done(summary)
  local loops, failures, errors = {}, 0, summary.errors
  for i, thread in ipairs(threads) do
    local seconds = thread:get("last_at") - thread:get("first_at")
    loops[i] = string.format('[%.6f, [%s]]', seconds, table.concat(thread:get("taken"), ", "))
    failures = failures + thread:get("failed")
  end
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  print(string.format('{"loops": [%s], "failed": %d}', table.concat(loops, ", "), failures + broken))
end
