# Orders with Sidekiq: a charge that is retried, and a receipt that is mailed later.
#
# Worker: sidekiq --require ./before.rb. Producer: ruby before.rb. REDIS_URL is the server.
require "sidekiq"

class Charge
  include Sidekiq::Job
  sidekiq_options retry: 5
  sidekiq_retry_in { 1 }
  @calls = 0
  singleton_class.attr_accessor :calls

  def perform(order, cents)
    raise "no route to the bank" if (self.class.calls += 1) == 1
    puts "#{order}: charged #{cents} cents"
  end
end

class MailReceipt
  include Sidekiq::Job

  def perform(order)
    puts "#{order}: receipt mailed"
  end
end

if $PROGRAM_NAME == __FILE__
  Charge.perform_async("A-17", 250)
  MailReceipt.perform_in(1, "A-17")
end
