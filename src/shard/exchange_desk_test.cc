#include "shard/exchange_desk.h"

#include "shard/shard_fixture.h"

namespace treadle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ExchangeDeskTest : public ShardPartTest {
 protected:
  void LoadLane(std::vector<TaskId>, Then then) override { loads_.push_back(std::move(then)); }

  /// A task that only the store still has in full.
  TaskId EnqueueAndForget() {
    const TaskId id = Enqueue();
    RunAll();
    engine_.mutable_state()->parts_bytes_max = 0;
    engine_.mutable_state()->Forget(frames_->durable(), SIZE_MAX);
    EXPECT_FALSE(engine_.Peek(id)->HasBody());
    return id;
  }
  /// Exchange 1 of a worker, under a ticket of its own each time that it is sent.
  void Ask(const std::string& name) {
    auto job = std::make_shared<ExchangeJob>();
    job->ticket = ++tickets_;
    job->request = {.holder = {"worker", 1},
                    .sequence = 1,
                    .queues = {"mail"},
                    .types = {"send"},
                    .want = 1,
                    .wait_ms = 30'000};
    job->done = [this, name](const Result<ExchangeReply>& reply) {
      answered_.push_back(name + (reply.ok() ? "" : ": " + reply.status().message()));
    };
    desk_.Begin(job);
  }

  uint64_t tickets_ = 0;
  std::vector<Then> loads_;
  ExchangeDesk desk_{this};
};

TEST_F(ExchangeDeskTest, AnExchangeThatIsSentTwiceWhileItsTasksAreLoadedWaitsOnce) {
  const TaskId id = EnqueueAndForget();
  Ask("first");
  Ask("again");
  ASSERT_EQ(loads_.size(), 2U);
  ASSERT_TRUE(Open()
                  .Do({.kind = TaskCommand::Kind::kCancel, .id = id}, nullptr, false)
                  .reply.ok());  // so there is nothing to give
  for (const Then& then : std::exchange(loads_, {})) then({});
  RunAll();
  EXPECT_THAT(answered_, ElementsAre("first"));
  EXPECT_EQ(desk_.parked(), 1U);
  desk_.EndAll();
  RunAll();
  EXPECT_THAT(answered_, ElementsAre("first", "again"));
}

TEST_F(ExchangeDeskTest, AParkedExchangeIsAnsweredWhenItsTimeIsOver) {
  Ask("only");
  PassMs(29'999);
  EXPECT_THAT(answered_, IsEmpty());
  PassMs(1);
  EXPECT_THAT(answered_, ElementsAre("only"));
  EXPECT_EQ(desk_.parked(), 0U);
}

}  // namespace
}  // namespace treadle
