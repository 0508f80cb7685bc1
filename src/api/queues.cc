// Queues: their counts and their policies.

#include "engine/commands/queues.h"
#include "api/handlers.h"
#include "api/list_out.h"
#include "api/policy_json.h"
#include "api/text_in.h"
#include "json/reader.h"
#include "json/writer.h"
#include "model/limits.h"
#include "model/validate.h"

namespace treadle::api {
namespace {

using http::ProblemResponse;
using http::RequestContext;
using http::Responder;

using QueuePolicyChange = Changes<QueuePolicy>;

// Any number: the policy as a whole is validated afterwards, which names the range.
#define TREADLE_POLICY_NUMBER(name, member)                                            \
  {name, [](JsonValue v, QueuePolicyChange* change) {                                  \
     TREADLE_ASSIGN_OR_RETURN(const int64_t number, v.Whole(-kNumberMax, kNumberMax)); \
     change->Add([=](QueuePolicy* policy) {                                            \
       policy->member = static_cast<decltype(policy->member)>(number);                 \
     });                                                                               \
     return Status::Ok();                                                              \
   }}

#define TREADLE_POLICY_FLAG(name, member)                              \
  {name, [](JsonValue v, QueuePolicyChange* change) {                  \
     TREADLE_ASSIGN_OR_RETURN(const bool flag, v.Flag());              \
     change->Add([=](QueuePolicy* policy) { policy->member = flag; }); \
     return Status::Ok();                                              \
   }}

constexpr JsonField<QueuePolicyChange> kRetentionFields[] = {
    TREADLE_POLICY_NUMBER("completed_tasks", retention.completed_tasks),
    TREADLE_POLICY_NUMBER("completed_ms", retention.completed_ms),
    TREADLE_POLICY_NUMBER("completed_bytes", retention.completed_bytes),
    TREADLE_POLICY_NUMBER("dead_ms", retention.dead_ms),
};

constexpr JsonField<QueuePolicyChange> kCapacityFields[] = {
    TREADLE_POLICY_NUMBER("tasks", capacity.tasks),
    TREADLE_POLICY_NUMBER("bytes", capacity.bytes),
    {"when_full",
     [](JsonValue v, QueuePolicyChange* change) {
       TREADLE_ASSIGN_OR_RETURN(const std::string_view text, v.Text());
       if (text != "reject" && text != "shed") return v.Wrong("must be reject or shed");
       change->Add([shed = text == "shed"](QueuePolicy* policy) { policy->capacity.shed = shed; });
       return Status::Ok();
     }},
};

constexpr JsonField<QueuePolicyChange> kQueuePolicyFields[] = {
    {"retry",
     [](JsonValue v, QueuePolicyChange* change) {
       Changes<RetryPolicy> retry;
       TREADLE_RETURN_IF_ERROR(ReadRetryChanges(v, &retry));
       change->Add([=](QueuePolicy* policy) { retry.Apply(&policy->retry); });
       return Status::Ok();
     }},
    {"retention",
     [](JsonValue v, QueuePolicyChange* change) {
       return ReadObject(v, kRetentionFields, change);
     }},
    TREADLE_POLICY_NUMBER("lease_ms", lease_ms),
    TREADLE_POLICY_NUMBER("idempotency_window_ms", idempotency_window_ms),
    TREADLE_POLICY_NUMBER("cancel_grace_ms", cancel_grace_ms),
    TREADLE_POLICY_NUMBER("attempt_timeout_ms", attempt_timeout_ms),
    {"max_worker_losses",
     [](JsonValue v, QueuePolicyChange* change) {
       uint32_t losses = 0;
       TREADLE_RETURN_IF_ERROR(ReadWhole(v, 1, limits::kWorkerLossesMax, &losses));
       change->Add([=](QueuePolicy* policy) { policy->max_worker_losses = losses; });
       return Status::Ok();
     }},
    {"capacity",
     [](JsonValue v, QueuePolicyChange* change) { return ReadObject(v, kCapacityFields, change); }},
    TREADLE_POLICY_FLAG("draining", draining),
    TREADLE_POLICY_FLAG("paused", paused),
    TREADLE_POLICY_FLAG("search_payloads", search_payloads),
};

#undef TREADLE_POLICY_FLAG
#undef TREADLE_POLICY_NUMBER

void WriteQueuePolicy(const QueuePolicy& policy, JsonWriter* out) {
  out->Open('{').Key("retry");
  WriteRetry(policy.retry, out);
  out->Key("retention").Open('{');
  out->Key("completed_tasks").Number(policy.retention.completed_tasks);
  out->Key("completed_ms").Number(policy.retention.completed_ms);
  out->Key("completed_bytes").Number(policy.retention.completed_bytes);
  out->Key("dead_ms").Number(policy.retention.dead_ms).Close('}');
  out->Key("lease_ms").Number(policy.lease_ms);
  out->Key("idempotency_window_ms").Number(policy.idempotency_window_ms);
  out->Key("cancel_grace_ms").Number(policy.cancel_grace_ms);
  out->Key("attempt_timeout_ms").Number(policy.attempt_timeout_ms);
  out->Key("max_worker_losses").Number(policy.max_worker_losses);
  out->Key("capacity").Open('{').Key("tasks").Number(policy.capacity.tasks);
  out->Key("bytes").Number(policy.capacity.bytes);
  out->Key("when_full").PlainText(policy.capacity.shed ? "shed" : "reject").Close('}');
  out->Key("draining").Flag(policy.draining);
  out->Key("paused").Flag(policy.paused);
  out->Key("search_payloads").Flag(policy.search_payloads).Close('}');
}

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

Result<QueuePolicyChange> ReadPolicyChange(std::string* body) {
  QueuePolicyChange change;
  TREADLE_RETURN_IF_ERROR(ParseJson(body, "the request body", [&](JsonValue value) {
    return ReadObject(value, kQueuePolicyFields, &change);
  }));
  return change;
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
  auto change = ReadPolicyChange(&context.request.body);
  if (!change.ok()) return responder.Send(ProblemResponse(change.status()));
  api.node->Do(treadle::SetQueuePolicy{*std::move(name),
                                       [change = *std::move(change)](QueuePolicy* policy) {
                                         change.Apply(policy);
                                         return Validate(*policy);
                                       }},
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
