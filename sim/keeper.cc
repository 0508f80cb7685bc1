#include "sim/keeper.h"

#include <utility>

#include "engine/engine.h"
#include "sim/state_digest.h"

namespace treadle::sim {
namespace {

constexpr uint64_t kDownMs = 1'000;
constexpr int64_t kStopsWithinMs = 1'000;
constexpr int64_t kRoundingMs = 10;
// Journal and checkpoint may wait for stalled executors, several times, and for room on the disk.
constexpr int64_t kClosesWithinMs = 90'000;

}  // namespace

void Keeper::BringUpLater() {
  executor_->PostAfter(static_cast<int64_t>(scheduler_->random.Below(kDownMs)),
                       [this] { BringUp(); });
}

void Keeper::BringUp() {
  const uint64_t failed_syncs = server_->disk().failed_syncs();
  chaos_->BeforeStart();
  const Result<bool> started = server_->Start();
  if (started.ok() && *started) return OnStarted(failed_syncs);
  const std::string why = started.ok() ? "its disk died" : started.status().ToString();
  scheduler_->Trace("does not start: " + why);
  if (!started.ok() && !server_->has_reason_to_stop()) {
    gave_up_ = true;
    return history_->Violation("the server does not start: " + why);
  }
  chaos_->Crash(server_->disk().dead());
  BringUpLater();
}

void Keeper::OnStarted(uint64_t failed_syncs_before) {
  must_stop_ms_.reset();
  failed_syncs_ = server_->disk().failed_syncs();
  if (failed_syncs_ != failed_syncs_before)
    history_->Violation("the server started despite a failed sync");
  NoteTime();
  CheckStop();
  CompareState();
}

// An orderly stop makes everything durable first, so the server must come back unchanged, whatever
// happens to the machine.
void Keeper::CheckStop() {
  if (!left_orderly_) return;
  if (server_->replayed() > 0)
    history_->Violation("an orderly stop left " + std::to_string(server_->replayed()) +
                        " frames that the store does not have");
}

// True if the server is down now.
bool Keeper::LookAtStop() {
  if (!server_->is_stopping()) {
    if (chaos_->StopsNow()) {
      scheduler_->Trace("it is to stop");
      must_close_ms_ = scheduler_->MonotonicMs() + kClosesWithinMs;
      server_->BeginStop();
    }
    return false;
  }
  if (!server_->has_closed()) {
    if (scheduler_->MonotonicMs() < must_close_ms_) return false;
    gave_up_ = true;
    return history_->Violation("the server does not stop"), true;
  }
  faults_->Count(Fault::kOrderlyStop);
  scheduler_->Trace("it has stopped");
  NoteState();
  // A disk too full for the last checkpoint is an excuse.
  left_orderly_ = !server_->has_reason_to_stop();
  server_->Leave(SimulatedServer::Death::kByChance);
  BringUpLater();
  return true;
}

// While the server was down, shard time may have advanced by as much as the wall clock did, but no
// more.
void Keeper::NoteTime() {
  const Engine& engine = server_->node()->engine_for_tests();
  const int64_t offset_ms = engine.state().now().ms - scheduler_->MonotonicMs();
  const int64_t forward_ms = scheduler_->wall_forward_ms();
  if (shard_offset_ms_) {
    const int64_t moved_ms = offset_ms - *shard_offset_ms_;
    if (moved_ms > forward_ms - wall_forward_ms_ + kRoundingMs)
      history_->Violation("shard time jumped " + std::to_string(moved_ms) +
                          " ms ahead: shard offset " + std::to_string(offset_ms) +
                          ", wall forward " + std::to_string(forward_ms) + " of which seen " +
                          std::to_string(wall_forward_ms_));
    history_->ShardTimeMoved(moved_ms);
  }
  shard_offset_ms_ = offset_ms;
  wall_forward_ms_ = forward_ms;
}

// For readers of the trace: which answers depend on which frame.
void Keeper::TellFrames() {
  const State& state = server_->node()->engine_for_tests().state();
  if (std::exchange(told_frame_, state.frame()) != state.frame())
    scheduler_->Tell([&] { return "frame " + std::to_string(state.frame()) + " begins"; });
}

void Keeper::Look() {
  if (server_->node() == nullptr) return;
  if (scheduler_->print_trace) TellFrames();
  const bool killed = chaos_->KillsNow();
  const bool died = server_->disk().dead();
  if (!died && !killed && server_->stopped().empty()) {
    if (!LookAtStop()) LookForFailedSync();
    return;
  }
  if (!died && !server_->stopped().empty() && !server_->has_reason_to_stop()) {
    gave_up_ = true;
    return history_->Violation("the server stopped itself: " + server_->stopped());
  }
  NoteState();
  chaos_->Crash(died || killed);
  BringUpLater();
}

void Keeper::LookForFailedSync() {
  if (server_->disk().failed_syncs() != failed_syncs_) {
    failed_syncs_ = server_->disk().failed_syncs();
    must_stop_ms_ = scheduler_->MonotonicMs() + kStopsWithinMs;
  }
  if (!must_stop_ms_ || scheduler_->MonotonicMs() < *must_stop_ms_) return;
  history_->Violation("the server keeps running after a failed sync");
  must_stop_ms_.reset();
}

void Keeper::NoteState() {
  const Engine& engine = server_->node()->engine_for_tests();
  frame_ = engine.state().frame();
  digest_ = StateDigest(engine);
}

// After a crash, compares only if the last batch before it is the last frame recovered.
void Keeper::CompareState() {
  const Engine& engine = server_->node()->engine_for_tests();
  const bool is_same_frame = frame_ != 0 && engine.state().frame() == frame_;
  if (!std::exchange(left_orderly_, false) && !is_same_frame) return;
  ++states_compared_;
  if (StateDigest(engine) != digest_)
    history_->Violation("the state after recovery differs from the state before, as of frame " +
                        std::to_string(frame_));
}

}  // namespace treadle::sim
