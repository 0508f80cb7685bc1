// Bulk actions: one command for every task that a query finds. Count, start, watch, stop.

#include <charconv>
#include <utility>

#include "api/handlers.h"
#include "api/task_in.h"
#include "api/text_in.h"
#include "json/reader.h"
#include "json/writer.h"
#include "model/limits.h"

namespace treadle::api {
namespace {

using http::ProblemResponse;
using http::RequestContext;
using http::Responder;

constexpr int64_t kRateMax = 1'000'000;

constexpr std::pair<std::string_view, TaskCommand::Kind> kActions[] = {
    {"run_now", TaskCommand::Kind::kRunNow},  {"cancel", TaskCommand::Kind::kCancel},
    {"redrive", TaskCommand::Kind::kRedrive}, {"edit", TaskCommand::Kind::kEdit},
    {"delete", TaskCommand::Kind::kDelete},   {"release", TaskCommand::Kind::kRelease},
};

std::string_view ActionName(TaskCommand::Kind kind) {
  for (const auto& [name, each] : kActions)
    if (each == kind) return name;
  return "";
}

std::string_view BulkStateName(BulkView::State state) {
  switch (state) {
    case BulkView::State::kPending:
      return "pending";
    case BulkView::State::kRunning:
      return "running";
    case BulkView::State::kDone:
      return "done";
    case BulkView::State::kStopped:
      return "stopped";
    case BulkView::State::kFailed:
      return "failed";
  }
  return "";
}

struct BulkIn {
  BulkRequest request;
  bool has_action = false;
};

constexpr JsonField<BulkIn> kFields[] = {
    {"action",
     [](JsonValue v, BulkIn* in) {
       TREADLE_ASSIGN_OR_RETURN(const std::string_view text, v.Text());
       std::string names;
       for (const auto& [name, kind] : kActions) {
         if (name == text) {
           in->request.command.kind = kind;
           in->has_action = true;
           return Status::Ok();
         }
         names.append(names.empty() ? "" : ", ").append(name);
       }
       return v.Wrong("must be one of " + names);
     }},
    {"reason", [](JsonValue v, BulkIn* in) { return ReadText(v, &in->request.command.reason); }},
    {"edit",
     [](JsonValue v, BulkIn* in) {
       TREADLE_ASSIGN_OR_RETURN(in->request.command.edit, ReadTaskEdit(v));
       return Status::Ok();
     }},
    {"rate", [](JsonValue v, BulkIn* in) { return ReadWhole(v, 0, kRateMax, &in->request.rate); }},
    {"count_only",
     [](JsonValue v, BulkIn* in) {
       TREADLE_ASSIGN_OR_RETURN(in->request.count_only, v.Flag());
       return Status::Ok();
     }},
};

// That it says which tasks, and nothing of pages.
Status CheckQuery(const http::Request& request) {
  TREADLE_ASSIGN_OR_RETURN(const http::QueryParameters query, http::ParseQuery(request.query()));
  if (query.empty())
    return InvalidArgument(
        "the query selects no tasks: add a filter, for example ?queue=default&state=dead");
  for (const auto& [name, value] : query)
    if (name == "limit" || name == "cursor" || name == "results")
      return InvalidArgument(
          name + " is only for lists: a bulk action covers everything that the query finds");
  return {};
}

Status CheckBulk(const BulkIn& in, const http::Request& request) {
  const TaskCommand& command = in.request.command;
  const bool edits = command.kind == TaskCommand::Kind::kEdit;
  if (!in.has_action) return InvalidArgument("action is missing");
  TREADLE_RETURN_IF_ERROR(CheckQuery(request));
  if (edits == command.edit.empty())
    return InvalidArgument("the action edit needs edit, and no other action takes it");
  if (!command.reason.empty() && command.kind != TaskCommand::Kind::kCancel &&
      command.kind != TaskCommand::Kind::kRelease)
    return InvalidArgument("reason is only for the actions cancel and release");
  if (command.reason.size() > limits::kErrorMessageBytes)
    return InvalidArgument("reason must have at most " +
                           std::to_string(limits::kErrorMessageBytes) + " bytes");
  return {};
}

Result<BulkRequest> ReadBulk(http::Request* request) {
  BulkIn in;
  TREADLE_ASSIGN_OR_RETURN(in.request.tasks, ReadTaskQuery(*request));
  TREADLE_RETURN_IF_ERROR(ParseJson(&request->body, "the request body", [&](JsonValue value) {
    return ReadObject(value, kFields, &in);
  }));
  TREADLE_RETURN_IF_ERROR(CheckBulk(in, *request));
  return std::move(in.request);
}

void WriteBulk(const BulkView& bulk, JsonWriter* out) {
  out->Open('{').Key("id").PlainText(std::to_string(bulk.id));
  out->Key("action").PlainText(ActionName(bulk.request.command.kind));
  out->Key("count_only").Flag(bulk.request.count_only).Key("rate").Number(bulk.request.rate);
  out->Key("state").PlainText(BulkStateName(bulk.state));
  out->Key("found").Number(bulk.found).Key("changed").Number(bulk.changed);
  out->Key("skipped").Number(bulk.skipped);
  out->Key("started_at").Time(bulk.started_at);
  if (bulk.finished_at.ms != 0) out->Key("finished_at").Time(bulk.finished_at);
  if (!bulk.error.empty()) out->Key("error").Text(bulk.error);
  out->Close('}');
}

http::Response OneBulk(const BulkView& view, int status) {
  std::string body;
  JsonWriter out(&body);
  WriteBulk(view, &out);
  return JsonResponse(status, std::move(body));
}

http::Response AllBulk(const std::vector<BulkView>& views) {
  std::string body;
  JsonWriter out(&body);
  out.Open('{').Key("bulk").Open('[');
  for (const BulkView& view : views) WriteBulk(view, &out);
  out.Close(']').Close('}');
  return JsonResponse(200, std::move(body));
}

Result<uint64_t> BulkIdOf(const RequestContext& context) {
  TREADLE_RETURN_IF_ERROR(ReadQuery(context.request, {}).status());
  const std::string& text = context.PathParameter("bulk");
  uint64_t id = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || stop != text.data() + text.size())
    return Status(Code::kInvalidArgument, "the ID of a bulk action must be a number");
  return id;
}

}  // namespace

void StartBulk(const Api& api, RequestContext& context, Responder responder) {
  if (auto refusal = RefuseOtherThanJson(context.request))
    return responder.Send(*std::move(refusal));
  auto request = ReadBulk(&context.request);
  if (!request.ok()) return responder.Send(ProblemResponse(request.status()));
  api.node->Do(
      treadle::StartBulk{*std::move(request)},
      Answering(std::move(responder), [](const BulkView& view) { return OneBulk(view, 202); }));
}

void ListBulk(const Api& api, RequestContext& context, Responder responder) {
  const auto query = ReadQuery(context.request, {});
  if (!query.ok()) return responder.Send(ProblemResponse(query.status()));
  api.node->Do(treadle::ListBulk{}, Answering(std::move(responder), AllBulk));
}

void GetBulk(const Api& api, RequestContext& context, Responder responder) {
  const auto id = BulkIdOf(context);
  if (!id.ok()) return responder.Send(ProblemResponse(id.status()));
  api.node->Do(treadle::GetBulk{*id}, Answering(std::move(responder), [](const BulkView& view) {
                 return OneBulk(view, 200);
               }));
}

void StopBulk(const Api& api, RequestContext& context, Responder responder) {
  const Status no_fields = CheckNoFields(&context);
  const auto id = no_fields.ok() ? BulkIdOf(context) : no_fields;
  if (!id.ok()) return responder.Send(ProblemResponse(id.status()));
  api.node->Do(treadle::StopBulk{*id}, Answering(std::move(responder), [](const BulkView& view) {
                 return OneBulk(view, 200);
               }));
}

}  // namespace treadle::api
