// Lists of tasks, newest first, a page at a time.

#include <algorithm>
#include <charconv>

#include "api/handlers.h"
#include "api/task_out.h"
#include "api/text_in.h"
#include "model/search_text.h"
#include "model/validate.h"

namespace treadle::api {
namespace {

constexpr size_t kTaskLimitMax = 1'000;
constexpr size_t kWordsMax = 16;

Status SetState(std::string_view text, TaskQuery* query) {
  query->state = TaskStateFromName(text);
  if (query->state) return {};
  std::string names;
  for (const TaskState state : kTaskStates)
    names.append(names.empty() ? "" : ", ").append(*TaskStateName(state));
  return InvalidArgument("state must be one of " + names);
}

Status SetLimit(std::string_view text, TaskQuery* query) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, query->limit);
  if (error == std::errc() && stop == end && query->limit >= 1 && query->limit <= kTaskLimitMax)
    return {};
  return InvalidArgument("limit must be a whole number from 1 to " + std::to_string(kTaskLimitMax));
}

Status SetName(std::string_view name, const std::string& value, std::optional<std::string>* out) {
  *out = value;
  return ValidateName(name, value);
}

// Any text that is not empty.
Status SetText(std::string_view name, const std::string& value, std::optional<std::string>* out) {
  if (value.empty()) return InvalidArgument(std::string(name) + " must not be empty");
  *out = value;
  return {};
}

Status SetTime(std::string_view name, const std::string& value, std::optional<WallTime>* out) {
  const auto time = ParseRfc3339(value);
  if (!time)
    return InvalidArgument(std::string(name) + " must be a time such as 2026-11-23T20:53:01Z");
  *out = *time;
  return {};
}

Status SetFingerprint(const std::string& value, TaskQuery* query) {
  uint64_t number = 0;
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number, 16);
  if (value.size() != 16 || error != std::errc() || stop != end)
    return InvalidArgument("fingerprint must be 16 hexadecimal digits");
  query->fingerprint = number;
  return {};
}

Status SetWords(std::string_view name, std::string_view text, std::vector<std::string>* words) {
  *words = WordsOf(text);
  if (!words->empty() && words->size() <= kWordsMax) return {};
  return InvalidArgument(std::string(name) + " must have from 1 to " + std::to_string(kWordsMax) +
                         " words");
}

Status SetCursor(const std::string& value, TaskQuery* query) {
  const auto before = TaskId::Parse(value);
  if (!before) return InvalidArgument("cursor must be the next_cursor of an earlier page");
  query->before = *before;
  return {};
}

Status SetResults(const std::string& value, TaskQuery* query) {
  if (value != "true" && value != "false") return InvalidArgument("results must be true or false");
  query->with_results = value == "true";
  return {};
}

struct Parameter {
  std::string_view name;
  Status (*set)(std::string_view name, const std::string& value, TaskQuery* query);
};

using Name = std::string_view;
using Value = const std::string&;

constexpr Parameter kParameters[] = {
    {"queue", [](Name n, Value v, TaskQuery* q) { return SetName(n, v, &q->queue); }},
    {"type", [](Name n, Value v, TaskQuery* q) { return SetName(n, v, &q->type); }},
    {"state", [](Name, Value v, TaskQuery* q) { return SetState(v, q); }},
    {"tag", [](Name n, Value v, TaskQuery* q) { return SetText(n, v, &q->tag); }},
    {"key", [](Name n, Value v, TaskQuery* q) { return SetText(n, v, &q->idempotency_key); }},
    {"worker", [](Name n, Value v, TaskQuery* q) { return SetName(n, v, &q->worker); }},
    {"error_code", [](Name n, Value v, TaskQuery* q) { return SetText(n, v, &q->error_code); }},
    {"fingerprint", [](Name, Value v, TaskQuery* q) { return SetFingerprint(v, q); }},
    {"text", [](Name n, Value v, TaskQuery* q) { return SetWords(n, v, &q->words); }},
    {"payload_text",
     [](Name n, Value v, TaskQuery* q) { return SetWords(n, v, &q->payload_words); }},
    {"enqueued_from",
     [](Name n, Value v, TaskQuery* q) { return SetTime(n, v, &q->enqueued_from); }},
    {"enqueued_to", [](Name n, Value v, TaskQuery* q) { return SetTime(n, v, &q->enqueued_to); }},
    {"finished_from",
     [](Name n, Value v, TaskQuery* q) { return SetTime(n, v, &q->finished_from); }},
    {"finished_to", [](Name n, Value v, TaskQuery* q) { return SetTime(n, v, &q->finished_to); }},
    {"limit", [](Name, Value v, TaskQuery* q) { return SetLimit(v, q); }},
    {"cursor", [](Name, Value v, TaskQuery* q) { return SetCursor(v, q); }},
    {"results", [](Name, Value v, TaskQuery* q) { return SetResults(v, q); }},
};

http::Response TaskList(const ListReply& reply, bool with_results) {
  std::string body;
  JsonWriter out(&body);
  out.Open('{').Key("tasks").Open('[');
  for (const TaskView& view : reply.page.tasks)
    WriteTask(view, with_results ? TaskDetail::kListedWithResult : TaskDetail::kListed, &out);
  out.Close(']');
  if (reply.page.next != TaskId{}) out.Key("next_cursor").PlainText(reply.page.next.ToString());
  out.Key("as_of").Time(reply.as_of).Close('}');
  return JsonResponse(200, std::move(body));
}

}  // namespace

Result<TaskQuery> ReadTaskQuery(const http::Request& request) {
  std::string_view known[std::size(kParameters)];
  std::ranges::transform(kParameters, known, &Parameter::name);
  TREADLE_ASSIGN_OR_RETURN(const http::QueryParameters given, ReadQuery(request, known));
  TaskQuery query;
  for (const auto& [name, value] : given)
    TREADLE_RETURN_IF_ERROR(
        std::ranges::find(kParameters, name, &Parameter::name)->set(name, value, &query));
  return query;
}

void ListTasks(const Api& api, http::RequestContext& context, http::Responder responder) {
  auto query = ReadTaskQuery(context.request);
  if (!query.ok()) return responder.Send(http::ProblemResponse(query.status()));
  const auto format = [with_results = query->with_results](const ListReply& reply) {
    return TaskList(reply, with_results);
  };
  api.task_lists->Take([node = api.node, query = *std::move(query), format,
                        to = Shared(std::move(responder))](Turns::Turn turn) {
    node->Do(treadle::ListTasks{query}, Answering(std::move(*to), format, std::move(turn)));
  });
}

}  // namespace treadle::api
