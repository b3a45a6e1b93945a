-- Asks for one ticket after the other, each connection as soon as it has its answer.
-- The script's one argument is a directory: `token` holds the access token, `bodies` one request a line.
-- The last line printed is one JSON object; latencies are wrk's own histogram, in microseconds.
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local place = args[1]
  local token = io.open(place .. "/token"):read("*l")
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token }
  requests, turn = {}, 0
  for body in io.lines(place .. "/bodies") do
    table.insert(requests, wrk.format("POST", nil, headers, body))
  end
  issued, refused, unexpected = 0, 0, 0
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function response(status, headers, body)
  if status ~= 200 then refused = refused + 1
  elseif string.find(body, '"session_id"', 1, true) then issued = issued + 1
  else unexpected = unexpected + 1 end
end

function done(summary, latency, _)
  local sum = { issued = 0, refused = 0, unexpected = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(sum) do sum[name] = sum[name] + thread:get(name) end
  end
  local buckets = {}
  for i = 1, #latency do
    local value, count = latency(i)
    buckets[i] = string.format("[%d, %d]", value, count)
  end
  local errors = summary.errors
  print(string.format(
    '{"issued": %d, "refused": %d, "unexpected": %d, "broken": %d, "requests": %d, "duration_us": %d, "latency": [%s]}',
    sum.issued, sum.refused, sum.unexpected, errors.connect + errors.read + errors.write + errors.timeout,
    summary.requests, summary.duration, table.concat(buckets, ", ")))
end
