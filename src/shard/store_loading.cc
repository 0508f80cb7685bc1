#include "shard/store_loading.h"

#include <algorithm>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/thread_annotations.h"

namespace treadle {
namespace {

// The engine has an entry for each ordinal between the two: more than this no memory holds.
constexpr uint64_t kEndedMax = uint64_t{1} << 30;

bool MakesSense(const EndedRange& range) {
  return range.from > 0 && range.from <= range.next && range.next - range.from <= kEndedMax;
}

bool IsOf(const State& state, TaskId id) {
  return id.shard() == state.shard() && id.sequence() > 0;
}

// Takes waiting tasks into the state, on a thread of its own once there are many. Until Finish()
// nobody else may change the state.
class TaskIntake {
 public:
  explicit TaskIntake(State* state) : state_(state) {}
  ~TaskIntake() { Finish(); }

  void Put(const TaskRecord& task, uint32_t payload_bytes) {
    batch_.emplace_back(task, payload_bytes);
    if (batch_.size() == kBatch) HandOver();
  }

  void Finish() {
    if (thread_.joinable()) {
      {
        MutexLock lock(mutex_);
        is_last_ = true;
      }
      changed_.notify_all();
      thread_.join();
    }
    TakeIn(std::exchange(batch_, {}));
  }

 private:
  using Batch = std::vector<std::pair<TaskRecord, uint32_t>>;
  static constexpr size_t kBatch = 512;
  static constexpr size_t kAheadMax = 8;  // batches

  void TakeIn(const Batch& batch) {
    for (const auto& [task, payload_bytes] : batch) state_->LoadTask(task, payload_bytes);
  }

  void HandOver() {
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
    {
      MutexLock lock(mutex_);
      while (waiting_.size() == kAheadMax) changed_.wait(mutex_);
      waiting_.push_back(std::exchange(batch_, {}));
    }
    changed_.notify_all();
    batch_.reserve(kBatch);
  }

  void Run() {
    while (true) {
      Batch batch;
      {
        MutexLock lock(mutex_);
        while (waiting_.empty() && !is_last_) changed_.wait(mutex_);
        if (waiting_.empty()) return;
        batch = std::move(waiting_.front());
        waiting_.pop_front();
      }
      changed_.notify_all();
      TakeIn(batch);
    }
  }

  State* state_;
  Batch batch_;
  std::thread thread_;
  Mutex mutex_;
  Condition changed_;
  std::deque<Batch> waiting_ TREADLE_GUARDED_BY(mutex_);
  bool is_last_ TREADLE_GUARDED_BY(mutex_) = false;
};

// What comes before the tasks, each at once.
void VisitNames(State* state, Store::Visitor* visit) {
  const Status gap(Code::kDataLoss,
                   "queues or task types are missing in the store; run treadle data check");
  visit->queue = [=](const QueueIsNow& queue) {
    if (queue.id != state->queues() + 1) return gap;
    return state->Apply(queue), Status();
  };
  visit->type = [=](const TypeIsNow& type) {
    if (type.id != state->types() + 1) return gap;
    return state->Apply(type), Status();
  };
  visit->counters = [=](const CountersAreNow& counters) {
    if (counters.queue == 0 || counters.queue > state->queues()) return gap;
    if (!std::ranges::all_of(counters.ended, MakesSense))
      return Status(Code::kDataLoss, "the store's counters of queue " +
                                         state->queue(counters.queue).name +
                                         " are implausible; run treadle data check");
    return state->Apply(counters), Status();
  };
  visit->key = [=](const KeyIsNow& key) { return state->Apply(key), Status(); };
}

// A live task, or one that has ended, of a queue and a type that are there.
bool IsSensible(const State& state, const TaskImage& image, bool ended) {
  return IsOf(state, image.id) && image.queue > 0 && image.queue <= state.queues() &&
         image.type > 0 && image.type <= state.types() && IsTerminal(image.state) == ended;
}

// All that the queues' counters say is kept, waiting or ended.
uint64_t TasksOf(const State& state) {
  uint64_t tasks = 0;
  for (QueueId id = 1; id <= state.queues(); ++id) {
    const CountersAreNow& counters = state.queue(id).counters;
    tasks += counters.accepted;
    for (const uint64_t removed : counters.removed) tasks -= std::min(tasks, removed);
  }
  return tasks;
}

}  // namespace

Status LoadStore(Store* store, State* state, RecoveryProgress* progress) {
  auto count = [&, read = uint64_t{0}]() mutable {
    if (read++ == 0) progress->tasks_total = TasksOf(*state);
    progress->tasks.store(read, std::memory_order_relaxed);
  };
  TaskIntake intake(state);
  Store::Visitor visit;
  VisitNames(state, &visit);
  visit.task = [&](const TaskRecord& task, uint32_t payload_bytes) -> Status {
    if (!IsSensible(*state, task.image, /*ended=*/false) ||
        (task.image.state == TaskState::kRunning && !task.holder))
      return {Code::kDataLoss, "the store's row of task " + task.image.id.ToString() +
                                   " is implausible; run treadle data check"};
    count();
    return intake.Put(task, payload_bytes), Status();
  };
  visit.ended = [&](const TaskImage& image, uint32_t bytes) -> Status {
    intake.Finish();
    count();
    if (!IsSensible(*state, image, /*ended=*/true))
      return {Code::kDataLoss, "the store's row of ended task " + image.id.ToString() +
                                   " is implausible; run treadle data check"};
    return state->LoadEnded(image, bytes), Status();
  };
  const Status read = store->ReadAll(visit);
  intake.Finish();
  return read;
}

}  // namespace treadle
