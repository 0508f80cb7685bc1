// The server itself: what it is, and whether it is well.

#include <algorithm>

#include "api/handlers.h"
#include "json/writer.h"

namespace treadle::api {
namespace {

using http::RequestContext;
using http::Responder;

constexpr std::string_view kIntervalNote =
    "The journal is synced once a second: a power failure or a crash of the operating system can "
    "lose up to about one second of acknowledged work. A crash of only Treadle loses nothing.";

std::string Info(const Api& api) {
  const bool is_interval = api.info.durability == NodeOptions::Durability::kInterval;
  std::string body;
  JsonWriter out(&body);
  out.Open('{').Key("name").PlainText("treadle");
  out.Key("version").Text(api.info.version);
  out.Key("api").PlainText("v1");
  out.Key("term").Number(api.node->term());
  out.Key("durability").PlainText(is_interval ? "interval" : "fsync");
  if (is_interval) out.Key("durability_note").Text(kIntervalNote);
  out.Key("data").Text(api.info.data_directory);
  out.Key("started_at").Time(api.info.started_at);
  out.Key("shards").Number(1).Close('}');
  return body;
}

constexpr int64_t kRetryStartMs = 1'000;

http::Response Fine() { return {.content_type = "text/plain; charset=utf-8", .body = "ok\n"}; }

// "12 of 40 tasks", or "12 tasks" while the total is not known.
std::string Part(uint64_t done, uint64_t total, std::string_view what) {
  const std::string of = total == 0 ? "" : " of " + std::to_string(std::max(total, done));
  return std::to_string(done) + of + " " + std::string(what);
}

}  // namespace

std::string DescribeProgress(const RecoveryProgress& progress) {
  std::string text = Part(progress.tasks, progress.tasks_total, "tasks read");
  if (progress.frames_total > 0)
    text += ", " + Part(progress.frames, progress.frames_total, "frames of the journal replayed");
  return text;
}

http::Response StartingResponse(const http::Request& request, const RecoveryProgress& progress) {
  if (request.path() == "/livez") return Fine();
  return http::ProblemResponse(
      503, Status(Code::kUnavailable, "the server is starting: " + DescribeProgress(progress))
               .WithRetryAfter(kRetryStartMs));
}

void GetInfo(const Api& api, RequestContext& context, Responder responder) {
  if (!HasNoQuery(context, &responder)) return;
  responder.Send(JsonResponse(200, Info(api)));
}

void GetOpenApi(const Api&, RequestContext& context, Responder responder) {
  if (!HasNoQuery(context, &responder)) return;
  responder.Send({.content_type = "application/yaml", .body = std::string(OpenApiYaml())});
}

void GetLivez(const Api&, RequestContext&, Responder responder) { responder.Send(Fine()); }

void GetReadyz(const Api& api, RequestContext&, Responder responder) {
  const Status status = api.node->Readiness();
  responder.Send(status.ok() ? Fine() : http::ProblemResponse(503, status));
}

}  // namespace treadle::api
