-- wrk's script: ends the run after ARGUMENT 1 requests (0: never) on ARGUMENT 2 connections, and prints wrk's counts and
-- its whole histogram as one line of JSON. ARGUMENT 3 is the method, ARGUMENT 4 the file of the body. Whoever has no request left to send sends an empty line, which servers skip.
local ffi = require("ffi")
ffi.cdef("int getpid(void); int kill(int pid, int signal);")
local SIGINT = 2 -- what wrk ends its wait for
local threads = {}

function setup(thread)
   threads[#threads + 1] = thread
end

function init(arguments)
   limit, connections = tonumber(arguments[1]), tonumber(arguments[2])
   wrk.method = arguments[3] or wrk.method
   if arguments[4] then
      local file = assert(io.open(arguments[4], "rb"))
      wrk.body = file:read("*a")
      file:close()
   end
   sent, idle = -1, 0 -- wrk asks once without sending, to see whether it is a request
   whole = wrk.format()
end

function request()
   if limit == 0 or sent < limit then
      sent = sent + 1
      return whole
   end
   idle = idle + 1
   if idle >= connections then
      wrk.thread:stop()
      ffi.C.kill(ffi.C.getpid(), SIGINT)
   end
   return "\r\n"
end

function done(summary, latency)
   local histogram = {}
   for index = 1, #latency do
      histogram[index] = string.format("[%d,%d]", latency(index))
   end
   local told = threads[1] -- the only one
   local counts = {
      limit = told:get("limit"), connections = told:get("connections"), sent = told:get("sent"),
      complete = summary.requests,
      duration_us = summary.duration, connect = summary.errors.connect, read = summary.errors.read,
      write = summary.errors.write, status = summary.errors.status, timeout = summary.errors.timeout,
   }
   local fields = {}
   for name, count in pairs(counts) do
      fields[#fields + 1] = string.format('"%s":%d', name, count)
   end
   fields[#fields + 1] = '"histogram":[' .. table.concat(histogram, ",") .. "]"
   print("{" .. table.concat(fields, ",") .. "}")
end
