#include "sim/canaries.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string_view>

#include "base/canary.h"

namespace treadle::sim {
namespace {

struct Canary {
  std::string_view name;
  std::string_view bug;
};

constexpr Canary kCanaries[] = {
    {"ack_before_sync", "a frame counts as durable before it is synced"},
    {"ignore_failed_sync", "the journal continues after a failed sync"},
    {"skip_checksum", "frames are accepted whatever their checksum says"},
    {"cut_at_first_bad_frame", "a damaged frame that was durable counts as a torn end"},
    {"reuse_term", "opening a shard does not raise its term"},
    {"segment_without_directory_sync", "a segment's name is not synced"},
    {"frames_not_rewritten_on_open", "frames that are only in the page cache count as durable"},
    {"trim_too_early", "the journal is trimmed before the checkpoint is written"},
    {"checkpoint_without_sync", "the store commits without a sync"},
    {"log_not_rewritten_on_open", "commits that are only in the page cache count as durable"},
    {"reply_ahead_of_frame", "a reply leaves before its frame is durable"},
    {"forget_lease_at_recovery", "recovery does not extend the leases of running tasks"},
    {"forget_last_frame_at_recovery", "recovery does not replay the last frame"},
    {"replay_twice", "recovery replays frames over what came after them"},
    {"checkpoint_skips_a_frame", "a checkpoint does not fold its first frame"},
    {"drop_keys_at_checkpoint", "a checkpoint forgets idempotency keys"},
    {"edit_lost_at_checkpoint", "a checkpoint forgets edited payloads"},
    {"steps_lost_at_checkpoint", "a checkpoint forgets the results of steps"},
    {"deleted_comes_back", "a checkpoint keeps deleted tasks"},
    {"old_place_left_behind", "a checkpoint leaves an ended task in the lane where it waited"},
    {"reuse_ids", "a checkpoint does not record which IDs were assigned"},
    {"expire_by_wall_time", "leases end by the wall clock"},
    {"take_back_what_was_delivered", "a late sign of a broken connection revokes leases"},
    {"take_an_old_token", "a report with an old token counts"},
    {"one_attempt_too_many", "no failure is ever the last one"},
    {"no_backoff", "a failed task is retried at once"},
    {"forget_renewal", "renewals do not extend leases"},
    {"shorten_leases_that_are_out", "a queue's shorter lease also applies to current leases"},
    {"half_a_lease", "leases last half as long as promised"},
    {"run_before_time", "tasks do not wait until they are due"},
    {"forget_keys_early", "idempotency keys do not last for their window"},
    {"let_go_of_unique_keys", "unique keys do not last as long as their task"},
    {"lease_from_a_paused_queue", "tasks of paused queues are leased"},
    {"forget_cancel_request", "a request to cancel a running task is not recorded"},
    {"count_no_removals", "removed tasks are not counted"},
    {"take_more_than_fits", "queues take more tasks than their capacity"},
    {"forget_backoff_at_recovery", "recovery forgets that retrying tasks wait"},
    {"attempts_lost_at_checkpoint", "a checkpoint forgets how attempts ended"},
    {"log_lost_at_checkpoint", "a checkpoint forgets what attempts logged"},
    {"saved_checkpoint_lost", "a checkpoint forgets the checkpoints of tasks"},
    {"result_lost_at_checkpoint", "a checkpoint forgets results"},
    {"answer_from_an_old_store", "histories and logs do not wait for the store"},
    {"log_kept_twice", "a repeated log chunk is stored twice"},
    {"accept_any_payload", "payloads are not checked against their contract"},
    {"accept_any_result", "results are not checked against their contract"},
    {"contract_of_the_task_before", "a task gets the contract of the previous one"},
    {"ignore_error_codes", "the error codes of a contract are ignored"},
    {"ignore_type_policy", "the retry policy of a type is ignored"},
    {"type_policy_lost_at_checkpoint", "a checkpoint forgets policies and contracts of types"},
    {"delete_a_full_queue", "queues are deleted whatever they contain"},
    {"deleted_queue_comes_back", "a checkpoint forgets that a queue was deleted"},
    {"deleted_queue_keeps_its_policy", "a recreated queue has its old policy"},
    {"stop_without_checkpoint", "an orderly stop makes no last checkpoint"},
};

constexpr unsigned kHangsAfterSeconds = 20;

}  // namespace

#ifdef TREADLE_CANARIES

bool ReleaseCanary(const std::string& name) {
  const auto* found = std::ranges::find(kCanaries, name, &Canary::name);
  if (found == std::end(kCanaries)) return false;
  released_canary = found->name;
  return true;
}

bool RunCanaries(const RunnerOptions& options) {
  RunnerOptions quiet = options;
  quiet.repeat_each = 0;
  quiet.quiet = true;
  quiet.seed_seconds_max = kHangsAfterSeconds;
  bool all = true;
  std::printf("| canary | the bug | found in, of %llu seeds |\n|---|---|---|\n",
              static_cast<unsigned long long>(options.seeds));
  for (const Canary& canary : kCanaries) {
    released_canary = canary.name;
    const uint64_t found = RunSeeds(quiet).violations;
    all &= found > 0;
    std::printf("| `%s` | %s | %llu |\n", std::string(canary.name).c_str(),
                std::string(canary.bug).c_str(), static_cast<unsigned long long>(found));
    std::fflush(stdout);
  }
  return all;
}

#else

bool ReleaseCanary(const std::string&) { return false; }

bool RunCanaries(const RunnerOptions&) {
  std::fputs("this build has no canaries; ./dev canaries makes one that has\n", stderr);
  return false;
}

#endif

}  // namespace treadle::sim
