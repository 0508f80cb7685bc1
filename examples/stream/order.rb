#!/usr/bin/env ruby
# Adds up orders and charges for each once:  treadle worker exec order --stream -- ./order.rb
# The protocol is described in docs/stream.md.
require "json"

def write(line) = puts(JSON.generate(line))

# Runs the block and saves its result, or returns the result that an earlier attempt has saved.
def step(task, name)
  saved = (task["steps"] || []).find { |each| each["name"] == name }
  return saved["result"] if saved
  result = yield
  write(step: { name: name, result: result })
  JSON.parse($stdin.readline)["saved"] or abort "the step was not saved"
  result
end

def run(task)
  cents = task["payload"]["cents"] || []
  return { failed: { code: "no_items", message: "the order is empty", retry: false } } if cents.empty?
  write(log: "attempt #{task["attempt"]} of #{task["max_attempts"]}")
  write(progress: { fraction: 0.5, message: "charging" })
  receipt = step(task, "charge") { "receipt-#{task["task"]}" } # charge the customer here
  { result: { total_cents: cents.sum, receipt: receipt } }
end

$stdout.sync = true
$stdin.readline # which versions there are: {"stream":1,…}
write(ready: 1)
$stdin.each_line { |line| write(run(JSON.parse(line))) }
