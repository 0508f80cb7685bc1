#include "shard/exchange.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

ExchangeRequest Good() {
  return {.holder = {"worker", 1}, .sequence = 1, .queues = {"q"}, .types = {"t"}, .want = 1};
}

TEST(Exchange, EveryBoundIsNamed) {
  EXPECT_TRUE(Validate(Good()).ok());
  const auto refused = [](auto spoil, const char* field) {
    ExchangeRequest request = Good();
    spoil(&request);
    const Status status = Validate(request);
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << field;
    EXPECT_NE(status.message().find(field), std::string::npos) << status.message();
  };
  refused([](ExchangeRequest* r) { r->holder.worker = ""; }, "worker");
  refused([](ExchangeRequest* r) { r->sequence = 0; }, "sequence");
  refused([](ExchangeRequest* r) { r->answered = 1; }, "answered");
  refused([](ExchangeRequest* r) { r->sequence = 6, r->answered = 1; }, "answered");
  refused([](ExchangeRequest* r) { r->want = 1'001; }, "want");
  refused([](ExchangeRequest* r) { r->wait_ms = 60'001; }, "wait_ms");
  refused([](ExchangeRequest* r) { r->wait_ms = -1; }, "wait_ms");
  refused([](ExchangeRequest* r) { r->queues.resize(101, "q"); }, "queues");
  refused([](ExchangeRequest* r) { r->types.resize(101, "t"); }, "types");
  refused([](ExchangeRequest* r) { r->renew.resize(1'001); }, "renew");
  refused([](ExchangeRequest* r) { r->reports.resize(1'001); }, "reports");
  refused([](ExchangeRequest* r) { r->queues.clear(); }, "queues");
  refused([](ExchangeRequest* r) { r->types = {"a b"}; }, "types");
  refused(
      [](ExchangeRequest* r) {
        r->queues.resize(40, "q");
        r->types.resize(40, "t");
      },
      "queues times types");
}

TEST(Exchange, AFullWorkerNeedsNoQueues) {
  ExchangeRequest request = Good();
  request.want = 0;
  request.queues.clear();
  EXPECT_TRUE(Validate(request).ok());
}

}  // namespace
}  // namespace treadle
