// Request bodies, as the API reads them. An input is a digit that selects the request, and the
// body. For enqueues (0), the line before the body is the header Idempotency-Key.

#include <string>

#include "api/attempt_in.h"
#include "api/blob.h"
#include "api/contract_in.h"
#include "api/exchange_in.h"
#include "api/policy_json.h"
#include "api/task_in.h"
#include "base/check.h"
#include "base/utf8.h"
#include "engine/commands.h"
#include "model/validate.h"
#include "tests/fuzz/fuzz_target.h"

namespace treadle::fuzz {
namespace {

// What is stored as JSON must be returned unchanged.
void CheckKept(std::string_view bytes, std::string_view content_type) {
  if (content_type.empty()) TREADLE_CHECK(CheckJson(bytes, "kept").ok());
  std::string json;
  JsonWriter out(&json);
  out.Open('{');
  api::WriteBlob("payload", bytes, content_type, &out);
  out.Key("content_type").Text(api::ContentTypeOf(content_type)).Close('}');
  std::string body = R"({"type":"t",)" + json.substr(1);
  const auto again = api::ReadTask(&body, {});
  TREADLE_CHECK(again.ok() && again->body->payload == bytes);
  TREADLE_CHECK(again->body->content_type == content_type || !IsUtf8(content_type));
}

void CheckRetry(const std::optional<RetryPolicy>& retry) {
  if (!retry) return;
  std::string json;
  JsonWriter out(&json);
  api::WriteRetry(*retry, &out);
  std::optional<RetryPolicy> again;
  const Status status =
      ParseJson(&json, "retry", [&](JsonValue value) { return api::ReadRetry(value, &again); });
  TREADLE_CHECK(status.ok() && again == retry);
}

void CheckTasks(std::vector<NewTask> tasks) {
  for (const NewTask& task : tasks) {
    TREADLE_CHECK(Sha256Of(task.body->payload) == task.body->payload_sha256);
    CheckKept(task.body->payload, task.body->content_type);
  }
  const auto command = EnqueueCommand::Make(std::move(tasks));
  if (!IsRead(command)) return;
  for (const NewTask& task : command->tasks) {
    TREADLE_CHECK(Validate(task).ok());
    CheckRetry(task.retry);
  }
}

void OneTask(Input* in) {
  const std::string_view key = in->Line();
  std::string body(in->Rest());
  auto task = api::ReadTask(&body, {.key = key});
  if (IsRead(task)) CheckTasks({*std::move(task)});
}

void Batch(Input* in) {
  std::string body(in->Rest());
  auto tasks = api::ReadBatch(&body, {});
  if (IsRead(tasks)) CheckTasks(*std::move(tasks));
}

void Edit(Input* in) {
  std::string body(in->Rest());
  const auto edit = api::ReadTaskEdit(&body);
  if (!IsRead(edit)) return;
  TREADLE_CHECK(!edit->empty());
  if (edit->payload) CheckKept(edit->payload->payload, edit->payload->content_type);
  (void)Validate(*edit);
}

void Exchange(Input* in) {
  std::string body(in->Rest());
  const auto exchange = api::ReadExchange(&body);
  if (!IsRead(exchange)) return;
  for (const Report& report : exchange->request.reports)
    if (report.result) CheckKept(report.result->bytes, report.result->content_type);
  for (const api::BadReport& bad : exchange->bad) {
    TREADLE_CHECK(bad.place < exchange->request.reports.size());
    TREADLE_CHECK(bad.why.code() == Code::kInvalidArgument);
  }
}

void Attempt(Input* in) {
  std::string body(in->Rest());
  const auto attempt = api::ReadAttempt(&body);
  if (!IsRead(attempt)) return;
  for (const auto& [name, saved] : attempt->save.saved.steps)
    CheckKept(saved.bytes, saved.content_type);
  if (attempt->save.log) TREADLE_CHECK(IsUtf8(attempt->save.log->text));
  if (attempt->progress)
    TREADLE_CHECK(attempt->progress->fraction >= 0 && attempt->progress->fraction <= 1);
}

void Contract(Input* in) {
  std::string body(in->Rest());
  const auto contract = api::ReadContract(&body, 1);
  if (IsRead(contract)) (void)IsRead(CompiledContract::Compile(*contract));
}

void Retry(Input* in) {
  std::string body(in->Rest());
  std::optional<RetryPolicy> retry;
  const Status status =
      ParseJson(&body, "retry", [&](JsonValue value) { return api::ReadRetry(value, &retry); });
  if (!status.ok()) {
    TREADLE_CHECK(status.code() == Code::kInvalidArgument);
    return;
  }
  if (!Validate(*retry).ok()) return;
  CheckRetry(retry);
  for (uint32_t failures = 1; failures < 40; failures += 13)
    TREADLE_CHECK(BackoffMs(*retry, failures, UINT64_MAX) >= 0);
}

}  // namespace

TREADLE_FUZZ_TARGET(bodies) {
  constexpr void (*kReaders[])(Input*) = {OneTask, Batch, Edit, Exchange, Attempt, Contract, Retry};
  Input in(input);
  kReaders[in.Choice(std::size(kReaders))](&in);
}

}  // namespace treadle::fuzz
