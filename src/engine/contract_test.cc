// What a contract changes for the engine: whose tasks carry it, and what it says of their errors.

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "model/limits.h"

namespace treadle {
namespace {

class ContractTest : public testing::Test {
 protected:
  template <class Work>
  auto InBatch(Work work) {
    engine_.BeginBatch(++frame_, {ShardTime{1}, WallTime{1'000'000}, 1}, &effects_);
    auto answer = work();
    engine_.EndBatch();
    return answer;
  }

  static NewTask Order(uint32_t contract) {
    auto body = std::make_shared<TaskBody>();
    body->payload = "1";
    NewTask task{.type = "order", .body = body, .contract = contract};
    task.priority_was_left_open = true;
    return task;
  }
  TaskId Enqueue(NewTask task) {
    std::vector<NewTask> tasks = {std::move(task)};
    const auto command = EnqueueCommand::Make(std::move(tasks));
    return InBatch([&] { return engine_.Enqueue(*command); })->tasks[0].id;
  }
  Status Configure(const std::string& type, const TypePolicy& policy) {
    return InBatch([&] { return engine_.ConfigureType(type, policy); }).status();
  }
  Leased Lease() {
    const LeaseCommand command{{"worker", 1}, ++exchange_, {"default"}, {"order"}, 1};
    return InBatch([&] { return engine_.Lease(command); }).reply->leases.at(0);
  }
  TaskState Fail(const Token& token, const std::string& code, bool retry) {
    Report report{.token = token, .kind = Report::Kind::kFailed, .retry = retry};
    report.error = std::make_shared<TaskError>(TaskError{code, ""});
    EXPECT_TRUE(InBatch([&] { return engine_.Apply(report, nullptr, false); }).reply.ok());
    return engine_.Peek(token.task)->state;
  }

  Engine engine_{1, 7};
  std::string effects_;
  uint64_t frame_ = 0;
  uint32_t exchange_ = 0;
};

TypePolicy WithCodes() {
  TypePolicy policy;
  PutContract(&policy.contracts,
              std::make_shared<TypeContract>(TypeContract{
                  .version = 2,
                  .priority = 8,
                  .codes = {{"sold_out", CodeRetry::kNever}, {"busy", CodeRetry::kAlways}}}));
  return policy;
}

TEST_F(ContractTest, ATaskCarriesItsVersionToItsWorker) {
  ASSERT_TRUE(Configure("order", WithCodes()).ok());
  const TaskId first = Enqueue(Order(2));
  const TaskId second = Enqueue(Order(2));
  Enqueue(Order(0));
  EXPECT_EQ(engine_.Peek(first)->priority, 8);
  EXPECT_EQ(engine_.state().TermsOf(*engine_.Peek(first)),
            engine_.state().TermsOf(*engine_.Peek(second)));
  EXPECT_FALSE(engine_.ContractOf(first));  // it does not run
  EXPECT_EQ(Lease().contract, 2U);
  EXPECT_EQ(Lease().contract, 2U);
  EXPECT_EQ(engine_.ContractOf(first)->version, 2U);
  EXPECT_EQ(engine_.ContractOf(first)->type, "order");
  const Leased third = Lease();
  EXPECT_EQ(third.contract, 0U);
  EXPECT_FALSE(engine_.ContractOf(third.token.task));
  EXPECT_EQ(engine_.Peek(third.token.task)->priority, 5);
}

TEST_F(ContractTest, ItsErrorCodesCombineWithTheRetryPolicy) {
  TypePolicy policy = WithCodes();
  policy.retry.emplace().never = {"busy"};
  ASSERT_TRUE(Configure("order", WithCodes()).ok());
  for (int i = 0; i < 5; ++i) Enqueue(Order(i == 3 ? 0 : 2));
  EXPECT_EQ(Fail(Lease().token, "sold_out", true), TaskState::kDead);
  EXPECT_EQ(Fail(Lease().token, "busy", false), TaskState::kRetrying);
  EXPECT_EQ(Fail(Lease().token, "other", false), TaskState::kDead);
  ASSERT_TRUE(Configure("order", policy).ok());
  EXPECT_EQ(Fail(Lease().token, "busy", true), TaskState::kDead);
  EXPECT_EQ(Fail(Lease().token, "sold_out", true), TaskState::kRetrying);  // it has no version
}

TEST_F(ContractTest, ARepeatedRequestIsTheSameWhicheverVersionItsPayloadFits) {
  const auto keyed = [](uint32_t contract, bool asked) {
    NewTask task = Order(contract);
    auto body = std::make_shared<TaskBody>(*task.body);
    body->idempotency_key = "k";
    task.body = body;
    task.contract_was_asked_for = asked;
    std::vector<NewTask> tasks = {task};
    return EnqueueCommand::Make(std::move(tasks))->keys[0].request_hash;
  };
  EXPECT_EQ(keyed(1, false), keyed(2, false));
  EXPECT_EQ(keyed(0, false), keyed(2, false));
  EXPECT_NE(keyed(1, true), keyed(2, true));
}

TEST_F(ContractTest, TheNumberOfContractsIsLimited) {
  const size_t versions = limits::kContractVersions;
  TypePolicy full;
  for (uint32_t version = 1; version <= versions; ++version)
    PutContract(&full.contracts, std::make_shared<TypeContract>(TypeContract{.version = version}));
  for (size_t i = 0; i < limits::kContracts / versions; ++i)
    ASSERT_TRUE(Configure("t" + std::to_string(i), full).ok());
  EXPECT_EQ(Configure("order", WithCodes()).code(), Code::kResourceExhausted);
  EXPECT_TRUE(Configure("t0", full).ok());
  EXPECT_TRUE(Configure("t0", {}).ok());
  EXPECT_TRUE(Configure("order", WithCodes()).ok());
}

}  // namespace
}  // namespace treadle
