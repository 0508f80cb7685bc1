#include "api/task_out.h"

#include "api/blob.h"
#include "api/policy_json.h"
#include "model/fingerprint.h"

namespace treadle::api {
namespace {

void WriteTimes(const TaskView& view, JsonWriter* out) {
  const TaskImage& image = view.task.image;
  out->Key("enqueued_at").Time(image.enqueued_at);
  if (view.run_at) out->Key("run_at").Time(*view.run_at);
  if (image.started_at.ms != 0) out->Key("started_at").Time(image.started_at);
  if (image.finished_at.ms != 0) out->Key("finished_at").Time(image.finished_at);
}

void WriteTerms(const TaskTerms& terms, JsonWriter* out) {
  if (terms.expires_at) out->Key("expires_at").Time(*terms.expires_at);
  if (terms.deadline_at) out->Key("deadline_at").Time(*terms.deadline_at);
  if (terms.attempt_timeout_ms != 0)
    out->Key("attempt_timeout_ms").Number(terms.attempt_timeout_ms);
  if (terms.contract != 0) out->Key("contract_version").Number(terms.contract);
  if (terms.sensitive) out->Key("sensitive").Flag(true);
  if (!terms.retry) return;
  out->Key("retry");
  WriteRetry(*terms.retry, out);
}

void WriteBody(const TaskBody& body, TaskDetail detail, JsonWriter* out) {
  if (!body.idempotency_key.empty()) out->Key("idempotency_key").Text(body.idempotency_key);
  if (!body.tags.empty()) {
    out->Key("tags").Open('[');
    for (const std::string& tag : body.tags) out->Text(tag);
    out->Close(']');
  }
  out->Key("content_type").Text(ContentTypeOf(body.content_type));
  if (detail != TaskDetail::kWhole) return;
  if (!body.traceparent.empty()) out->Key("traceparent").PlainText(body.traceparent.Text().view());
  out->Key("payload_bytes").Number(body.payload.size());
  out->Key("payload_sha256").Digest(body.payload_sha256);
}

void WriteError(const TaskView& view, bool is_hidden, JsonWriter* out) {
  const TaskError& error = *view.task.error;
  out->Key("error").Open('{').Key("code").Text(error.code);
  if (!is_hidden) out->Key("message").Text(error.message);
  out->Key("fingerprint")
      .PlainText(FingerprintText(ErrorFingerprint(view.type, error.code, error.message)))
      .Close('}');
}

void WriteProgress(const Progress& progress, bool is_hidden, JsonWriter* out) {
  out->Key("progress").Open('{').Key("fraction").Fraction(progress.fraction);
  if (!progress.message.empty() && !is_hidden) out->Key("message").Text(progress.message);
  out->Key("at").Time(progress.at).Close('}');
}

void WriteResult(const TaskResult& result, TaskDetail detail, JsonWriter* out) {
  out->Key("result_bytes").Number(result.bytes.size());
  out->Key("result_content_type").Text(ContentTypeOf(result.content_type));
  if (detail != TaskDetail::kListed) WriteBlob("result", result.bytes, result.content_type, out);
}

}  // namespace

void WriteSaved(const TaskSaved& saved, bool is_hidden, JsonWriter* out) {
  if (!saved.steps.empty()) out->Key("steps").Open('[');
  for (const auto& [name, result] : saved.steps) {
    out->Open('{').Key("name").Text(name);
    if (!result.content_type.empty()) out->Key("content_type").Text(result.content_type);
    if (!is_hidden) WriteBlob("result", result.bytes, result.content_type, out);
    out->Close('}');
  }
  if (!saved.steps.empty()) out->Close(']');
  if (!saved.checkpoint) return;
  const SavedBytes& checkpoint = *saved.checkpoint;
  out->Key("checkpoint").Open('{').Key("bytes").Number(checkpoint.bytes.size());
  if (!checkpoint.content_type.empty()) out->Key("content_type").Text(checkpoint.content_type);
  if (!is_hidden) WriteBlob("data", checkpoint.bytes, checkpoint.content_type, out);
  out->Close('}');
}

void WriteTask(const TaskView& view, TaskDetail detail, JsonWriter* out) {
  const TaskRecord& task = view.task;
  const TaskImage& image = task.image;
  out->Open('{');
  out->Key("id").PlainText(image.id.Text().view());
  out->Key("type").PlainText(view.type);
  out->Key("queue").PlainText(view.queue);
  out->Key("state").PlainText(TaskStateName(image.state).value_or("unknown"));
  out->Key("priority").Number(image.priority);
  out->Key("attempt").Number(image.spent());
  out->Key("max_attempts").Number(image.max_attempts);
  WriteTimes(view, out);
  if (view.next_attempt_at.ms != 0) out->Key("next_attempt_at").Time(view.next_attempt_at);
  const bool is_hidden =
      detail != TaskDetail::kWhole && task.terms != nullptr && task.terms->sensitive;
  if (task.holder && image.state == TaskState::kRunning)
    out->Key("worker").Text(task.holder->worker);
  if (view.progress) WriteProgress(*view.progress, is_hidden, out);
  if (image.worker_losses > 0) out->Key("worker_losses").Number(image.worker_losses);
  if (task.terms) WriteTerms(*task.terms, out);
  if (image.cancel_requested) out->Key("cancel_requested").Flag(true);
  if (task.body) WriteBody(*task.body, detail, out);
  if (task.error) WriteError(view, is_hidden, out);
  if (task.result && image.state == TaskState::kCompleted)
    WriteResult(*task.result, is_hidden ? TaskDetail::kListed : detail, out);
  out->Close('}');
}

}  // namespace treadle::api
