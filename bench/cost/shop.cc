#include "bench/cost/shop.h"

#include <algorithm>

#include "base/hash.h"
#include "base/random.h"

namespace treadle::cost {
namespace {

constexpr WallTime kStart{1'700'000'000'000};
constexpr int64_t kKept = 1'000;          // ended tasks; few, so that retention soon has work
constexpr uint64_t kFramesUnstored = 30;  // frames that the store is behind
constexpr size_t kForgetAtOnce = 2'000;   // as in the node

}  // namespace

std::string Payload() {
  std::string text = R"({"order":12345,"customer":"Ada Lovelace","items":[{"sku":"A-1","count":2},)"
                     R"({"sku":"B-7","count":1}],"express":false,"total":99.5,"note":")";
  text.append(254 - text.size(), 'x');
  return text + "\"}";
}

std::vector<NewTask> NewTasks(uint64_t count) {
  std::vector<NewTask> tasks(count);
  for (NewTask& task : tasks) {
    auto body = std::make_shared<TaskBody>();
    body->payload = Payload();
    body->payload_sha256 = Sha256Of(body->payload);
    task.type = "digest";
    task.body = std::move(body);
  }
  return tasks;
}

Shop::Shop() : engine_(1, 1) {
  QueuePolicy policy;
  policy.retention.completed_tasks = kKept;
  InFrame([&] { OrDie(engine_.Configure("default", policy)); });
  for (int64_t ended = 0; ended < 2 * kKept; ended += kBatch) {
    Enqueue(NewTasks(kBatch));
    Report(Completed(Lease()));
  }
}

// Like the shard: after each batch it collects the news for waiting requests, and after a
// checkpoint the engine forgets.
template <class Work>
void Shop::InFrame(Work work) {
  std::string effects;
  now_ = now_ + 1;
  engine_.BeginBatch(next_, {now_, kStart + now_.ms, Mix64(next_)}, &effects);
  work();
  engine_.EndBatch();
  engine_.TakeReadyLanes();
  engine_.TakeLostLeases();
  engine_.TakeCancelRequests();
  engine_.TakeEnded();
  engine_.mutable_state()->Forget(next_ - std::min(next_, kFramesUnstored), kForgetAtOnce);
  if (keeps_frames_) frames_.push_back(std::move(effects));
  ++next_;
}

void Shop::Enqueue(std::vector<NewTask> tasks) {
  InFrame([&] { OrDie(engine_.Enqueue(OrDie(EnqueueCommand::Make(std::move(tasks))))); });
}

std::vector<Leased> Shop::Lease() {
  std::vector<Leased> leases;
  ++exchange_;
  const LeaseHolder holder{"worker", exchange_};  // one for each exchange
  InFrame([&] {
    leases =
        OrDie(engine_.Lease({holder, exchange_, {"default"}, {"digest"}, kBatch}).reply).leases;
  });
  Expect(leases.size() == kBatch, "fewer leases than were asked for");
  return leases;
}

void Shop::Report(const std::vector<treadle::Report>& reports) {
  InFrame([&] {
    for (const treadle::Report& report : reports)
      OrDie(engine_.Apply(report, nullptr, true).reply.status());
  });
}

void Shop::Tick(int64_t ms) {
  now_ = now_ + ms;
  InFrame([&] {
    while (engine_.Tick(kBatch)) {
    }
  });
}

std::vector<treadle::Report> Shop::Completed(const std::vector<Leased>& leases) {
  std::vector<treadle::Report> reports;
  for (const Leased& lease : leases) {
    reports.emplace_back().token = lease.token;
    reports.back().result = std::make_shared<TaskResult>(TaskResult{.bytes = R"({"ok":true})"});
  }
  return reports;
}

std::vector<treadle::Report> Shop::Failed(const std::vector<Leased>& leases) {
  std::vector<treadle::Report> reports;
  for (const Leased& lease : leases) {
    reports.emplace_back().token = lease.token;
    reports.back().kind = treadle::Report::Kind::kFailed;
    reports.back().error = std::make_shared<TaskError>(TaskError{"exit_1", "it did not work"});
  }
  return reports;
}

}  // namespace treadle::cost
