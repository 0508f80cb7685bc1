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
    {"ignore_failed_sync", "the journal goes on after a sync that failed"},
    {"skip_checksum", "frames are taken whatever their checksum says"},
    {"cut_at_first_bad_frame", "a damaged frame that was durable counts as a torn end"},
    {"reuse_term", "an opening does not raise the term"},
    {"segment_without_directory_sync", "a segment's name is not synced"},
    {"frames_not_rewritten_on_open", "frames that only the page cache has count as durable"},
    {"trim_too_early", "the journal is trimmed before the checkpoint is written"},
    {"checkpoint_without_sync", "the store commits without a sync"},
    {"log_not_rewritten_on_open", "commits that only the page cache has count as durable"},
    {"reply_ahead_of_frame", "an answer leaves before its frame is durable"},
    {"forget_lease_at_recovery", "recovery gives no full lease to what runs"},
    {"forget_last_frame_at_recovery", "recovery does not replay the last frame"},
    {"replay_twice", "recovery replays frames over what came after them"},
    {"checkpoint_skips_a_frame", "a checkpoint does not fold its first frame"},
    {"drop_keys_at_checkpoint", "a checkpoint forgets idempotency keys"},
    {"edit_lost_at_checkpoint", "a checkpoint forgets payloads that were edited"},
    {"steps_lost_at_checkpoint", "a checkpoint forgets the results of steps"},
    {"deleted_comes_back", "a checkpoint keeps deleted tasks"},
    {"old_place_left_behind",
     "a checkpoint leaves a task that has ended in the lane where it waited"},
    {"reuse_ids", "a checkpoint does not note which ids were given"},
    {"expire_by_wall_time", "leases end by the wall clock"},
    {"take_back_what_was_delivered", "a late sign of a broken connection takes leases back"},
    {"take_an_old_token", "a report with an old token counts"},
    {"one_attempt_too_many", "a failure never is the last one"},
    {"no_backoff", "a failed task is retried at once"},
    {"forget_renewal", "renewals do not extend leases"},
    {"shorten_leases_that_are_out", "a queue's shorter lease holds for leases that are out, too"},
    {"half_a_lease", "leases last half as long as was said"},
    {"run_before_time", "tasks do not wait for their time"},
    {"forget_keys_early", "idempotency keys do not last for their window"},
    {"let_go_of_unique_keys", "unique keys do not last as long as their task"},
    {"lease_from_a_paused_queue", "paused queues are leased from"},
    {"forget_cancel_request", "a request to cancel a running task is not written down"},
    {"count_no_removals", "tasks that are removed are not counted"},
    {"take_more_than_fits", "queues take more tasks than their capacity"},
    {"forget_backoff_at_recovery", "recovery forgets that retrying tasks wait"},
    {"attempts_lost_at_checkpoint", "a checkpoint forgets how attempts ended"},
    {"log_lost_at_checkpoint", "a checkpoint forgets what attempts logged"},
    {"saved_checkpoint_lost", "a checkpoint forgets the checkpoints of tasks"},
    {"result_lost_at_checkpoint", "a checkpoint forgets results"},
    {"answer_from_an_old_store", "histories and logs do not wait for the store"},
    {"log_kept_twice", "what a worker logs again is kept again"},
    {"accept_any_payload", "payloads are not held against their contract"},
    {"accept_any_result", "results are not held against their contract"},
    {"contract_of_the_task_before", "a task is given the contract of the one before"},
    {"ignore_error_codes", "what a contract says of error codes does not count"},
    {"ignore_type_policy", "the retry policy of a type does not count"},
    {"type_policy_lost_at_checkpoint", "a checkpoint forgets policies and contracts of types"},
    {"delete_a_full_queue", "queues are deleted whatever they hold"},
    {"deleted_queue_comes_back", "a checkpoint forgets that a queue was deleted"},
    {"deleted_queue_keeps_its_policy", "a queue that is made again has its policy of before"},
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
