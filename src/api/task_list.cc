// Lists of tasks, newest first, a page at a time.

#include <algorithm>
#include <charconv>

#include "api/handlers.h"
#include "api/task_out.h"
#include "api/text_in.h"
#include "model/validate.h"

namespace treadle::api {
namespace {

constexpr size_t kLimitMax = 1'000;
constexpr std::string_view kKnown[] = {"queue", "type", "state", "limit", "cursor", "results"};

Status Invalid(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

Status SetState(std::string_view text, TaskQuery* query) {
  query->state = TaskStateFromName(text);
  if (query->state) return {};
  std::string names;
  for (const TaskState state : kTaskStates)
    names.append(names.empty() ? "" : ", ").append(*TaskStateName(state));
  return Invalid("state must be one of " + names);
}

Status SetLimit(std::string_view text, TaskQuery* query) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, query->limit);
  if (error == std::errc() && stop == end && query->limit >= 1 && query->limit <= kLimitMax)
    return {};
  return Invalid("limit must be a whole number from 1 to " + std::to_string(kLimitMax));
}

Status SetParameter(std::string_view name, const std::string& value, TaskQuery* query) {
  if (name == "state") return SetState(value, query);
  if (name == "limit") return SetLimit(value, query);
  if (name == "queue" || name == "type") {
    (name == "queue" ? query->queue : query->type) = value;
    return ValidateName(name, value);
  }
  if (name == "cursor") {
    const auto before = TaskId::Parse(value);
    if (!before) return Invalid("cursor is none that a list has given");
    query->before = *before;
    return {};
  }
  if (value != "true" && value != "false") return Invalid("results must be true or false");
  query->with_results = value == "true";
  return {};
}

http::Response TaskList(const ListReply& reply, bool with_results) {
  std::string body;
  JsonOut out(&body);
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
  TREADLE_ASSIGN_OR_RETURN(const http::QueryParameters parameters, ReadQuery(request, kKnown));
  TaskQuery query;
  for (const auto& [name, value] : parameters)
    TREADLE_RETURN_IF_ERROR(SetParameter(name, value, &query));
  return query;
}

void ListTasks(const Api& api, http::RequestContext& context, http::Responder responder) {
  auto query = ReadTaskQuery(context.request);
  if (!query.ok()) return responder.Send(http::ProblemResponse(query.status()));
  const bool with_results = query->with_results;
  api.node->List(*std::move(query), [with_results,
                                     to = Shared(std::move(responder))](Result<ListReply> reply) {
    to->Send(reply.ok() ? TaskList(*reply, with_results) : http::ProblemResponse(reply.status()));
  });
}

}  // namespace treadle::api
