// Frames stay small enough for a journal segment, however much arrives at once.

#include <gmock/gmock.h>

#include "engine/engine.h"
#include "sim/node_fixture.h"

namespace treadle::sim {
namespace {

class FramesTest : public NodeTest {
 protected:
  uint64_t frame() { return server_.node()->engine_for_tests().state().frame(); }
};

// As in seeds 7703800, 7706368 and 7707874.
TEST_F(FramesTest, BatchesThatArriveWhileTheDiskIsSlowGoIntoSeveralFrames) {
  int answered = 0;
  server_.executor(SimulatedServer::kJournalExecutor)->StallFor(5'000);
  constexpr int kBatches = 12;
  for (int i = 0; i < kBatches; ++i) {
    NewTask task = Task();
    auto body = std::make_shared<TaskBody>(*task.body);
    body->payload = '"' + std::string(30'000, 'p') + '"';
    body->payload_sha256 = Sha256Of(body->payload);
    task.body = body;
    server_.node()->Do(*EnqueueCommand::Make({task}),
                       [&](const Result<EnqueueReply>& reply) { answered += reply.ok(); });
  }
  while (answered < kBatches && scheduler_.MonotonicMs() < 60'000 && scheduler_.Step()) {
  }
  EXPECT_EQ(answered, kBatches);
  EXPECT_EQ(server_.stopped(), "");
}

TEST_F(FramesTest, ReportsThatFillMoreThanASegmentGoIntoSeveralFrames) {
  constexpr size_t kTasks = 100;
  ASSERT_TRUE(Enqueue(std::vector<NewTask>(kTasks, Task()))->ok());
  const std::vector<Leased> leases = (*Exchange(Asking(kTasks)))->leases;
  ASSERT_EQ(leases.size(), kTasks);
  ExchangeRequest request = Asking(0);
  for (const Leased& lease : leases) {
    auto result = std::make_shared<TaskResult>();
    result->bytes = '"' + std::string(4'000, 'r') + '"';
    result->sha256 = Sha256Of(result->bytes);
    Report report{.token = lease.token};
    report.result = result;
    request.reports.push_back(report);
  }
  ASSERT_GT(kTasks * 4'000, 2 * kSegmentBytes);
  const auto reply = Exchange(request);
  ASSERT_TRUE(reply && reply->ok());
  for (const ReportReply& each : (*reply)->reports) EXPECT_TRUE(each.status.ok());
  EXPECT_EQ(server_.stopped(), "");
  Restart();
  EXPECT_EQ(Get(leases.back().token.task)->task.image.state, TaskState::kCompleted);
}

// As after a long stop: more waiting tasks have expired than fit into one frame.
TEST_F(FramesTest, AnExchangeThatFindsOnlyExpiredTasksContinuesInAnotherFrame) {
  server_.options().checkpoint_bytes = uint64_t{32} << 20;
  Restart();
  std::vector<NewTask> tasks(1'000, Task());
  for (NewTask& task : tasks) task.expires_ms = 5'000;
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(Enqueue(tasks)->ok());
  const TaskId last = EnqueueOne();
  const uint64_t before = frame();
  scheduler_.Pass(10'000);
  const auto reply = Exchange(Asking(10));
  ASSERT_TRUE(reply && reply->ok());
  ASSERT_EQ((*reply)->leases.size(), 1U);
  EXPECT_EQ((*reply)->leases[0].token.task, last);
  EXPECT_GT(frame(), before + 1);
}

}  // namespace
}  // namespace treadle::sim
