// Whole runs: seeds that once broke a promise, the text of a trace, and fresh seeds.

#include "sim/world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/batch_limits.h"
#include "journal/file_journal.h"
#include "model/limits.h"
#include "sim/runner.h"

namespace treadle::sim {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

class SeedThatFailedOnce : public testing::TestWithParam<uint64_t> {};

// A seed does something else after a code change, so each cause also has a directed test;
// docs/reliability.md lists them.
TEST_P(SeedThatFailedOnce, BreaksNoPromise) {
  EXPECT_THAT(RunWorld({.seed = GetParam()}).violations, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, SeedThatFailedOnce,
                         testing::Values(7703800, 7706368, 7707874, 7710200, 7710800, 1796028630575,
                                         1796028631609, 1796073364552, 1796073364637,
                                         1796074980961));

TEST(Trace, NamesTasksCommandsAndAnswersAndChangesNothing) {
  const RunReport silent = RunWorld({.seed = 7});
  testing::internal::CaptureStderr();
  const RunReport traced = RunWorld({.seed = 7, .print_trace = true});
  const std::string trace = testing::internal::GetCapturedStderr();
  EXPECT_EQ(traced.trace_hash, silent.trace_hash);
  EXPECT_THAT(trace, AllOf(HasSubstr("p0: enqueue "), HasSubstr("p0 is answered: OK 1-"),
                           HasSubstr("w0: exchange 1, want 8"), HasSubstr(", leased 1-"),
                           HasSubstr(" completed {"), HasSubstr("operator: ")));
  EXPECT_THAT(trace, AllOf(HasSubstr("the server is up: term 1, 0 frames replayed"),
                           HasSubstr("the server goes down: "), HasSubstr("frame 2 begins"),
                           HasSubstr("a checkpoint runs"), HasSubstr("deployer: put contract "),
                           HasSubstr("tenant: configure"), HasSubstr("comes in"),
                           HasSubstr("is heard"), HasSubstr("fault: ")));
  EXPECT_THAT(trace, testing::Not(HasSubstr("run 0")));
}

TEST(FreshSeeds, RunUntilTimeIsUp) {
  int rounds = 0;
  std::vector<uint64_t> told;
  const Totals totals = RunFresh(
      {.first = 1, .seeds = 2}, [&] { return ++rounds == 2; },
      [&](const Totals& so_far) { told.push_back(so_far.seeds); });
  EXPECT_EQ(totals.seeds, 4U);
  EXPECT_THAT(told, testing::ElementsAre(2, 4));
  EXPECT_THAT(totals.failed, IsEmpty());
  EXPECT_THAT(ToSummary(totals), AllOf(HasSubstr("4 seeds, "), HasSubstr("0 with violations")));
  EXPECT_GT(FreshSeed(), 1'700'000'000'000U);
}

// A frame takes no more commands once it has kFrameBytes, and no command writes more than
// kCommandBytesMax. So each frame fits into a segment, together with the counters of all queues.
TEST(Sizes, AFrameAndOneMoreCommandFitIntoASegment) {
  constexpr size_t kHeaders = 8'192;
  EXPECT_LT(
      treadle::kFrameBytes + kCommandBytesMax + limits::kQueues * kCountersBytesMax + kHeaders,
      FileJournalOptions{}.segment_bytes);
}

}  // namespace
}  // namespace treadle::sim
