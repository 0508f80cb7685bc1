#include "client/wire.h"

#include <utility>

#include "base/hash.h"
#include "client/answers.h"
#include "client/blob_writer.h"
#include "client/json_reader.h"
#include "json/writer.h"

namespace treadle::wire {
namespace {

using simdjson::ondemand::object;
using simdjson::ondemand::value;

constexpr int64_t kCallTimeoutMs = 30'000;

Enqueued ReadEnqueued(object source) {
  Enqueued task;
  for (auto field : source) {
    const std::string_view key = field.unescaped_key();
    if (key == "id") task.id = ReadString(field.value());
    if (key == "duplicate") task.duplicate = field.value().get_bool();
  }
  return task;
}

Status ReadBatch(JsonDocument* document, std::vector<Enqueued>* tasks) {
  for (auto task : document->Root()["tasks"].get_array()) {
    tasks->push_back(ReadEnqueued(task.get_object()));
  }
  return Status::Ok();
}

void ReadError(object source, TaskInfo* task) {
  for (auto field : source) {
    const std::string_view key = field.unescaped_key();
    if (key == "code") task->error_code = ReadString(field.value());
    if (key == "message") task->error_message = ReadString(field.value());
  }
}

void ReadProgress(object source, TaskInfo* task) {
  for (auto field : source) {
    const std::string_view key = field.unescaped_key();
    if (key == "fraction") task->progress = field.value().get_double();
    if (key == "message") task->progress_message = ReadString(field.value());
  }
}

void ReadTags(simdjson::ondemand::array source, TaskInfo* task) {
  for (auto tag : source) task->tags.push_back(ReadString(tag.value()));
}

std::string* TextField(TaskInfo* task, std::string_view key) {
  const std::pair<std::string_view, std::string*> fields[] = {
      {"id", &task->id},
      {"type", &task->type},
      {"queue", &task->queue},
      {"state", &task->state},
      {"enqueued_at", &task->enqueued_at},
      {"started_at", &task->started_at},
      {"finished_at", &task->finished_at},
      {"expires_at", &task->expires_at},
      {"deadline_at", &task->deadline_at},
      {"traceparent", &task->traceparent},
      {"result_content_type", &task->result_content_type}};
  for (const auto& [name, field] : fields) {
    if (name == key) return field;
  }
  return nullptr;
}

void ReadTaskField(std::string_view key, value field, TaskInfo* task) {
  if (std::string* text = TextField(task, key)) {
    if (!field.is_null()) *text = ReadString(field);
  } else if (key == "attempt") {
    task->attempt = field.get_int64();
  } else if (key == "max_attempts") {
    task->max_attempts = field.get_int64();
  } else if (key == "worker_losses") {
    task->worker_losses = field.get_int64();
  } else if (key == "cancel_requested") {
    task->cancel_requested = field.get_bool();
  } else if (key == "tags") {
    ReadTags(field.get_array(), task);
  } else if (key == "error") {
    if (!field.is_null()) ReadError(field.get_object(), task);
  } else if (key == "progress") {
    ReadProgress(field.get_object(), task);
  } else if (key == "result") {
    task->result = RawJson(field);
  } else if (key == "result_base64") {
    task->result = FromBase64(std::string_view(field.get_string())).value_or("");
  }
}

Status ReadTask(JsonDocument* document, TaskInfo* task) {
  for (auto field : document->Root()) ReadTaskField(field.unescaped_key(), field.value(), task);
  return Status::Ok();
}

Status ReadPage(JsonDocument* document, ListPage* page) {
  for (auto field : document->Root()) {
    const std::string_view key = field.unescaped_key();
    if (key == "next_cursor") page->next_cursor = ReadString(field.value());
    if (key != "tasks") continue;
    for (auto task : field.value().get_array()) {
      TaskInfo info;
      for (auto part : task.get_object()) ReadTaskField(part.unescaped_key(), part.value(), &info);
      page->tasks.push_back(std::move(info));
    }
  }
  return Status::Ok();
}

std::string ListTarget(const ListOptions& query) {
  std::string target = "/v1/tasks?limit=" + std::to_string(query.limit);
  const std::pair<std::string_view, const std::string*> filters[] = {
      {"queue", &query.queue}, {"type", &query.type},    {"state", &query.state},
      {"tag", &query.tag},     {"key", &query.key},      {"error_code", &query.error_code},
      {"text", &query.text},   {"cursor", &query.cursor}};
  for (const auto& [name, value] : filters) {
    if (!value->empty()) target.append("&").append(name).append("=").append(PercentEncode(*value));
  }
  return target;
}

std::string TaskTarget(std::string_view id, std::string_view part, int64_t wait_ms) {
  std::string target = "/v1/tasks/" + PercentEncode(id) + std::string(part);
  if (wait_ms > 0) target += "?wait=" + std::to_string(wait_ms) + "ms";
  return target;
}

// The state of the task that a command acted on.
Result<std::string> Steer(ServerConnection& client, const std::string& target,
                          std::string_view body) {
  TREADLE_ASSIGN_OR_RETURN(ServerAnswer answer, client.Call("POST", target, body, kCallTimeoutMs));
  TREADLE_RETURN_IF_ERROR(CheckAnswer(client, "POST " + target, answer, kStandingShape));
  JsonDocument document(std::move(answer.body));
  std::string state;
  TREADLE_RETURN_IF_ERROR(Guarded([&] {
    state = ReadString(document.Root()["state"].value());
    return Status::Ok();
  }));
  return state;
}

void WritePayload(JsonWriter& json, const TaskRequest& task) {
  const std::string_view sent = WriteBlob(json, "payload", task.payload, task.content_type);
  json.Key("payload_sha256").Text(ToHex(Sha256Of(sent).view()));
}

void WriteTexts(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  json.Key(key).Open('[');
  for (const std::string& text : texts) json.Text(text);
  json.Close(']');
}

void WriteText(JsonWriter& json, std::string_view key, const std::string& text) {
  if (!text.empty()) json.Key(key).Text(text);
}

void WriteNumber(JsonWriter& json, std::string_view key, std::optional<int64_t> number) {
  if (number) json.Key(key).Number(*number);
}

void WriteRetry(JsonWriter& json, const RetryOptions& retry) {
  json.Key("retry").Open('{');
  WriteText(json, "preset", retry.preset);
  WriteText(json, "backoff", retry.backoff);
  WriteText(json, "jitter", retry.jitter);
  WriteNumber(json, "backoff_base_ms", retry.backoff_base_ms);
  WriteNumber(json, "backoff_cap_ms", retry.backoff_cap_ms);
  if (!retry.delays_ms.empty()) {
    json.Key("delays_ms").Open('[');
    for (const int64_t delay : retry.delays_ms) json.Number(delay);
    json.Close(']');
  }
  WriteNumber(json, "max_attempts", retry.max_attempts);
  WriteNumber(json, "total_ms", retry.total_ms);
  WriteTexts(json, "never", retry.never);
  WriteTexts(json, "always", retry.always);
  json.Close('}');
}

// Without a key, a request that is sent twice may enqueue twice.
Repeat RepeatOfRequests(const std::vector<TaskRequest>& tasks) {
  for (const TaskRequest& task : tasks) {
    if (task.idempotency_key.empty()) return Repeat::kOnce;
  }
  return Repeat::kSafe;
}

}  // namespace

Result<std::string> EncodeTask(const TaskRequest& task) {
  if (task.content_type == kJson && !IsJson(task.payload))
    return Status(Code::kInvalidArgument, WhyNotJson(task.payload, "payload"));
  std::string out;
  JsonWriter json(&out);
  json.Open('{').Key("type").Text(task.type).Key("queue").Text(task.queue);
  WritePayload(json, task);
  WriteNumber(json, "priority", task.priority);
  WriteNumber(json, "max_attempts", task.max_attempts);
  WriteNumber(json, "delay_ms", task.delay_ms);
  WriteText(json, "run_at", task.run_at);
  WriteText(json, "idempotency_key", task.idempotency_key);
  WriteText(json, "unique_while", task.unique_while);
  WriteText(json, "on_duplicate", task.on_duplicate);
  WriteTexts(json, "tags", task.tags);
  if (task.contract_version) json.Key("contract_version").Number(*task.contract_version);
  if (task.sensitive) json.Key("sensitive").Flag(true);
  WriteNumber(json, "expires_ms", task.expires_ms);
  WriteText(json, "expires_at", task.expires_at);
  WriteNumber(json, "deadline_ms", task.deadline_ms);
  WriteText(json, "deadline_at", task.deadline_at);
  WriteNumber(json, "attempt_timeout_ms", task.attempt_timeout_ms);
  if (task.retry) WriteRetry(json, *task.retry);
  WriteText(json, "traceparent", task.traceparent);
  json.Close('}');
  return out;
}

Result<std::vector<Enqueued>> EnqueueEncoded(ServerConnection& client,
                                             const std::vector<std::string_view>& tasks,
                                             int64_t timeout_ms, Repeat repeat) {
  size_t bytes = 16;
  for (const std::string_view task : tasks) bytes += task.size() + 1;
  std::string body;
  body.reserve(bytes);
  body = "{\"tasks\":[";
  for (const std::string_view task : tasks) body.append(task).push_back(',');
  body.back() = ']';
  body += '}';
  TREADLE_ASSIGN_OR_RETURN(ServerAnswer answer,
                           client.Call("POST", "/v1/tasks/batch", body, timeout_ms, repeat));
  TREADLE_RETURN_IF_ERROR(CheckAnswer(client, "POST /v1/tasks/batch", answer, kEnqueuedBatchShape));
  JsonDocument document(std::move(answer.body));
  std::vector<Enqueued> enqueued;
  TREADLE_RETURN_IF_ERROR(Guarded([&] { return ReadBatch(&document, &enqueued); }));
  if (enqueued.size() != tasks.size())
    return UnexpectedAnswer(client, "POST /v1/tasks/batch",
                            "it has " + std::to_string(enqueued.size()) + " tasks instead of " +
                                std::to_string(tasks.size()));
  return enqueued;
}

Result<std::vector<Enqueued>> EnqueueBatch(ServerConnection& client,
                                           const std::vector<TaskRequest>& tasks) {
  std::vector<std::string> encoded;
  for (const TaskRequest& task : tasks) {
    TREADLE_ASSIGN_OR_RETURN(std::string json, EncodeTask(task));
    encoded.push_back(std::move(json));
  }
  return EnqueueEncoded(client, {encoded.begin(), encoded.end()}, kCallTimeoutMs,
                        RepeatOfRequests(tasks));
}

Result<Enqueued> Enqueue(ServerConnection& client, const TaskRequest& task) {
  TREADLE_ASSIGN_OR_RETURN(const std::string body, EncodeTask(task));
  TREADLE_ASSIGN_OR_RETURN(
      ServerAnswer answer,
      client.Call("POST", "/v1/tasks", body, kCallTimeoutMs, RepeatOfRequests({task})));
  TREADLE_RETURN_IF_ERROR(CheckAnswer(client, "POST /v1/tasks", answer, kEnqueuedShape));
  JsonDocument document(std::move(answer.body));
  Enqueued enqueued;
  TREADLE_RETURN_IF_ERROR(Guarded([&] {
    enqueued = ReadEnqueued(document.Root());
    return Status::Ok();
  }));
  return enqueued;
}

Result<TaskInfo> ParseTask(std::string_view json) {
  JsonDocument document{std::string(json)};
  TaskInfo task;
  TREADLE_RETURN_IF_ERROR(Guarded([&] { return ReadTask(&document, &task); }));
  return task;
}

Result<std::string> GetTaskJson(ServerConnection& client, std::string_view id, int64_t wait_ms) {
  const std::string target = TaskTarget(id, "", wait_ms);
  TREADLE_ASSIGN_OR_RETURN(ServerAnswer response,
                           client.Call("GET", target, "", kCallTimeoutMs + wait_ms));
  TREADLE_RETURN_IF_ERROR(CheckAnswer(client, "GET " + target, response, kTaskShape));
  return std::move(response.body);
}

Result<TaskInfo> GetTask(ServerConnection& client, std::string_view id, int64_t wait_ms) {
  TREADLE_ASSIGN_OR_RETURN(const std::string json, GetTaskJson(client, id, wait_ms));
  return ParseTask(json);
}

Result<ListPage> ListTasks(ServerConnection& client, const ListOptions& query) {
  const std::string target = ListTarget(query);
  TREADLE_ASSIGN_OR_RETURN(ServerAnswer answer, client.Call("GET", target, "", kCallTimeoutMs));
  TREADLE_RETURN_IF_ERROR(CheckAnswer(client, "GET " + target, answer, kTaskListShape));
  JsonDocument document(std::move(answer.body));
  ListPage page;
  TREADLE_RETURN_IF_ERROR(Guarded([&] { return ReadPage(&document, &page); }));
  return page;
}

Result<std::string> RedriveTask(ServerConnection& client, std::string_view id) {
  return Steer(client, TaskTarget(id, "/redrive", 0), "{}");
}

Result<std::string> CancelTask(ServerConnection& client, std::string_view id,
                               std::string_view reason) {
  std::string body;
  JsonWriter json(&body);
  json.Open('{');
  if (!reason.empty()) json.Key("reason").Text(reason);
  json.Close('}');
  return Steer(client, TaskTarget(id, "/cancel", 0), body);
}

Result<ServerAnswer> GetResult(ServerConnection& client, std::string_view id, int64_t wait_ms) {
  const std::string target = TaskTarget(id, "/result", wait_ms);
  TREADLE_ASSIGN_OR_RETURN(ServerAnswer answer,
                           client.Call("GET", target, "", kCallTimeoutMs + wait_ms));
  TREADLE_RETURN_IF_ERROR(CheckBytes(client, "GET " + target, answer, "treadle-sha256"));
  return answer;
}

std::string PercentEncode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool is_unreserved = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                               (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' ||
                               c == '~';
    const auto byte = static_cast<uint8_t>(c);
    if (is_unreserved) {
      out.push_back(c);
    } else {
      out.append(1, '%').append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    }
  }
  return out;
}

}  // namespace treadle::wire
