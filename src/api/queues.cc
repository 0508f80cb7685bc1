// Queues: their counts and their policies.

#include "api/handlers.h"
#include "api/json_in.h"
#include "api/json_out.h"
#include "api/text_in.h"
#include "model/validate.h"

namespace treadle::api {
namespace {

using http::ProblemResponse;
using http::RequestContext;
using http::Responder;

constexpr int64_t kNumberMax = (int64_t{1} << 53) - 1;  // what every reader of JSON can hold

/// The fields of a policy that a request changes, in the order in which they came.
struct PolicyChange {
  using Target = int64_t& (*)(QueuePolicy*);
  std::vector<std::pair<Target, int64_t>> values;

  Status Read(JsonValue value, Target target) {
    TREADLE_ASSIGN_OR_RETURN(const int64_t number, value.Whole(0, kNumberMax));
    values.emplace_back(target, number);
    return {};
  }
};

#define TREADLE_POLICY_FIELD(name, member)                                                   \
  {name, [](JsonValue v, PolicyChange* change) {                                             \
     return change->Read(v, [](QueuePolicy* policy) -> int64_t& { return policy->member; }); \
   }}

constexpr JsonField<PolicyChange> kRetryFields[] = {
    TREADLE_POLICY_FIELD("backoff_base_ms", retry.backoff_base_ms),
    TREADLE_POLICY_FIELD("backoff_cap_ms", retry.backoff_cap_ms),
};

constexpr JsonField<PolicyChange> kRetentionFields[] = {
    TREADLE_POLICY_FIELD("completed_tasks", retention.completed_tasks),
    TREADLE_POLICY_FIELD("completed_ms", retention.completed_ms),
    TREADLE_POLICY_FIELD("completed_bytes", retention.completed_bytes),
    TREADLE_POLICY_FIELD("dead_ms", retention.dead_ms),
};

constexpr JsonField<PolicyChange> kPolicyFields[] = {
    {"retry",
     [](JsonValue v, PolicyChange* change) { return ReadObject(v, kRetryFields, change); }},
    {"retention",
     [](JsonValue v, PolicyChange* change) { return ReadObject(v, kRetentionFields, change); }},
    TREADLE_POLICY_FIELD("lease_ms", lease_ms),
    TREADLE_POLICY_FIELD("idempotency_window_ms", idempotency_window_ms),
};

#undef TREADLE_POLICY_FIELD

void WritePolicy(const QueuePolicy& policy, JsonOut* out) {
  out->Open('{').Key("retry").Open('{');
  out->Key("backoff_base_ms").Number(policy.retry.backoff_base_ms);
  out->Key("backoff_cap_ms").Number(policy.retry.backoff_cap_ms).Close('}');
  out->Key("retention").Open('{');
  out->Key("completed_tasks").Number(policy.retention.completed_tasks);
  out->Key("completed_ms").Number(policy.retention.completed_ms);
  out->Key("completed_bytes").Number(policy.retention.completed_bytes);
  out->Key("dead_ms").Number(policy.retention.dead_ms).Close('}');
  out->Key("lease_ms").Number(policy.lease_ms);
  out->Key("idempotency_window_ms").Number(policy.idempotency_window_ms).Close('}');
}

void WriteQueue(const QueueView& queue, JsonOut* out) {
  out->Open('{').Key("name").PlainText(queue.name);
  out->Key("tasks").Open('{');
  for (const TaskState state : kTaskStates)
    out->Key(*TaskStateName(state)).Number(queue.tasks[static_cast<size_t>(state)]);
  out->Close('}');
  out->Key("accepted").Number(queue.counters.accepted);
  out->Key("removed").Open('{');
  out->Key("retention").Number(queue.counters.removed_retention).Close('}');
  out->Key("policy");
  WritePolicy(queue.policy, out);
  out->Close('}');
}

http::Response OneQueue(const Result<QueueView>& view) {
  if (!view.ok()) return ProblemResponse(view.status());
  std::string body;
  JsonOut out(&body);
  WriteQueue(*view, &out);
  return JsonResponse(200, std::move(body));
}

http::Response AllQueues(const Result<std::vector<QueueView>>& views) {
  if (!views.ok()) return ProblemResponse(views.status());
  std::string body;
  JsonOut out(&body);
  out.Open('{').Key("queues").Open('[');
  for (const QueueView& view : *views) WriteQueue(view, &out);
  out.Close(']').Close('}');
  return JsonResponse(200, std::move(body));
}

// The queue's name in the path; the request must have no query.
Result<std::string> QueueOf(const RequestContext& context) {
  TREADLE_RETURN_IF_ERROR(ReadQuery(context.request, {}).status());
  const std::string& name = context.PathParameter("queue");
  TREADLE_RETURN_IF_ERROR(ValidateName("queue", name));
  return name;
}

Result<PolicyChange> ReadPolicyChange(std::string* body) {
  PolicyChange change;
  TREADLE_RETURN_IF_ERROR(ParseJson(body, "the request body", [&](JsonValue value) {
    return ReadObject(value, kPolicyFields, &change);
  }));
  return change;
}

}  // namespace

void ListQueues(const Api& api, RequestContext& context, Responder responder) {
  const auto query = ReadQuery(context.request, {});
  if (!query.ok()) return responder.Send(ProblemResponse(query.status()));
  api.node->Queues(
      [to = Shared(std::move(responder))](const Result<std::vector<QueueView>>& views) {
        to->Send(AllQueues(views));
      });
}

void GetQueue(const Api& api, RequestContext& context, Responder responder) {
  auto name = QueueOf(context);
  if (!name.ok()) return responder.Send(ProblemResponse(name.status()));
  api.node->GetQueue(*std::move(name),
                     [to = Shared(std::move(responder))](const Result<QueueView>& view) {
                       to->Send(OneQueue(view));
                     });
}

void PutQueue(const Api& api, RequestContext& context, Responder responder) {
  if (auto refusal = RefuseOtherThanJson(context.request))
    return responder.Send(*std::move(refusal));
  auto name = QueueOf(context);
  if (!name.ok()) return responder.Send(ProblemResponse(name.status()));
  auto change = ReadPolicyChange(&context.request.body);
  if (!change.ok()) return responder.Send(ProblemResponse(change.status()));
  api.node->Configure(
      *std::move(name),
      [change = *std::move(change)](QueuePolicy* policy) {
        for (const auto& [target, number] : change.values) target(policy) = number;
        return Validate(*policy);
      },
      [to = Shared(std::move(responder))](const Result<QueueView>& view) {
        to->Send(OneQueue(view));
      });
}

}  // namespace treadle::api
