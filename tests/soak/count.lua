-- Sends what the environment says and counts the answers by status; the last line is one JSON object.
local threads = {}

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("FLOOD_TOKEN")
wrk.body = os.getenv("FLOOD_BODY")

function setup(thread)
  table.insert(threads, thread)
end

function init()
  c401, c403, c429, other = 0, 0, 0, 0
end

function response(status)
  if status == 401 then c401 = c401 + 1
  elseif status == 403 then c403 = c403 + 1
  elseif status == 429 then c429 = c429 + 1
  else other = other + 1 end
end

function done(summary)
  local sum = { c401 = 0, c403 = 0, c429 = 0, other = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(sum) do sum[name] = sum[name] + thread:get(name) end
  end
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  print(string.format('{"401": %d, "403": %d, "429": %d, "other": %d, "broken": %d}',
    sum.c401, sum.c403, sum.c429, sum.other, broken))
end
