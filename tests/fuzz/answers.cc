// What a server answers, as the client reads it, and what a client sends, as the server reads it.
// An input is a digit and the body of an answer, or a task, one field a line.

#include <string>

#include "base/check.h"
#include "base/utf8.h"
#include "client/problem.h"
#include "client/wire.h"
#include "tests/fuzz/as_server.h"
#include "tests/fuzz/fuzz_target.h"

namespace treadle::fuzz {
namespace {

void ExchangeAnswer(Input* in) {
  const auto answer = wire::ParseExchangeAnswer(std::string(in->Rest()));
  if (!answer.ok()) {
    TREADLE_CHECK(answer.status().code() == Code::kInternal);
    return;
  }
  // A worker renews and reports what it received.
  wire::ExchangeRequest request{.worker = "w", .incarnation = "00000000000000ff", .sequence = 1};
  for (const wire::Lease& lease : answer->leases) {
    if (!IsToken(lease.token)) continue;
    request.renew.push_back(lease.token);
    const bool is_json = wire::IsJson(lease.payload);
    request.reports.push_back(wire::EncodeCompleted(
        lease.token, lease.payload, is_json ? wire::kJson : "application/octet-stream"));
    request.reports.push_back(wire::WithLog(
        wire::EncodeFailed(lease.token, "code", lease.type, false), {.text = lease.queue}));
  }
  if (request.renew.size() * 2 > wire::kExchangeItemsMax) return;
  ReadExchangeAsServer(wire::EncodeExchange(request));
}

void Task(Input* in) {
  const auto task = wire::ParseTask(in->Rest());
  if (!task.ok()) TREADLE_CHECK(task.status().code() == Code::kInternal);
}

void Problem(Input* in) {
  const int http_status = 400 + in->U8();
  const Status status = StatusFromProblem(http_status, in->Rest());
  TREADLE_CHECK(!status.ok() && status.retry_after_ms() >= 0);
}

// The server must read a task exactly as its producer wrote it.
void NewTask(Input* in) {
  TaskRequest task{.type = std::string(in->Line()), .queue = std::string(in->Line())};
  task.content_type = in->Line();
  task.idempotency_key = in->Line();
  task.tags = {std::string(in->Line())};
  task.payload = in->Rest();
  const auto encoded = wire::EncodeTask(task);
  if (!encoded.ok()) {
    TREADLE_CHECK(encoded.status().code() == Code::kInvalidArgument);
    return;
  }
  const auto read = ReadTaskAsServer(*encoded);
  if (!read) return;
  TREADLE_CHECK(read->payload ==
                (read->is_json ? wire::TrimJson(task.payload) : std::string_view(task.payload)));
  TREADLE_CHECK(read->type == task.type || !IsUtf8(task.type));
  TREADLE_CHECK(read->queue == task.queue || !IsUtf8(task.queue));
}

// The same for what an attempt saves.
void Save(Input* in) {
  wire::AttemptUpdate update;
  const std::string name(in->Line());
  update.log = wire::LogText{.text = std::string(in->Line())};
  update.steps = {{name, {std::string(in->Rest()), "application/octet-stream"}}};
  const auto read = ReadStepAsServer(wire::EncodeUpdate(update));
  if (read) TREADLE_CHECK(*read == update.steps[0].second.data);
}

}  // namespace

TREADLE_FUZZ_TARGET(answers) {
  constexpr void (*kReaders[])(Input*) = {ExchangeAnswer, Task, Problem, NewTask, Save};
  Input in(input);
  kReaders[in.Choice(std::size(kReaders))](&in);
}

}  // namespace treadle::fuzz
