// The engine only: the cost of each step of a task's life.

#include "bench/cost/shop.h"

namespace treadle::cost {
namespace {

class EnqueueCost final : public Workload {
 public:
  explicit EnqueueCost(const std::string&) {
    for (uint64_t i = 0; i < kBatches; ++i) batches_.push_back(NewTasks(kBatch));
  }
  void Run() override {
    for (auto& batch : batches_) shop_.Enqueue(std::move(batch));
  }

 private:
  Shop shop_;
  std::vector<std::vector<NewTask>> batches_;
};

class LeaseCost final : public Workload {
 public:
  explicit LeaseCost(const std::string&) {
    for (uint64_t i = 0; i < kBatches; ++i) shop_.Enqueue(NewTasks(kBatch));
  }
  void Run() override {
    for (uint64_t i = 0; i < kBatches; ++i) shop_.Lease();
  }

 private:
  Shop shop_;
};

class CompleteCost final : public Workload {
 public:
  explicit CompleteCost(const std::string&) {
    for (uint64_t i = 0; i < kBatches; ++i) shop_.Enqueue(NewTasks(kBatch));
    for (uint64_t i = 0; i < kBatches; ++i) reports_.push_back(Shop::Completed(shop_.Lease()));
  }
  void Run() override {
    for (auto& reports : reports_) shop_.Report(std::exchange(reports, {}));
  }

 private:
  Shop shop_;
  std::vector<std::vector<Report>> reports_;
};

class RetryCost final : public Workload {
 public:
  explicit RetryCost(const std::string&) {
    for (uint64_t i = 0; i < kBatches; ++i) shop_.Enqueue(NewTasks(kBatch));
  }
  void Run() override {
    const int64_t backoff_ms_max = RetryPolicy().backoff_cap_ms;
    for (uint64_t i = 0; i < kBatches; ++i) {
      shop_.Report(Shop::Failed(shop_.Lease()));
      shop_.Tick(backoff_ms_max);
      const std::vector<Leased> again = shop_.Lease();
      Expect(again.front().attempt == 2, "others than those that failed were leased");
      shop_.Report(Shop::Completed(again));
    }
  }

 private:
  Shop shop_;
};

}  // namespace

const WorkloadKind kEngineWorkloads[] = {
    {"engine_enqueue", "enqueue 100 in a batch", Make<EnqueueCost>},
    {"engine_lease", "lease 100 in a batch", Make<LeaseCost>},
    {"engine_complete", "report 100 as completed in a batch", Make<CompleteCost>},
    {"engine_retry", "lease, fail, wait, lease again, complete", Make<RetryCost>},
    {},
};

}  // namespace treadle::cost
