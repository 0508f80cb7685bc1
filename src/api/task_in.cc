#include "api/task_in.h"

#include <algorithm>
#include <utility>

#include "api/blob.h"
#include "api/policy_json.h"
#include "api/text_in.h"
#include "json/reader.h"
#include "model/limits.h"
#include "model/range.h"
#include "model/validate.h"

namespace treadle::api {
namespace {

constexpr std::string_view kBody = "the request body";

struct TaskIn {
  NewTask task;
  BlobIn payload;
  std::string key;
  std::vector<std::string> tags;
  Traceparent traceparent;
  bool has_priority = false;
};

template <class T>
using Choice = std::pair<std::string_view, T>;

constexpr Choice<OnDuplicate> kOnDuplicate[] = {{"return", OnDuplicate::kReturn},
                                                {"refuse", OnDuplicate::kRefuse},
                                                {"replace", OnDuplicate::kReplace}};
constexpr Choice<Unique> kUnique[] = {
    {"waiting", Unique::kWaiting}, {"running", Unique::kRunning}, {"done", Unique::kDone}};

template <class T, size_t N>
Status ReadChoice(JsonValue value, const Choice<T> (&choices)[N], T* out) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, value.Text());
  std::string names;
  for (const auto& [name, choice] : choices) {
    if (name == text) return *out = choice, Status();
    names.append(names.empty() ? "" : ", ").append(name);
  }
  return value.Wrong("must be one of " + names);
}

Status ReadTime(JsonValue v, WallTime* out) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, v.Text());
  const auto time = ParseRfc3339(text);
  if (!time) return v.Wrong("must be a time of 1970 to 9999 such as \"2026-11-23T20:53:01.250Z\"");
  *out = *time;
  return {};
}

Status ReadTraceparent(JsonValue v, Traceparent* out) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, v.Text());
  const auto traceparent = ParseTraceparent(text);
  if (!traceparent)
    return v.Wrong(
        "must be a W3C traceparent of version 00 such as"
        " \"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\": lower case, no ID of zeros");
  *out = *traceparent;
  return {};
}

constexpr JsonField<TaskIn> kTaskFields[] = {
    {"type", [](JsonValue v, TaskIn* in) { return ReadText(v, &in->task.type); }},
    {"queue", [](JsonValue v, TaskIn* in) { return ReadText(v, &in->task.queue); }},
    {"payload", [](JsonValue v, TaskIn* in) { return ReadBlobJson(v, &in->payload); }},
    {"payload_base64", [](JsonValue v, TaskIn* in) { return ReadBlobBase64(v, &in->payload); }},
    {"content_type", [](JsonValue v, TaskIn* in) { return ReadBlobType(v, &in->payload); }},
    {"payload_sha256", [](JsonValue v, TaskIn* in) { return ReadBlobSha256(v, &in->payload); }},
    {"priority",
     [](JsonValue v, TaskIn* in) {
       in->has_priority = true;
       return ReadWhole(v, 0, limits::kPriorityMax, &in->task.priority);
     }},
    {"contract_version",
     [](JsonValue v, TaskIn* in) {
       in->task.contract_was_asked_for = true;
       return ReadWhole(v, 1, UINT32_MAX, &in->task.contract);
     }},
    {"sensitive",
     [](JsonValue v, TaskIn* in) {
       TREADLE_ASSIGN_OR_RETURN(in->task.sensitive, v.Flag());
       return Status::Ok();
     }},
    {"max_attempts",
     [](JsonValue v, TaskIn* in) {
       return ReadWhole(v, 1, limits::kAttemptsMax, &in->task.max_attempts);
     }},
    {"run_at", [](JsonValue v, TaskIn* in) { return ReadTime(v, &in->task.run_at.emplace()); }},
    {"delay_ms",
     [](JsonValue v, TaskIn* in) {
       return ReadWhole(v, 0, limits::kWallTimeMaxMs, &in->task.delay_ms.emplace());
     }},
    {"expires_at",
     [](JsonValue v, TaskIn* in) { return ReadTime(v, &in->task.expires_at.emplace()); }},
    {"expires_ms",
     [](JsonValue v, TaskIn* in) {
       return ReadWhole(v, 1, limits::kWallTimeMaxMs, &in->task.expires_ms.emplace());
     }},
    {"deadline_at",
     [](JsonValue v, TaskIn* in) { return ReadTime(v, &in->task.deadline_at.emplace()); }},
    {"deadline_ms",
     [](JsonValue v, TaskIn* in) {
       return ReadWhole(v, 1, limits::kWallTimeMaxMs, &in->task.deadline_ms.emplace());
     }},
    {"attempt_timeout_ms",
     [](JsonValue v, TaskIn* in) {
       return ReadWhole(v, 1, limits::kAttemptTimeoutMsMax, &in->task.attempt_timeout_ms);
     }},
    {"retry", [](JsonValue v, TaskIn* in) { return ReadRetry(v, &in->task.retry); }},
    {"tags", [](JsonValue v, TaskIn* in) { return ReadTexts(v, limits::kTags, &in->tags); }},
    {"idempotency_window_ms",
     [](JsonValue v, TaskIn* in) {
       return ReadWhole(v, 1'000, kTenYearsMs, &in->task.idempotency_window_ms);
     }},
    {"on_duplicate",
     [](JsonValue v, TaskIn* in) { return ReadChoice(v, kOnDuplicate, &in->task.on_duplicate); }},
    {"unique_while",
     [](JsonValue v, TaskIn* in) { return ReadChoice(v, kUnique, &in->task.unique); }},
    {"idempotency_key",
     [](JsonValue v, TaskIn* in) {
       TREADLE_RETURN_IF_ERROR(ReadText(v, &in->key));
       return in->key.empty() ? v.Wrong("must not be empty") : Status::Ok();
     }},
    {"traceparent", [](JsonValue v, TaskIn* in) { return ReadTraceparent(v, &in->traceparent); }},
};

Result<NewTask> ReadTaskObject(JsonValue value, const TaskHeaders& headers) {
  TaskIn in;
  const JsonPath& path = value.path();
  TREADLE_RETURN_IF_ERROR(ReadObject(value, kTaskFields, &in));
  if (in.task.type.empty())
    return WrongField(path, "type", "is missing: name the type of the task");
  if (!headers.key.empty() && !in.key.empty() && in.key != headers.key)
    return WrongField(path, "idempotency_key", "differs from the Idempotency-Key header");
  TREADLE_ASSIGN_OR_RETURN(Blob blob, Finish(std::move(in.payload), "payload", path));
  auto body = std::make_shared<TaskBody>();
  body->payload = std::move(blob.bytes);
  body->content_type = std::move(blob.content_type);
  body->payload_sha256 = blob.sha256;
  std::ranges::sort(in.tags);
  in.tags.erase(std::ranges::unique(in.tags).begin(), in.tags.end());
  body->tags = std::move(in.tags);
  body->idempotency_key = in.key.empty() ? std::string(headers.key) : std::move(in.key);
  body->traceparent = in.traceparent.empty() ? headers.traceparent : in.traceparent;
  in.task.body = std::move(body);
  in.task.priority_was_left_open = !in.has_priority;
  return std::move(in.task);
}

struct EditIn {
  TaskEdit edit;
  BlobIn payload;
};

template <Status (*read)(JsonValue, BlobIn*)>
Status OfPayload(JsonValue value, EditIn* in) {
  return read(value, &in->payload);
}

constexpr JsonField<EditIn> kEditFields[] = {
    {"queue", [](JsonValue v, EditIn* in) { return ReadText(v, &in->edit.queue.emplace()); }},
    {"payload", OfPayload<ReadBlobJson>},
    {"payload_base64", OfPayload<ReadBlobBase64>},
    {"content_type", OfPayload<ReadBlobType>},
    {"payload_sha256", OfPayload<ReadBlobSha256>},
    {"priority",
     [](JsonValue v, EditIn* in) {
       return ReadWhole(v, 0, limits::kPriorityMax, &in->edit.priority.emplace());
     }},
    {"max_attempts",
     [](JsonValue v, EditIn* in) {
       return ReadWhole(v, 1, limits::kAttemptsMax, &in->edit.max_attempts.emplace());
     }},
    {"run_at", [](JsonValue v, EditIn* in) { return ReadTime(v, &in->edit.run_at.emplace()); }},
    {"delay_ms",
     [](JsonValue v, EditIn* in) {
       return ReadWhole(v, 0, limits::kWallTimeMaxMs, &in->edit.delay_ms.emplace());
     }},
};

struct BatchIn {
  const TaskHeaders& headers;
  std::vector<NewTask> tasks = {};
};

constexpr JsonField<BatchIn> kBatchFields[] = {
    {"tasks",
     [](JsonValue v, BatchIn* in) {
       return v.Each(limits::kBatchTasks, [in](size_t, JsonValue each) {
         TREADLE_ASSIGN_OR_RETURN(NewTask task, ReadTaskObject(each, in->headers));
         in->tasks.push_back(std::move(task));
         return Status::Ok();
       });
     }},
};

}  // namespace

Result<NewTask> ReadTask(std::string* body, const TaskHeaders& headers) {
  NewTask task;
  const Status status = ParseJson(body, kBody, [&](JsonValue value) {
    TREADLE_ASSIGN_OR_RETURN(task, ReadTaskObject(value, headers));
    return Status::Ok();
  });
  if (!status.ok()) return status;
  return task;
}

Result<TaskEdit> ReadTaskEdit(JsonValue value) {
  EditIn in;
  const JsonPath& path = value.path();
  TREADLE_RETURN_IF_ERROR(ReadObject(value, kEditFields, &in));
  const bool has_payload = in.payload.json || in.payload.bytes;
  // Bytes that stay as they are must not be called something else.
  if (!has_payload && !in.payload.content_type.empty())
    return WrongField(path, "content_type", "needs a new payload");
  if (!has_payload && in.payload.sha256)
    return WrongField(path, "payload_sha256", "needs a new payload");
  if (has_payload) {
    TREADLE_ASSIGN_OR_RETURN(Blob blob, Finish(std::move(in.payload), "payload", path));
    auto body = std::make_shared<TaskBody>();
    body->payload = std::move(blob.bytes);
    body->content_type = std::move(blob.content_type);
    body->payload_sha256 = blob.sha256;
    in.edit.payload = std::move(body);
  }
  if (in.edit.empty()) return value.Wrong("changes nothing: name at least one field to change");
  TREADLE_RETURN_IF_ERROR(Validate(in.edit));
  return std::move(in.edit);
}

Result<TaskEdit> ReadTaskEdit(std::string* body) {
  TaskEdit edit;
  TREADLE_RETURN_IF_ERROR(ParseJson(body, kBody, [&](JsonValue value) {
    TREADLE_ASSIGN_OR_RETURN(edit, ReadTaskEdit(value));
    return Status::Ok();
  }));
  return edit;
}

Result<std::vector<NewTask>> ReadBatch(std::string* body, const Traceparent& traceparent) {
  const TaskHeaders headers{.traceparent = traceparent};
  BatchIn in{.headers = headers};
  TREADLE_RETURN_IF_ERROR(ParseJson(
      body, kBody, [&](JsonValue value) { return ReadObject(value, kBatchFields, &in); }));
  return std::move(in.tasks);
}

}  // namespace treadle::api
