// Which batches of tasks are refused, whole, and by what words.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine_fixture.h"

namespace treadle {
namespace {

using testing::HasSubstr;

class AdmissionTest : public EngineFixture {
 protected:
  Result<EnqueueReply> Enqueue(std::vector<NewTask> tasks) {
    const auto command = EnqueueCommand::Make(std::move(tasks));
    if (!command.ok()) return command.status();
    return InBatch([&] { return engine_.Enqueue(*command); });
  }
};

TEST_F(AdmissionTest, ABatchIsRefusedWholeAndNamesTheTaskAtFault) {
  NewTask wrong = Task();
  wrong.type = "";
  const Status status = Enqueue({Task(), wrong}).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("tasks[1].type"));
  EXPECT_EQ(Enqueue({}).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Enqueue(std::vector<NewTask>(10'001, Task())).status().code(), Code::kInvalidArgument);
  EXPECT_TRUE(engine_.Queues().views.empty());
}

TEST_F(AdmissionTest, AKeyThatComesTwiceInABatchIsOneTaskIfTheRequestsAreTheSame) {
  const auto reply = Enqueue({Task("a"), Task("a")});
  EXPECT_EQ(reply->tasks[0].id, reply->tasks[1].id);
  EXPECT_TRUE(reply->tasks[1].duplicate);
  NewTask other = Task("b");
  other.priority = 9;
  EXPECT_EQ(Enqueue({Task("b"), other}).status().code(), Code::kAlreadyExists);
  EXPECT_EQ(Enqueue({Task("b")})->tasks[0].duplicate, false);
}

TEST_F(AdmissionTest, AQueueThatIsFullByBytesReportsIt) {
  QueuePolicy policy;
  policy.capacity = {.tasks = 100, .bytes = 10};
  Configure("default", policy);
  EXPECT_TRUE(Enqueue({Task()}).ok());
  const Status status = Enqueue({Task()}).status();
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("100 tasks or 10 bytes"));
}

TEST_F(AdmissionTest, SheddingExceedsTheNeedByAtMostTheLargestTask) {
  QueuePolicy policy;
  policy.capacity = {.bytes = 18, .shed = true};
  Configure("default", policy);
  NewTask low = Task();
  low.priority = 1;
  ASSERT_TRUE(Enqueue({low, low}).ok());
  ASSERT_TRUE(Enqueue({Task()}).ok());
  const QueueView view = *engine_.GetQueue("default");
  EXPECT_EQ(view.tasks[static_cast<size_t>(TaskState::kCancelled)], 1U);
  EXPECT_EQ(view.tasks[static_cast<size_t>(TaskState::kReady)], 2U);
}

TEST_F(AdmissionTest, ADrainingQueueOnlyReturnsExistingTasks) {
  for (const bool strict : {false, true}) {
    engine_.strict_queues = strict;
    const std::string key = strict ? "strict" : "lax";
    Configure("default", {});
    ASSERT_TRUE(Enqueue({Task(key)}).ok());
    QueuePolicy draining;
    draining.draining = true;
    Configure("default", draining);
    EXPECT_EQ(Enqueue({Task()}).status().code(), Code::kFailedPrecondition) << key;
    const auto again = Enqueue({Task(key)});
    ASSERT_TRUE(again.ok()) << key << ": " << again.status().ToString();
    EXPECT_TRUE(again->tasks[0].duplicate);
  }
}

TEST_F(AdmissionTest, WithStrictQueuesNoTaskCreatesAQueue) {
  engine_.strict_queues = true;
  const Status status = Enqueue({Task("", "typo")}).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("strict_queues"));
  Configure("typo", {});
  EXPECT_TRUE(Enqueue({Task("", "typo")}).ok());
  ASSERT_EQ(InBatch([&] { return engine_.DeleteQueue("typo"); }).status().code(),
            Code::kFailedPrecondition);
}

}  // namespace
}  // namespace treadle
