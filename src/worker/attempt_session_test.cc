#include "worker/attempt_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace treadle::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class AttemptSessionTest : public ::testing::Test {
 protected:
  Result<wire::AttemptAnswer> Take(const wire::AttemptUpdate& update) {
    if (!refusal_.ok()) return refusal_;
    if (refuses_log_ && (update.log || update.progress))
      return Status(Code::kInvalidArgument, "no such log");
    sent_.push_back(update);
    if (update.log)
      kept_ = update.log->offset + static_cast<int64_t>(update.log->text.size()) + grows_by_;
    return wire::AttemptAnswer{.log_bytes = kept_};
  }

  wire::Lease lease_;
  Status refusal_;
  bool refuses_log_ = false;
  int64_t kept_ = 0;      // of the log
  int64_t grows_by_ = 0;  // each piece, on its way
  std::vector<wire::AttemptUpdate> sent_;
  AttemptSession session_{&lease_, [this](const auto& update, bool) { return Take(update); }};
};

TEST_F(AttemptSessionTest, StepsAndCheckpointOfEarlierAttemptsAreFoundAndNewerOnesWin) {
  lease_.steps["a"] = {"1", "application/json"};
  lease_.checkpoint = Bytes{"old", "x/y"};
  EXPECT_EQ(session_.FindStep("a")->data, "1");
  EXPECT_EQ(session_.FindStep("b"), std::nullopt);
  EXPECT_EQ(session_.FindCheckpoint()->data, "old");
  EXPECT_TRUE(session_.SaveStep("b", {"2", "application/json"}).ok());
  EXPECT_TRUE(session_.SaveCheckpoint({"new", "x/y"}).ok());
  EXPECT_EQ(session_.FindStep("b")->data, "2");
  EXPECT_EQ(session_.FindCheckpoint()->data, "new");
  EXPECT_THAT(sent_, SizeIs(2));
}

TEST_F(AttemptSessionTest, AFailedSaveLeavesNothing) {
  refusal_ = Status(Code::kLeaseLost, "gone");
  EXPECT_EQ(session_.SaveStep("a", {"1", "application/json"}).code(), Code::kLeaseLost);
  EXPECT_EQ(session_.SaveCheckpoint({"1", "application/json"}).code(), Code::kLeaseLost);
  EXPECT_EQ(session_.FindStep("a"), std::nullopt);
  EXPECT_EQ(session_.FindCheckpoint(), std::nullopt);
}

TEST_F(AttemptSessionTest, LogLinesGoWithWhatIsSentNextAndTheRestWithTheReport) {
  EXPECT_TRUE(session_.SaveStep("first", {"", "x/y"}).ok());
  session_.AppendLog("one");
  session_.AppendLog("two\n");
  EXPECT_THAT(sent_, SizeIs(1));
  EXPECT_TRUE(session_.SaveStep("second", {"", "x/y"}).ok());
  ASSERT_TRUE(sent_.back().log);
  EXPECT_EQ(sent_.back().log->offset, 0);
  EXPECT_EQ(sent_.back().log->text, "one\ntwo\n");
  session_.AppendLog("three");
  const auto rest = session_.TakeLog();
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->offset, 8);
  EXPECT_EQ(rest->text, "three\n");
}

TEST_F(AttemptSessionTest, UndeliveredLinesAreSentAgainFromTheirStart) {
  EXPECT_TRUE(session_.SaveStep("first", {"", "x/y"}).ok());
  session_.AppendLog("one");
  refusal_ = Status(Code::kUnavailable, "away");
  EXPECT_FALSE(session_.SaveStep("second", {"", "x/y"}).ok());
  refusal_ = {};
  session_.AppendLog("two");
  const auto rest = session_.TakeLog();
  EXPECT_EQ(rest->offset, 0);
  EXPECT_EQ(rest->text, "one\ntwo\n");
}

// Bytes that are no UTF-8 travel as U+FFFD.
TEST_F(AttemptSessionTest, TheLogContinuesWhereTheServersCopyEnds) {
  EXPECT_TRUE(session_.SaveStep("first", {"", "x/y"}).ok());
  grows_by_ = 2;
  session_.AppendLog("\xff");
  EXPECT_TRUE(session_.SaveStep("second", {"", "x/y"}).ok());
  session_.AppendLog("more");
  EXPECT_EQ(session_.TakeLog()->offset, 4);
}

TEST_F(AttemptSessionTest, AStepIsKeptEvenIfItsLogAndProgressAreRefused) {
  session_.AppendLog("one");
  refuses_log_ = true;
  session_.TellProgress(0.5, "half");
  EXPECT_TRUE(session_.SaveStep("s", {"1", "application/json"}).ok());
  EXPECT_EQ(session_.FindStep("s")->data, "1");
  EXPECT_EQ(session_.TakeLog(), std::nullopt);
}

TEST_F(AttemptSessionTest, ReportsAreAdjustedToTheServersLimits) {
  session_.TellProgress(1, std::string(300, 'x') + "\n");
  EXPECT_EQ(sent_.back().progress->message.size(), 256U);
  session_.TellProgress(1, "row 1\nrow 2");
  EXPECT_EQ(sent_.back().progress->message, "row 1 row 2");
  session_.AppendLog(std::string_view("a\0b", 3));
  EXPECT_EQ(session_.TakeLog()->text, "a b\n");
}

TEST_F(AttemptSessionTest, InvalidJsonIsNotSent) {
  EXPECT_EQ(session_.SaveStep("s", {R"(1},{"name":"forged")", "application/json"}).code(),
            Code::kInvalidArgument);
  EXPECT_EQ(session_.SaveCheckpoint({"", "application/json"}).code(), Code::kInvalidArgument);
  EXPECT_THAT(sent_, SizeIs(0));
}

TEST_F(AttemptSessionTest, NothingIsSentAfterTheLeaseIsLost) {
  refusal_ = Status(Code::kLeaseLost, "gone");
  EXPECT_EQ(session_.SaveStep("s", {"1", "x/y"}).code(), Code::kLeaseLost);
  refusal_ = {};
  EXPECT_EQ(session_.SaveStep("s", {"1", "x/y"}).code(), Code::kLeaseLost);
  EXPECT_THAT(sent_, SizeIs(0));
}

TEST_F(AttemptSessionTest, ALogIsSentOnlyUpToTheServersLimit) {
  for (int i = 0; i < 100; ++i) session_.AppendLog(std::string(1'000, 'x'));
  size_t bytes = 0;
  for (const auto& update : sent_) bytes += update.log->text.size();
  if (const auto rest = session_.TakeLog()) bytes += rest->text.size();
  EXPECT_EQ(bytes, size_t{64} << 10);
}

TEST_F(AttemptSessionTest, ProgressIsSentAtIntervalsAndWhenComplete) {
  for (int i = 0; i < 1'000; ++i) session_.TellProgress(i / 1'000.0, "");
  session_.TellProgress(1, "done");
  ASSERT_GE(sent_.size(), 2U);
  EXPECT_LT(sent_.size(), 100U);
  EXPECT_EQ(sent_.back().progress->message, "done");
}

TEST_F(AttemptSessionTest, ProgressGoesWithWhatIsSavedAndIsNotKeptBackByIt) {
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(session_.SaveCheckpoint({std::to_string(i), "x/y"}).ok());
    session_.TellProgress(i / 10.0, "");
  }
  ASSERT_TRUE(sent_[1].progress);  // the first one, at once
  EXPECT_EQ(sent_[1].progress->fraction, 0.1);
  EXPECT_TRUE(session_.SaveStep("s", {"", "x/y"}).ok());
  EXPECT_EQ(sent_.back().progress->fraction, 0.3);
}

}  // namespace
}  // namespace treadle::worker
