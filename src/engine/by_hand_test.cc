// What comes back, or comes from another queue, by hand: it needs room and its key like a new task.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/engine_fixture.h"

namespace treadle {
namespace {

using testing::HasSubstr;
using Kind = TaskCommand::Kind;

class ByHandTest : public EngineFixture {
 protected:
  /// With a key: unique until it is done.
  static NewTask Task(const std::string& key = "", const std::string& queue = "default") {
    NewTask task = EngineFixture::Task(key, queue);
    if (!key.empty()) task.unique = Unique::kDone;
    return task;
  }
  EnqueueReply::Task Enqueue(const NewTask& task) {
    const auto command = EnqueueCommand::Make({task});
    EXPECT_TRUE(command.ok()) << command.status().ToString();
    const auto reply = InBatch([&] { return engine_.Enqueue(*command); });
    EXPECT_TRUE(reply.ok()) << reply.status().ToString();
    return reply->tasks.at(0);
  }
  Status Do(Kind kind, TaskId id, const TaskEdit& edit = {}) {
    return InBatch([&] {
      return engine_.Do({.kind = kind, .id = id, .edit = edit}, nullptr, false).reply.status();
    });
  }
  Status Move(TaskId id, const std::string& queue) { return Do(Kind::kEdit, id, {.queue = queue}); }
  TaskId Dead(const NewTask& task) {
    const TaskId id = Enqueue(task).id;
    const auto leases = InBatch(
        [&] { return engine_.Lease({{"worker", 1}, ++exchange_, {task.queue}, {"hello"}, 1}); });
    Report report{.token = leases.reply->leases.at(0).token, .kind = Report::Kind::kFailed};
    report.error = std::make_shared<TaskError>(TaskError{"broken", ""});
    report.retry = false;
    EXPECT_TRUE(InBatch([&] { return engine_.Apply(report, nullptr, false); }).reply.ok());
    return id;
  }
  TaskState StateOf(TaskId id) { return engine_.Peek(id)->state; }

  uint32_t exchange_ = 0;
};

TEST_F(ByHandTest, ATaskWhoseUniqueKeyIsTakenByAnotherIsNotRedriven) {
  const TaskId first = Dead(Task("k"));
  const TaskId second = Enqueue(Task("k")).id;
  ASSERT_NE(first, second);
  const Status refused = Do(Kind::kRedrive, first);
  EXPECT_EQ(refused.code(), Code::kAlreadyExists);
  EXPECT_THAT(refused.message(), HasSubstr("is taken by task " + second.ToString()));
  EXPECT_EQ(StateOf(first), TaskState::kDead);
  ASSERT_TRUE(Do(Kind::kCancel, second).ok());
  EXPECT_TRUE(Do(Kind::kRedrive, first).ok());
  EXPECT_EQ(Do(Kind::kRedrive, second).code(), Code::kAlreadyExists);
}

TEST_F(ByHandTest, ARedrivenTaskHoldsItsUniqueKeyAgainForTheSameRequest) {
  const TaskId id = Dead(Task("k"));
  ASSERT_TRUE(Do(Kind::kRedrive, id).ok());
  const EnqueueReply::Task again = Enqueue(Task("k"));
  EXPECT_EQ(again.id, id);
  EXPECT_TRUE(again.duplicate);
  ASSERT_TRUE(Do(Kind::kCancel, id).ok());
  EXPECT_NE(Enqueue(Task("k")).id, id);
}

TEST_F(ByHandTest, AUniqueKeyGoesWithItsTaskToAnotherQueue) {
  const TaskId moves = Enqueue(Task("k")).id;
  const TaskId stays = Enqueue(Task("k", "other")).id;
  const Status refused = Move(moves, "other");
  EXPECT_EQ(refused.code(), Code::kAlreadyExists);
  EXPECT_THAT(refused.message(), HasSubstr(stays.ToString()));
  ASSERT_TRUE(Do(Kind::kCancel, stays).ok());
  ASSERT_TRUE(Move(moves, "other").ok());
  EXPECT_EQ(Enqueue(Task("k", "other")).id, moves);
  EXPECT_NE(Enqueue(Task("k")).id, moves);
  // The key of the other queue holds for the rest of its life, and no longer.
  ASSERT_TRUE(Do(Kind::kCancel, moves).ok());
  EXPECT_NE(Enqueue(Task("k", "other")).id, moves);
}

TEST_F(ByHandTest, AFullQueueTakesNoTaskThatIsRedrivenOrMoved) {
  QueuePolicy policy;
  policy.capacity.tasks = 1;
  Configure("default", policy);
  const TaskId dead = Dead(Task());
  Enqueue(Task());
  EXPECT_EQ(Do(Kind::kRedrive, dead).code(), Code::kResourceExhausted);
  const TaskId elsewhere = Enqueue(Task("", "other")).id;
  const Status full = Move(elsewhere, "default");
  EXPECT_EQ(full.code(), Code::kResourceExhausted);
  EXPECT_THAT(full.message(), HasSubstr("queue default is full"));
  EXPECT_EQ(engine_.GetQueue("default")->tasks[static_cast<size_t>(TaskState::kReady)], 1U);
}

TEST_F(ByHandTest, ATaskThatIsRedrivenOrMovedShedsLikeANewOne) {
  QueuePolicy policy;
  policy.capacity = {.tasks = 1, .shed = true};
  Configure("default", policy);
  const TaskId dead = Dead(Task());
  NewTask low = Task();
  low.priority = 1;
  const TaskId first = Enqueue(low).id;
  ASSERT_TRUE(Do(Kind::kRedrive, dead).ok());
  EXPECT_EQ(StateOf(first), TaskState::kCancelled);
  NewTask high = Task("", "other");
  high.priority = 9;
  ASSERT_TRUE(Move(Enqueue(high).id, "default").ok());
  EXPECT_EQ(StateOf(dead), TaskState::kCancelled);
  EXPECT_EQ(Do(Kind::kRedrive, first).code(), Code::kResourceExhausted);
}

TEST_F(ByHandTest, ADrainingQueueTakesNoTaskThatIsRedrivenOrMoved) {
  const TaskId dead = Dead(Task());
  const TaskId elsewhere = Enqueue(Task("", "other")).id;
  QueuePolicy policy;
  policy.draining = true;
  Configure("default", policy);
  EXPECT_EQ(Do(Kind::kRedrive, dead).code(), Code::kFailedPrecondition);
  EXPECT_EQ(Move(elsewhere, "default").code(), Code::kFailedPrecondition);
}

TEST_F(ByHandTest, APayloadGrowsOnlyWithinTheBytesOfItsQueue) {
  QueuePolicy policy;
  policy.capacity.bytes = 20;
  Configure("default", policy);
  const TaskId id = Enqueue(Task()).id;
  auto body = std::make_shared<TaskBody>();
  body->payload = std::string(21, '1');
  EXPECT_EQ(Do(Kind::kEdit, id, {.payload = body}).code(), Code::kResourceExhausted);
  body->payload.pop_back();
  EXPECT_TRUE(Do(Kind::kEdit, id, {.payload = body}).ok());
}

TEST_F(ByHandTest, AnEditAMoveAndARedriveKeepTheTraceparent) {
  NewTask task = Task();
  auto body = std::make_shared<TaskBody>(*task.body);
  body->traceparent.bytes.fill('t');
  task.body = body;
  const TaskId id = Dead(task);
  auto payload = std::make_shared<TaskBody>();
  payload->payload = "2";
  ASSERT_TRUE(Do(Kind::kEdit, id, {.payload = payload}).ok());
  ASSERT_TRUE(Do(Kind::kRedrive, id).ok());
  ASSERT_TRUE(Move(id, "other").ok());
  const std::vector<Leased> leases = InBatch([&] {
    return engine_.Lease({{"worker", 1}, ++exchange_, {"other"}, {"hello"}, 1}).reply->leases;
  });
  ASSERT_EQ(leases.size(), 1u);
  EXPECT_EQ(leases[0].body->payload, "2");
  EXPECT_EQ(leases[0].body->traceparent, body->traceparent);
}

TEST_F(ByHandTest, ATaskThatWasToBeginBefore1970HasExpired) {
  NewTask late = Task();
  late.expires_at = WallTime{0};
  NewTask dead = Task();
  dead.deadline_at = WallTime{0};
  const TaskId expires = Enqueue(late).id;
  const TaskId ends = Enqueue(dead).id;
  InBatch([&] { return engine_.Tick(100); });
  EXPECT_EQ(StateOf(expires), TaskState::kExpired);
  EXPECT_EQ(StateOf(ends), TaskState::kDead);
}

}  // namespace
}  // namespace treadle
