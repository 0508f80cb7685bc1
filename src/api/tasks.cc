// Single tasks, and batches of them: enqueue, look, fetch.

#include "api/blob.h"
#include "api/contract_in.h"
#include "api/handlers.h"
#include "api/task_in.h"
#include "api/task_out.h"
#include "api/text_in.h"
#include "model/limits.h"

namespace treadle::api {
namespace {

using http::ProblemResponse;
using http::RequestContext;
using http::Responder;
using http::Response;

constexpr std::string_view kKeyHeader = "idempotency-key";

// The standard ignores one that is malformed, or that comes twice.
Traceparent TraceparentOf(const http::Request& request) {
  constexpr std::string_view kHeader = "traceparent";
  return request.headers.Count(kHeader) == 1 ? TraceparentFromHeader(request.Header(kHeader))
                                             : Traceparent{};
}

Result<EnqueueCommand> ReadOne(http::Request* request) {
  TREADLE_RETURN_IF_ERROR(ReadQuery(*request, {}).status());
  const size_t keys = request->headers.Count(kKeyHeader);
  if (keys > 1) return Status(Code::kInvalidArgument, "the Idempotency-Key header comes twice");
  if (keys == 1 && request->Header(kKeyHeader).empty())
    return Status(Code::kInvalidArgument,
                  "the Idempotency-Key header is empty: give it a value, or leave it out");
  const TaskHeaders headers{.key = request->Header(kKeyHeader),
                            .traceparent = TraceparentOf(*request)};
  TREADLE_ASSIGN_OR_RETURN(NewTask task, ReadTask(&request->body, headers));
  std::vector<NewTask> tasks;
  tasks.push_back(std::move(task));
  return EnqueueCommand::Make(std::move(tasks));
}

Result<EnqueueCommand> ReadMany(http::Request* request) {
  TREADLE_RETURN_IF_ERROR(ReadQuery(*request, {}).status());
  if (request->headers.Count(kKeyHeader) > 0)
    return Status(Code::kInvalidArgument,
                  "a batch takes no Idempotency-Key header: give each task its idempotency_key");
  TREADLE_ASSIGN_OR_RETURN(std::vector<NewTask> tasks,
                           ReadBatch(&request->body, TraceparentOf(*request)));
  return EnqueueCommand::Make(std::move(tasks));
}

void WriteEnqueued(const EnqueueReply::Task& task, JsonWriter* out) {
  out->Open('{').Key("id").PlainText(task.id.Text().view());
  out->Key("duplicate").Flag(task.duplicate);
  if (task.state) out->Key("state").PlainText(*TaskStateName(*task.state));
  if (task.replaced != TaskId{}) out->Key("replaced").PlainText(task.replaced.ToString());
  out->Close('}');
}

Response OneEnqueued(const EnqueueReply& reply) {
  std::string body;
  JsonWriter out(&body);
  WriteEnqueued(reply.tasks.front(), &out);
  return JsonResponse(reply.tasks.front().duplicate ? 200 : 201, std::move(body));
}

Response ManyEnqueued(const EnqueueReply& reply) {
  std::string body;
  body.reserve(reply.tasks.size() * 40 + 16);
  JsonWriter out(&body);
  out.Open('{').Key("tasks").Open('[');
  for (const EnqueueReply::Task& task : reply.tasks) WriteEnqueued(task, &out);
  out.Close(']').Close('}');
  return JsonResponse(201, std::move(body));
}

using EnqueuedAnswer = Response (*)(const EnqueueReply&);

void EnqueueNow(Node* node, EnqueueCommand command, EnqueuedAnswer answer, Responder responder) {
  node->Do(std::move(command), Answering(std::move(responder), answer));
}

// Whoever has payloads of `bytes` to check does not keep the thread of its connection for that.
void CheckThenEnqueue(const Api& api, std::shared_ptr<const ContractPage> page, size_t bytes,
                      EnqueueCommand command, EnqueuedAnswer answer, Responder responder) {
  const auto kept = std::make_shared<EnqueueCommand>(std::move(command));
  CheckOn(api.info.checks, [=, node = api.node, page = std::move(page),
                            to = Shared(std::move(responder))](const Status& turn) {
    const CheckBudget budget = CheckBudget::For(bytes);
    const Status status = turn.ok() ? FitContracts(page.get(), kept.get(), &budget) : turn;
    if (!status.ok()) return to->Send(ProblemResponse(status));
    EnqueueNow(node, std::move(*kept), answer, std::move(*to));
  });
}

void Enqueue(const Api& api, RequestContext& context, Responder responder,
             Result<EnqueueCommand> (*read)(http::Request*), EnqueuedAnswer answer) {
  if (auto refusal = RefuseOtherThanJson(context.request))
    return responder.Send(*std::move(refusal));
  auto command = read(&context.request);
  if (!command.ok()) return responder.Send(ProblemResponse(command.status()));
  auto page = api.contracts->Page();
  if (const auto bytes = BytesToFit(page.get(), *command))
    return CheckThenEnqueue(api, std::move(page), *bytes, *std::move(command), answer,
                            std::move(responder));
  if (const Status status = FitContracts(page.get(), &*command); !status.ok())
    return responder.Send(ProblemResponse(status));
  EnqueueNow(api.node, *std::move(command), answer, std::move(responder));
}

struct Lookup {
  TaskId id;
  int64_t wait_ms = 0;
};

Result<Lookup> ReadLookup(const RequestContext& context, bool may_wait) {
  static constexpr std::string_view kKnown[] = {"wait"};
  TREADLE_ASSIGN_OR_RETURN(const TaskId id, TaskIdOf(context));
  const std::span<const std::string_view> known(kKnown, may_wait ? 1 : 0);
  TREADLE_ASSIGN_OR_RETURN(const http::QueryParameters query, ReadQuery(context.request, known));
  TREADLE_ASSIGN_OR_RETURN(const int64_t wait_ms,
                           DurationParameter(query, "wait", limits::kLongPollMs));
  return Lookup{id, wait_ms};
}

void Look(const Api& api, const RequestContext& context, Responder responder, bool may_wait,
          Response (*answer)(const TaskView&)) {
  const auto lookup = ReadLookup(context, may_wait);
  if (!lookup.ok()) return responder.Send(ProblemResponse(lookup.status()));
  api.node->Do(treadle::GetTask{lookup->id, lookup->wait_ms},
               Answering(std::move(responder), answer));
}

// The bytes are the producer's or a worker's: a browser must not run them as a page of this server.
Response RawBytes(std::string bytes, std::string_view content_type, const Sha256& sha256) {
  return {.content_type = std::string(ContentTypeOf(content_type)),
          .body = std::move(bytes),
          .headers = {{"Treadle-Sha256", ToHex(sha256.view())},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Content-Security-Policy", "sandbox"}}};
}

Response WholeTask(const TaskView& view) {
  std::string body;
  JsonWriter out(&body);
  WriteTask(view, TaskDetail::kWhole, &out);
  return JsonResponse(200, std::move(body));
}

Response Payload(const TaskView& view) {
  const TaskBody& body = *view.task.body;
  return RawBytes(body.payload, body.content_type, body.payload_sha256);
}

Response ResultBytes(const TaskView& view) {
  const TaskRecord& task = view.task;
  if (task.image.state == TaskState::kCompleted && task.result)
    return RawBytes(task.result->bytes, task.result->content_type, task.result->sha256);
  const std::string state(TaskStateName(task.image.state).value_or("lost"));
  std::string text = "task " + task.image.id.ToString() + " is " + state;
  if (IsTerminal(task.image.state) && task.error) {
    text += ": " + task.error->code + ": " + task.error->message;
  } else {
    text += "; it has no result yet";
  }
  return ProblemResponse(Status(Code::kFailedPrecondition, std::move(text)));
}

}  // namespace

void EnqueueTask(const Api& api, RequestContext& context, Responder responder) {
  Enqueue(api, context, std::move(responder), ReadOne, OneEnqueued);
}

void EnqueueBatch(const Api& api, RequestContext& context, Responder responder) {
  Enqueue(api, context, std::move(responder), ReadMany, ManyEnqueued);
}

void GetTask(const Api& api, RequestContext& context, Responder responder) {
  Look(api, context, std::move(responder), true, WholeTask);
}

void GetPayload(const Api& api, RequestContext& context, Responder responder) {
  Look(api, context, std::move(responder), false, Payload);
}

void GetTaskResult(const Api& api, RequestContext& context, Responder responder) {
  Look(api, context, std::move(responder), true, ResultBytes);
}

}  // namespace treadle::api
