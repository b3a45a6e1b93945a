-- Asks for one ticket after the other, as the environment says; the last line is one JSON object.
-- `statuses` are those that are no success; `broken` are connections.
local threads = {}

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("LOAD_TOKEN")
wrk.body = os.getenv("LOAD_BODY")

function setup(thread)
  table.insert(threads, thread)
end

function init()
  issued, failed = 0, ""
end

function response(status, _, body)
  if status == 200 and string.find(body, '"session_id"', 1, true) then issued = issued + 1
  else failed = failed .. status .. " " end
end

function done(summary)
  local all, statuses, errors = 0, {}, summary.errors
  for _, thread in ipairs(threads) do
    all = all + thread:get("issued")
    for status in string.gmatch(thread:get("failed"), "%d+") do table.insert(statuses, status) end
  end
  print(string.format('{"issued": %d, "statuses": [%s], "broken": %d}', all, table.concat(statuses, ", "),
    errors.connect + errors.read + errors.write + errors.timeout))
end
