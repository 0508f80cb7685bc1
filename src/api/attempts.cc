// Attempts: what a running one saves, and what those of a task left behind.

#include <algorithm>

#include "api/attempt_in.h"
#include "api/handlers.h"
#include "api/task_out.h"
#include "api/text_in.h"
#include "http/problem.h"
#include "json/writer.h"

namespace treadle::api {
namespace {

using http::ProblemResponse;

/// An attempt as people see it.
struct AttemptRow {
  AttemptRecord record;
  std::string_view outcome;
  WallTime ready_at;  // from when it could begin, as far as known
};

// The attempt that runs, or that completed the task; nothing if there is none, or it is among the
// others.
std::optional<AttemptRow> LastAttempt(const HistoryReply& reply) {
  const TaskRecord& task = reply.view.task;
  const bool runs = task.image.state == TaskState::kRunning;
  if (!runs && task.image.state != TaskState::kCompleted) return std::nullopt;
  const auto is_this = [&](const AttemptRecord& each) {
    return each.attempt == task.image.attempt;
  };
  if (std::ranges::any_of(reply.history.attempts, is_this)) return std::nullopt;
  AttemptRecord record{.attempt = task.image.attempt,
                       .started_at = task.image.started_at,
                       .ended_at = task.image.finished_at};
  if (task.holder) record.worker = task.holder->worker, record.build = task.holder->build;
  return AttemptRow{std::move(record), runs ? "running" : "completed", {}};
}

std::vector<AttemptRow> RowsOf(const HistoryReply& reply) {
  std::vector<AttemptRow> rows;
  for (const AttemptRecord& record : reply.history.attempts)
    rows.push_back({record, AttemptOutcomeName(record.outcome), {}});
  if (auto last = LastAttempt(reply)) rows.push_back(*std::move(last));
  for (size_t i = 0; i < rows.size(); ++i) {
    AttemptRow& row = rows[i];
    if (row.record.attempt == 1) row.ready_at = reply.view.task.image.enqueued_at;
    if (i == 0 || rows[i - 1].record.attempt + 1 != row.record.attempt) continue;
    const AttemptRecord& before = rows[i - 1].record;
    row.ready_at = std::min(before.ended_at + before.wait_ms, row.record.started_at);
  }
  return rows;
}

void WriteAttempt(const AttemptRow& row, bool is_hidden, JsonWriter* out) {
  const AttemptRecord& record = row.record;
  out->Open('{').Key("attempt").Number(record.attempt);
  out->Key("outcome").PlainText(row.outcome);
  if (!record.worker.empty()) out->Key("worker").PlainText(record.worker);
  if (!record.build.empty()) out->Key("build").Text(record.build);
  if (row.ready_at.ms != 0) {
    out->Key("ready_at").Time(row.ready_at);
    out->Key("waited_ms").Number(std::max<int64_t>(record.started_at - row.ready_at, 0));
  }
  out->Key("started_at").Time(record.started_at);
  if (record.ended_at.ms != 0) {
    out->Key("ended_at").Time(record.ended_at);
    out->Key("ran_ms").Number(std::max<int64_t>(record.ended_at - record.started_at, 0));
  }
  if (record.wait_ms > 0) out->Key("backoff_ms").Number(record.wait_ms);
  if (record.error) {
    out->Key("error").Open('{').Key("code").Text(record.error->code);
    if (!is_hidden) out->Key("message").Text(record.error->message);
    out->Close('}');
  }
  out->Close('}');
}

http::Response WholeHistory(const HistoryReply& reply) {
  const TaskRecord& task = reply.view.task;
  const bool is_hidden = task.terms != nullptr && task.terms->sensitive;
  // What the view has is newer than the store.
  const auto saved = task.image.state == TaskState::kCompleted
                         ? nullptr
                         : Over(task.saved, std::make_shared<TaskSaved>(reply.history.saved));
  std::string body;
  JsonWriter out(&body);
  out.Open('{').Key("id").PlainText(task.image.id.Text().view()).Key("attempts").Open('[');
  for (const AttemptRow& row : RowsOf(reply)) WriteAttempt(row, is_hidden, &out);
  out.Close(']');
  if (saved != nullptr) WriteSaved(*saved, is_hidden, &out);
  out.Close('}');
  return JsonResponse(200, std::move(body));
}

http::Response RawLog(LogReply reply) {
  return {.content_type = "text/plain; charset=utf-8",
          .body = std::move(reply.text),
          .headers = {{"Treadle-Attempt", std::to_string(reply.attempt)},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Content-Security-Policy", "sandbox"}}};
}

http::Response Standing(const AttemptStanding& standing) {
  std::string body;
  JsonWriter out(&body);
  out.Open('{').Key("log_bytes").Number(standing.log_bytes);
  out.Key("cancel_requested").Flag(standing.cancel_requested).Close('}');
  return JsonResponse(200, std::move(body));
}

Result<AttemptIn> ReadSave(http::RequestContext* context) {
  const auto token = Token::Parse(context->PathParameter("token"));
  if (!token) return Status(Code::kInvalidArgument, "the token of a lease must look like 1-42.1.1");
  TREADLE_RETURN_IF_ERROR(ReadQuery(context->request, {}).status());
  TREADLE_ASSIGN_OR_RETURN(AttemptIn in, ReadAttempt(&context->request.body));
  in.save.token = *token;
  return in;
}

struct LogQuery {
  TaskId id;
  uint32_t attempt = 0;
};

Result<LogQuery> ReadLogQuery(const http::RequestContext& context) {
  static constexpr std::string_view kKnown[] = {"attempt"};
  TREADLE_ASSIGN_OR_RETURN(const TaskId id, TaskIdOf(context));
  TREADLE_ASSIGN_OR_RETURN(const http::QueryParameters query, ReadQuery(context.request, kKnown));
  TREADLE_ASSIGN_OR_RETURN(const int64_t attempt,
                           NumberParameter(query, "attempt", 1, UINT32_MAX, 0));
  return LogQuery{id, static_cast<uint32_t>(attempt)};
}

}  // namespace

void SaveAttempt(const Api& api, http::RequestContext& context, http::Responder responder) {
  if (auto refusal = RefuseOtherThanJson(context.request))
    return responder.Send(*std::move(refusal));
  Result<AttemptIn> in = ReadSave(&context);
  if (!in.ok()) return responder.Send(ProblemResponse(in.status()));
  api.node->Do(treadle::SaveAttempt{std::move(in->save), std::move(in->progress)},
               Answering(std::move(responder), Standing));
}

void GetAttempts(const Api& api, http::RequestContext& context, http::Responder responder) {
  const auto query = ReadQuery(context.request, {});
  const Result<TaskId> id = query.ok() ? TaskIdOf(context) : query.status();
  if (!id.ok()) return responder.Send(ProblemResponse(id.status()));
  api.node->Do(treadle::GetHistory{*id}, Answering(std::move(responder), WholeHistory));
}

void GetLog(const Api& api, http::RequestContext& context, http::Responder responder) {
  const Result<LogQuery> query = ReadLogQuery(context);
  if (!query.ok()) return responder.Send(ProblemResponse(query.status()));
  api.node->Do(treadle::GetLog{query->id, query->attempt}, Answering(std::move(responder), RawLog));
}

}  // namespace treadle::api
