# Orders with Treadle: a charge that is retried, and a receipt that is mailed later.
#
# Workers: treadle worker exec Charge -- ruby after.rb, and the same for MailReceipt.
# Producer: ruby after.rb. TREADLE_SERVER is the server.
require "json"
require "net/http"

def charge(order, cents)
  raise "no route to the bank" if ENV["TREADLE_ATTEMPT"] == "1"
  puts "#{order}: charged #{cents} cents"
end

def mail_receipt(order)
  puts "#{order}: receipt mailed"
end

def enqueue(type, payload, **options)
  url = URI("#{ENV.fetch("TREADLE_SERVER")}/v1/tasks")
  task = {type: type, payload: payload, **options}.to_json
  answer = Net::HTTP.post(url, task, "Content-Type" => "application/json")
  answer.is_a?(Net::HTTPSuccess) or raise answer.body
  JSON.parse(answer.body)["id"]
end

case ENV["TREADLE_TYPE"] # set by `treadle worker exec`
when "Charge" then charge(*JSON.parse($stdin.read))
when "MailReceipt" then mail_receipt(*JSON.parse($stdin.read))
else
  retried = {max_attempts: 6, backoff_base_ms: 1000}
  puts enqueue("Charge", ["A-17", 250], retry: retried)
  puts enqueue("MailReceipt", ["A-17"], delay_ms: 1000)
end
