// The api room: reads requests and writes responses, without HTTP.

#include "api/exchange_in.h"
#include "api/exchange_out.h"
#include "api/task_in.h"
#include "bench/cost/shop.h"

namespace treadle::cost {
namespace {

std::string BatchBody() {
  std::string body = "{\"tasks\":[";
  for (uint64_t i = 0; i < kBatch; ++i)
    body.append(i == 0 ? "" : ",").append(R"({"type":"digest","payload":)").append(Payload()) +=
        '}';
  return body + "]}";
}

std::string ExchangeBody() {
  std::string body =
      R"({"worker":"worker-1","incarnation":"00000000000000a1","sequence":7,)"
      R"("queues":["default"],"types":["digest"],"want":100,"wait_ms":30000,"reports":[)";
  for (uint64_t i = 0; i < kBatch; ++i)
    body.append(i == 0 ? "" : ",")
        .append(R"({"token":")")
        .append(Token{TaskId::Of(1, 1'000'000 + i), 1, 1}.ToString())
        .append(R"(","outcome":"completed","result":{"ok":true}})");
  return body + "]}";
}

class ReadBatchCost final : public Workload {
 public:
  explicit ReadBatchCost(const std::string&) : bodies_(kBatches, BatchBody()) {}
  void Run() override {
    for (std::string& body : bodies_)
      Expect(OrDie(api::ReadBatch(&body, {})).size() == kBatch, "a task is missing");
  }

 private:
  std::vector<std::string> bodies_;
};

class ReadExchangeCost final : public Workload {
 public:
  explicit ReadExchangeCost(const std::string&) : bodies_(kBatches, ExchangeBody()) {}
  void Run() override {
    for (std::string& body : bodies_)
      Expect(OrDie(api::ReadExchange(&body)).request.reports.size() == kBatch, "one is missing");
  }

 private:
  std::vector<std::string> bodies_;
};

class WriteExchangeCost final : public Workload {
 public:
  explicit WriteExchangeCost(const std::string&) {
    Shop shop;
    shop.Enqueue(NewTasks(kBatch));
    reply_.leases = shop.Lease();
    for (const Leased& lease : reply_.leases) reply_.reports.push_back({lease.token, Status()});
  }
  void Run() override {
    for (uint64_t i = 0; i < kBatches; ++i)
      Expect(api::WriteExchange(reply_).size() > kBatch * 256, "a lease is missing");
  }

 private:
  ExchangeReply reply_;
};

}  // namespace

const WorkloadKind kApiWorkloads[] = {
    {"api_read_batch", "read the body of an enqueue of 100 tasks", Make<ReadBatchCost>},
    {"api_read_exchange", "read the body of an exchange with 100 reports", Make<ReadExchangeCost>},
    {"api_write_exchange", "write the answer with 100 leases and 100 reports",
     Make<WriteExchangeCost>},
    {},
};

}  // namespace treadle::cost
