// Lease: gives ready tasks to a worker, highest priority first, then the oldest; those that may
// have killed a worker one at a time. UNAVAILABLE: it has ended so many tasks that were out of time
// that the rest must wait for another batch.

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "engine/batch_limits.h"
#include "engine/engine.h"

namespace treadle {
namespace {

constexpr size_t kPayloadBytesPerLease = size_t{8} << 20;  // what one answer may carry
constexpr size_t kLeasesAtOnce = 32;
constexpr size_t kLookAheadBytes = size_t{8} << 20;
constexpr int64_t kPatienceApartMs = 10'000;
constexpr size_t kLookAhead = 4096;  // tasks loaded at once when a lane's front is not in memory

// The lanes that the command names, as a heap whose front offers the task to lease next.
class LaneHeap {
 public:
  LaneHeap(const State& state, const LeaseCommand& command, bool of_those_apart) : state_(state) {
    if (of_those_apart && state.ready_apart() == 0) return;
    for (const std::string& queue_name : command.queues) {
      const Queue* queue = state.FindQueue(queue_name);
      if (queue == nullptr) continue;
      if (queue->policy.paused) continue;
      const auto& lanes = of_those_apart ? queue->apart : queue->lanes;
      if (lanes.empty()) continue;
      for (const std::string& type_name : command.types) {
        const auto lane = lanes.find(state.FindType(type_name));
        if (lane != lanes.end() && !lane->second->empty())
          heap_.push_back(OfferOf(lane->second.get()));
      }
    }
    // Each lane once, however often it was named.
    std::ranges::sort(heap_, {}, &Offer::lane);
    const auto twins = std::ranges::unique(heap_, {}, &Offer::lane);
    heap_.erase(twins.begin(), twins.end());
    std::make_heap(heap_.begin(), heap_.end());
  }

  bool empty() const { return heap_.empty(); }
  uint32_t Front() const { return heap_.front().slot; }
  const Lane& FrontLane() const { return *heap_.front().lane; }
  /// Whether its front goes before that of `other`. It must not be empty.
  bool GoesBefore(const LaneHeap& other) const {
    return other.empty() || other.heap_.front() < heap_.front();
  }
  void Clear() { heap_.clear(); }
  template <class Visit>
  void ForEachLane(Visit visit) const {
    for (const Offer& offer : heap_) visit(*offer.lane);
  }

  /// The front task was leased: its lane offers its next.
  void Advance() {
    const Lane* lane = heap_.front().lane;
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    if (lane->empty()) return;
    heap_.push_back(OfferOf(lane));
    std::push_heap(heap_.begin(), heap_.end());
  }

 private:
  struct Offer {
    uint8_t priority;
    uint64_t id;
    uint32_t slot;
    const Lane* lane;
    bool operator<(const Offer& other) const {
      return std::tie(priority, other.id) < std::tie(other.priority, id);
    }
  };

  Offer OfferOf(const Lane* lane) const {
    const uint32_t slot = lane->Front(state_.tasks());
    const TaskSlot& task = state_.tasks()[slot];
    TREADLE_CHECK(task.state == TaskState::kReady);  // else two workers would run it
    return {task.priority, task.id.packed, slot, lane};
  }

  const State& state_;
  std::vector<Offer> heap_;
};

// So far ahead of a worker who takes `at_once` the store is read, to be there in time.
constexpr size_t LookAhead(size_t at_once) { return 64 + 4 * at_once; }

// The next tasks of a lane that are not in memory, if the first of them is among the next `within`.
std::vector<TaskId> MissingInLane(const State& state, const Lane& lane, size_t within) {
  TREADLE_CHECK(within > 0);  // it is counted down
  std::vector<TaskId> missing;
  size_t bytes = 0;
  lane.ForEach(state.tasks(), [&](uint32_t slot) {
    const TaskSlot& task = state.tasks()[slot];
    if (task.HasBody()) return missing.empty() && --within > 0;
    missing.push_back(task.id);
    bytes += task.payload_bytes;
    if (const TaskTerms* const terms = state.TermsOf(task)) bytes += terms->saved_bytes;
    return missing.size() < kLookAhead && bytes < kLookAheadBytes;
  });
  return missing;
}

}  // namespace

Outcome<LeaseReply> Engine::LeaseAgain(const std::vector<uint32_t>& held) {
  TREADLE_CHECK(!held.empty());
  LeaseReply reply;
  std::vector<TaskId> missing;
  for (const uint32_t slot : held) {
    const TaskSlot& task = state_.tasks()[slot];
    TREADLE_CHECK(task.state == TaskState::kRunning);  // the lease was never given back
    if (!task.HasBody()) missing.push_back(task.id);
    // It begins now for the worker, who has not heard of it before.
    state_.RenewLease(task.id);
    reply.leases.push_back(Describe(task));
  }
  if (!missing.empty()) return Outcome<LeaseReply>::Need(std::move(missing));
  return reply;
}

// A worker that is never idle must not keep it waiting for ever.
bool Engine::HasWaitedLongApart(const TaskSlot& task) const {
  TREADLE_CHECK(task.apart);  // of others `when_ms` says nothing
  return state_.now() >= ShardTime{task.when_ms} + kPatienceApartMs;
}

// A task that runs apart is given to a worker that holds nothing, and that gets nothing else until
// it has ended. Workers that hold something continue with others meanwhile; but once the task has
// waited for long, one of them gets no more until it is idle (HeldBack).
Outcome<LeaseReply> Engine::Lease(const LeaseCommand& command) {
  TREADLE_CHECK(effects_ != nullptr);
  const uint32_t held = state_.LeasesOf(command.holder);
  if (const auto again = LeasesOfExchange(held, command.exchange); !again.empty())
    return LeaseAgain(again);
  LeaseReply reply;
  if (held != kNoSlot && state_.tasks()[held].apart) return reply;
  size_t bytes = 0;
  const size_t begun = effects_->size();
  LaneHeap lanes(state_, command, /*of_those_apart=*/false);
  LaneHeap apart(state_, command, /*of_those_apart=*/true);
  const auto hold_back = [&] {
    lanes.ForEachLane([&](const Lane& lane) { held_back_.Miss(lane.queue(), lane.type()); });
  };
  if (held != kNoSlot && !apart.empty() && held_back_.Holds(command.holder, state_.now())) {
    hold_back();
    return reply;
  }
  while (reply.leases.size() < command.want) {
    const bool is_apart = !apart.empty() && apart.GoesBefore(lanes);
    LaneHeap& from = is_apart ? apart : lanes;
    if (from.empty()) break;
    const TaskSlot& front = state_.tasks()[from.Front()];
    if (front.has_terms && EndIfOutOfTime(front)) {
      from.Advance();
      if (effects_->size() - begun < kPieceBytes) continue;
      if (!reply.leases.empty()) return reply;
      return Status(Code::kUnavailable, "too many tasks had expired; ask again");
    }
    if (is_apart && (held != kNoSlot || !reply.leases.empty())) {
      if (!HasWaitedLongApart(front) || !held_back_.TryHold(command.holder, state_.now())) {
        apart.Clear();
        continue;
      }
      hold_back();
      return reply;
    }
    if (!front.HasBody()) {
      if (!reply.leases.empty()) break;  // order holds: what comes next must wait for its payload
      return Outcome<LeaseReply>::Need(MissingInLane(state_, from.FrontLane(), 1));
    }
    if (reply.leases.empty())
      reply.leases.reserve(std::min<size_t>(command.want, kLeasesAtOnce));  // few grow beyond
    reply.leases.push_back(LeaseOne(from.Front(), command));
    if (is_apart) {
      held_back_.Release();
      return reply;
    }
    const Leased& leased = reply.leases.back();
    bytes += leased.body->payload.size() + (leased.saved ? leased.saved->bytes() : 0);
    lanes.Advance();
    if (bytes >= kPayloadBytesPerLease) break;
  }
  if (!lanes.empty() && !reply.leases.empty())
    reply.next = MissingInLane(state_, lanes.FrontLane(), LookAhead(reply.leases.size()));
  TREADLE_CHECK(reply.leases.size() <= command.want);
  return reply;
}

bool Engine::MayTakeMore(const LeaseHolder& holder) const {
  const uint32_t held = state_.LeasesOf(holder);
  if (held == kNoSlot) return true;
  const bool is_held_back = state_.ready_apart() > 0 && held_back_.Holds(holder, state_.now());
  return !state_.tasks()[held].apart && !is_held_back;
}

// Of the leases from `newest` on, those that this exchange was given.
std::vector<uint32_t> Engine::LeasesOfExchange(uint32_t newest, uint32_t exchange) const {
  std::vector<uint32_t> held;
  for (uint32_t slot = newest; slot != kNoSlot; slot = state_.tasks()[slot].next)
    if (state_.tasks()[slot].exchange() == exchange) held.push_back(slot);
  std::reverse(held.begin(), held.end());  // the list begins with the newest
  return held;
}

Leased Engine::LeaseOne(uint32_t slot, const LeaseCommand& command) {
  TaskImage image = state_.tasks()[slot].image();
  image.state = TaskState::kRunning;
  image.reported = false;
  image.attempt += 1;
  image.term = term_;
  image.exchange = command.exchange;
  const int64_t timeout_ms = AttemptTimeoutOf(image, state_.TermsOf(image)).ms;
  image.when_ms = timeout_ms == 0 ? 0 : (state_.now() + timeout_ms).ms;
  image.started_at = time_.wall;
  Emit(TaskIsNow{.image = image, .holder = command.holder});
  if (image.has_terms) ReleaseKey(image, Unique::kWaiting);
  Leased leased = Describe(state_.tasks()[slot]);
  // What makes the token of every earlier lease stale.
  TREADLE_CHECK(leased.token.term == term_);
  return leased;
}

Leased Engine::Describe(const TaskSlot& task) const {
  const Queue& queue = state_.queue(task.queue);
  const TaskTerms* const terms = state_.TermsOf(task);
  std::optional<int64_t> end_ms;
  if (task.when_ms != 0) end_ms = task.when_ms;
  if (terms != nullptr && terms->deadline_at)
    end_ms = std::min(end_ms.value_or(INT64_MAX), terms->deadline.ms);
  return Leased{.token = task.token(),
                .queue = queue.name,
                .type = state_.type_name(task.type),
                .attempt = task.spent(),
                .max_attempts = task.max_attempts,
                .lease_ms = queue.policy.lease_ms,
                .timeout_ms = end_ms
                                  ? std::optional(std::max<int64_t>(*end_ms - state_.now().ms, 1))
                                  : std::nullopt,
                .deadline_at = terms == nullptr ? std::nullopt : terms->deadline_at,
                .enqueued_at = task.enqueued_at,
                .contract = terms == nullptr ? 0 : terms->contract,
                .sensitive = terms != nullptr && terms->sensitive,
                .body = task.HasBody() ? task.parts->body : nullptr,
                .saved = task.HasBody() ? task.parts->saved : nullptr};
}

}  // namespace treadle
