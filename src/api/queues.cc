// Queues: their counts and their policies.

#include "engine/commands/queues.h"
#include "api/handlers.h"
#include "api/list_out.h"
#include "api/policy_json.h"
#include "api/text_in.h"
#include "json/reader.h"
#include "json/writer.h"
#include "model/validate.h"

namespace treadle::api {
namespace {

using http::ProblemResponse;
using http::RequestContext;
using http::Responder;

// What keeps tasks from coming or from being worked off.
void WriteConditions(const QueueView& queue, JsonWriter* out) {
  out->Key("conditions").Open('[');
  if (queue.policy.paused) out->PlainText("paused");
  if (queue.policy.draining) out->PlainText("draining");
  if (queue.is_full()) out->PlainText("full");
  const bool waits = queue.tasks[static_cast<size_t>(TaskState::kReady)] > 0;
  if (waits && queue.has_workers == false) out->PlainText("no_worker");
  out->Close(']');
}

void WriteQueue(const QueueView& queue, JsonWriter* out) {
  out->Open('{').Key("name").PlainText(queue.name);
  out->Key("tasks").Open('{');
  for (const TaskState state : kTaskStates)
    out->Key(*TaskStateName(state)).Number(queue.tasks[static_cast<size_t>(state)]);
  out->Close('}');
  out->Key("accepted").Number(queue.counters.accepted);
  out->Key("removed").Open('{');
  for (size_t i = 0; i < kRemovals; ++i)
    out->Key(RemovalName(static_cast<Removal>(i))).Number(queue.counters.removed[i]);
  out->Close('}');
  WriteConditions(queue, out);
  if (queue.created) out->Key("created").Flag(true);
  out->Key("policy");
  WriteQueuePolicy(queue.policy, out);
  out->Close('}');
}

http::Response OneQueue(const QueueView& view) {
  std::string body;
  JsonWriter out(&body);
  WriteQueue(view, &out);
  return JsonResponse(200, std::move(body));
}

http::Response QueueList(const ListPart<QueueView>& part) {
  const auto number = [](const QueueView& queue) { return queue.counters.queue; };
  return JsonResponse(200, ListJson("queues", part, number, WriteQueue));
}

// The queue's name in the path; the request must have no query.
Result<std::string> QueueOf(const RequestContext& context) {
  TREADLE_RETURN_IF_ERROR(ReadQuery(context.request, {}).status());
  const std::string& name = context.PathParameter("queue");
  TREADLE_RETURN_IF_ERROR(ValidateName("queue", name));
  return name;
}

// The same; the request must have no body, either.
Result<std::string> BareQueueOf(RequestContext& context) {
  TREADLE_RETURN_IF_ERROR(CheckNoFields(&context));
  return QueueOf(context);
}

// Only of a queue that is there: a name that was mistyped would make one.
void SetPaused(const Api& api, RequestContext& context, Responder responder, bool paused) {
  auto name = BareQueueOf(context);
  if (!name.ok()) return responder.Send(ProblemResponse(name.status()));
  api.node->Do(treadle::PauseQueue{*std::move(name), paused},
               Answering(std::move(responder), OneQueue));
}

}  // namespace

void ListQueues(const Api& api, RequestContext& context, Responder responder) {
  const auto query = ReadListQuery(context.request);
  if (!query.ok()) return responder.Send(ProblemResponse(query.status()));
  api.lists->Take(
      [node = api.node, query = *query, to = Shared(std::move(responder))](Turns::Turn turn) {
        node->Do(treadle::ListQueues{query.after, query.limit},
                 Answering(std::move(*to), QueueList, std::move(turn)));
      });
}

void GetQueue(const Api& api, RequestContext& context, Responder responder) {
  auto name = QueueOf(context);
  if (!name.ok()) return responder.Send(ProblemResponse(name.status()));
  api.node->Do(treadle::GetQueue{*std::move(name)}, Answering(std::move(responder), OneQueue));
}

void PutQueue(const Api& api, RequestContext& context, Responder responder) {
  if (auto refusal = RefuseOtherThanJson(context.request))
    return responder.Send(*std::move(refusal));
  auto name = QueueOf(context);
  if (!name.ok()) return responder.Send(ProblemResponse(name.status()));
  QueuePolicyPatch patch;
  const Status read = ParseJson(&context.request.body, "the request body", [&](JsonValue value) {
    return ReadQueuePolicyPatch(value, &patch);
  });
  if (!read.ok()) return responder.Send(ProblemResponse(read));
  api.node->Do(treadle::SetQueuePolicy{*std::move(name), std::move(patch)},
               Answering(std::move(responder), OneQueue));
}

void DeleteQueue(const Api& api, RequestContext& context, Responder responder) {
  auto name = BareQueueOf(context);
  if (!name.ok()) return responder.Send(ProblemResponse(name.status()));
  api.node->Do(treadle::DeleteQueue{*std::move(name)}, Answering(std::move(responder), OneQueue));
}

void PauseQueue(const Api& api, RequestContext& context, Responder responder) {
  SetPaused(api, context, std::move(responder), true);
}

void ResumeQueue(const Api& api, RequestContext& context, Responder responder) {
  SetPaused(api, context, std::move(responder), false);
}

}  // namespace treadle::api
