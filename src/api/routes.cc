#include "api/routes.h"

#include "api/handlers.h"
#include "api/text_in.h"
#include "http/media_type.h"
#include "json/reader.h"

namespace treadle::api {
namespace {

using http::Method;

struct Row {
  Method method;
  std::string_view pattern;
  ApiHandler handler;
};

constexpr Row kRoutes[] = {
    {Method::kPost, "/v1/tasks", EnqueueTask},
    {Method::kPost, "/v1/tasks/batch", EnqueueBatch},
    {Method::kGet, "/v1/tasks", ListTasks},
    {Method::kGet, "/v1/tasks/{id}", GetTask},
    {Method::kPatch, "/v1/tasks/{id}", EditTask},
    {Method::kDelete, "/v1/tasks/{id}", DeleteTask},
    {Method::kGet, "/v1/tasks/{id}/payload", GetPayload},
    {Method::kGet, "/v1/tasks/{id}/result", GetTaskResult},
    {Method::kGet, "/v1/tasks/{id}/attempts", GetAttempts},
    {Method::kGet, "/v1/tasks/{id}/log", GetLog},
    {Method::kGet, "/v1/tasks/{id}/explain", ExplainTask},
    {Method::kPost, "/v1/tasks/{id}/run-now", RunTaskNow},
    {Method::kPost, "/v1/tasks/{id}/cancel", CancelTask},
    {Method::kPost, "/v1/tasks/{id}/redrive", RedriveTask},
    {Method::kPost, "/v1/tasks/{id}/release", ReleaseTask},
    {Method::kPost, "/v1/bulk", StartBulk},
    {Method::kGet, "/v1/bulk", ListBulk},
    {Method::kGet, "/v1/bulk/{bulk}", GetBulk},
    {Method::kPost, "/v1/bulk/{bulk}/stop", StopBulk},
    {Method::kPost, "/v1/backups", StartBackup},
    {Method::kGet, "/v1/backups", ListBackups},
    {Method::kGet, "/v1/backups/{backup}", GetBackup},
    {Method::kGet, "/v1/queues", ListQueues},
    {Method::kGet, "/v1/queues/{queue}", GetQueue},
    {Method::kPut, "/v1/queues/{queue}", PutQueue},
    {Method::kDelete, "/v1/queues/{queue}", DeleteQueue},
    {Method::kPost, "/v1/queues/{queue}/pause", PauseQueue},
    {Method::kPost, "/v1/queues/{queue}/resume", ResumeQueue},
    {Method::kGet, "/v1/types", ListTypes},
    {Method::kGet, "/v1/types/{type}", GetType},
    {Method::kPut, "/v1/types/{type}", PutType},
    {Method::kDelete, "/v1/types/{type}", DeleteType},
    {Method::kPut, "/v1/types/{type}/contracts/{version}", PutContract},
    {Method::kDelete, "/v1/types/{type}/contracts/{version}", DeleteContract},
    {Method::kPost, "/v1/exchange", Exchange},
    {Method::kPost, "/v1/attempts/{token}", SaveAttempt},
    {Method::kGet, "/v1/info", GetInfo},
    {Method::kGet, "/v1/openapi.yaml", GetOpenApi},
    {Method::kGet, "/livez", GetLivez},
    {Method::kGet, "/readyz", GetReadyz},
    {Method::kGet, "/metrics", GetMetrics},
};

}  // namespace

std::shared_ptr<const http::Router> MakeRouter(Node* node, ApiInfo info) {
  const auto api = std::make_shared<const Api>(
      Api{.node = node, .info = std::move(info), .contracts = std::make_shared<ContractBook>()});
  if (node != nullptr) FillContracts(node, api->contracts.get());
  auto router = std::make_shared<http::Router>();
  for (const Row& row : kRoutes) {
    router->Add(
        row.method, row.pattern,
        [api, handler = row.handler](http::RequestContext context, http::Responder responder) {
          handler(*api, context, std::move(responder));
        });
  }
  return router;
}

std::optional<http::Response> RefuseOtherThanJson(const http::Request& request) {
  if (http::IsSaidToBeJson(request)) return std::nullopt;
  return http::ProblemResponse(
      415, Status(Code::kInvalidArgument,
                  "the request body must be JSON: send the header Content-Type: application/json"));
}

Status CheckNoFields(http::RequestContext* context) {
  std::string* const body = &context->request.body;
  if (body->empty()) return {};
  return ParseJson(body, "the request body", [](JsonValue value) {
    return value.Fields({}, [](size_t, JsonValue) { return Status(); });
  });
}

bool HasNoQuery(const http::RequestContext& context, http::Responder* responder) {
  const auto query = ReadQuery(context.request, {});
  if (!query.ok()) responder->Send(http::ProblemResponse(query.status()));
  return query.ok();
}

Result<TaskId> TaskIdOf(const http::RequestContext& context) {
  if (const auto id = TaskId::Parse(context.PathParameter("id"))) return *id;
  return Status(Code::kInvalidArgument, "the task id must look like 1-42");
}

}  // namespace treadle::api
