// NodeTest: a node on the simulated disk. Its tests set up one situation at a time that the seeds
// of treadle_sim only reach by chance.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/scheduler.h"
#include "sim/simulated_server.h"

namespace treadle::sim {

class NodeTest : public testing::Test {
 protected:
  NodeTest() : server_(&scheduler_, 1) { EXPECT_TRUE(*server_.Start()); }

  /// Calls the node and waits for its answer: Ask<QueueView>([](Node* node, auto done) { … }).
  template <class T>
  Result<T> Ask(const std::function<void(Node*, Node::Callback<T>)>& call) {
    std::optional<Result<T>> answer;
    call(server_.node(), [&](Result<T> result) { answer = std::move(result); });
    Await(answer, 120'000);
    if (!answer) return Status(Code::kUnavailable, "there was no answer");
    return *answer;
  }

  NewTask Task(std::string key = "") {
    auto body = std::make_shared<TaskBody>();
    body->payload = "\"payload\"";
    body->payload_sha256 = Sha256Of(body->payload);
    body->idempotency_key = std::move(key);
    NewTask task;
    task.type = "hello";
    task.body = body;
    return task;
  }

  /// Runs the world until `answer` is set. Returns nothing if that takes longer than `ms`.
  template <class T>
  std::optional<T> Await(const std::optional<T>& answer, int64_t ms = 10'000) {
    const int64_t deadline = scheduler_.MonotonicMs() + ms;
    while (!answer && scheduler_.MonotonicMs() < deadline && !server_.disk().dead() &&
           scheduler_.Step()) {
    }
    return answer;
  }

  std::optional<Result<EnqueueReply>> Enqueue(std::vector<NewTask> tasks) {
    std::optional<Result<EnqueueReply>> answer;
    server_.node()->Do(*EnqueueCommand::Make(std::move(tasks)),
                       [&](Result<EnqueueReply> reply) { answer = std::move(reply); });
    return Await(answer);
  }
  TaskId EnqueueOne() { return (*Enqueue({Task()}))->tasks.at(0).id; }

  ExchangeRequest Asking(uint32_t want, int64_t wait_ms = 0) {
    return {.holder = {"worker", 1},
            .sequence = ++sequence_,
            .queues = {"default"},
            .types = {"hello"},
            .want = want,
            .wait_ms = wait_ms};
  }
  std::optional<Result<ExchangeReply>> Exchange(ExchangeRequest request) {
    std::optional<Result<ExchangeReply>> answer;
    server_.node()->Exchange(std::move(request),
                             [&](Result<ExchangeReply> reply) { answer = std::move(reply); });
    return Await(answer, 120'000);
  }
  ExchangeRequest Completing(const Token& token) {
    ExchangeRequest request = Asking(0);
    Report report{.token = token};
    report.result = std::make_shared<TaskResult>();
    request.reports = {report};
    return request;
  }

  ExchangeRequest Failing(const Token& token, std::optional<int64_t> delay_ms) {
    ExchangeRequest request = Asking(0);
    Report report{.token = token, .kind = Report::Kind::kFailed, .delay_ms = delay_ms};
    report.error = std::make_shared<TaskError>();
    request.reports = {report};
    return request;
  }

  Result<TaskView> Get(TaskId id, int64_t wait_ms = 0) {
    std::optional<Result<TaskView>> answer;
    server_.node()->Do(GetTask{id, wait_ms},
                       [&](Result<TaskView> view) { answer = std::move(view); });
    return *Await(answer, 120'000);
  }

  void Do(const TaskCommand& command) {
    std::optional<Result<TaskStanding>> answer;
    server_.node()->Do(command, [&](const Result<TaskStanding>& reply) { answer = reply; });
    EXPECT_TRUE(Await(answer)->ok());
  }

  Result<ListReply> List() {
    std::optional<Result<ListReply>> answer;
    server_.node()->Do(ListTasks{}, [&](Result<ListReply> reply) { answer = std::move(reply); });
    return *Await(answer);
  }

  void Restart() {
    server_.Crash();
    ASSERT_TRUE(*server_.Start());
  }

  Scheduler scheduler_{7};
  SimulatedServer server_;
  uint32_t sequence_ = 0;
};

}  // namespace treadle::sim
