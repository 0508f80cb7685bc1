// Frames stay small enough for a segment of the journal, however much is asked for at once.

#include <gmock/gmock.h>

#include "sim/node_fixture.h"

namespace treadle::sim {
namespace {

using FramesTest = NodeTest;

// As in seeds 7703800, 7706368 and 7707874.
TEST_F(FramesTest, BatchesThatComeWhileTheDiskIsSlowGoIntoSeveralFrames) {
  int answered = 0;
  server_.lane(SimulatedServer::kJournalLane)->StallFor(5'000);
  constexpr int kBatches = 12;
  for (int i = 0; i < kBatches; ++i) {
    NewTask task = Task();
    auto body = std::make_shared<TaskBody>(*task.body);
    body->payload = '"' + std::string(30'000, 'p') + '"';
    body->payload_sha256 = Sha256Of(body->payload);
    task.body = body;
    server_.node()->Enqueue(*EnqueueCommand::Make({task}),
                            [&](const Result<EnqueueReply>& reply) { answered += reply.ok(); });
  }
  while (answered < kBatches && scheduler_.MonotonicMs() < 60'000 && scheduler_.Step()) {
  }
  EXPECT_EQ(answered, kBatches);
  EXPECT_EQ(server_.stopped(), "");
}

}  // namespace
}  // namespace treadle::sim
