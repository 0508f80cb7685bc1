// What people ask of one task: run it now, cancel, redrive, edit, delete.

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

http::Response WhereItStands(const TaskStanding& task) {
  std::string body;
  JsonWriter out(&body);
  out.Open('{').Key("id").PlainText(task.id.Text().view());
  out.Key("state").PlainText(*TaskStateName(task.state));
  out.Key("changed").Flag(task.changed);
  out.Key("cancel_requested").Flag(task.cancel_requested).Close('}');
  return JsonResponse(200, std::move(body));
}

void DoOne(Node* node, const TaskCommand& command, Responder responder) {
  node->Do(command, Answering(std::move(responder), WhereItStands));
}

void Do(const Api& api, const Result<TaskCommand>& command, Responder responder) {
  if (!command.ok()) return responder.Send(ProblemResponse(command.status()));
  DoOne(api.node, *command, std::move(responder));
}

Result<TaskCommand> ReadCommand(const RequestContext& context, TaskCommand::Kind kind) {
  TREADLE_RETURN_IF_ERROR(ReadQuery(context.request, {}).status());
  TREADLE_ASSIGN_OR_RETURN(const TaskId id, TaskIdOf(context));
  return TaskCommand{.kind = kind, .id = id};
}

Result<TaskCommand> ReadBare(RequestContext& context, TaskCommand::Kind kind) {
  TREADLE_RETURN_IF_ERROR(CheckNoFields(&context));
  return ReadCommand(context, kind);
}

constexpr JsonField<std::string> kReasonFields[] = {{"reason", ReadText}};

Result<TaskCommand> ReadWithReason(RequestContext& context, TaskCommand::Kind kind) {
  TREADLE_ASSIGN_OR_RETURN(TaskCommand command, ReadCommand(context, kind));
  if (context.request.body.empty()) return command;
  TREADLE_RETURN_IF_ERROR(ParseJson(
      &context.request.body, "the request body",
      [&](JsonValue value) { return ReadObject(value, kReasonFields, &command.reason); }));
  if (command.reason.size() > limits::kErrorMessageBytes)
    return Status(
        Code::kInvalidArgument,
        "reason must have at most " + std::to_string(limits::kErrorMessageBytes) + " bytes");
  return command;
}

void DoWithReason(const Api& api, RequestContext& context, TaskCommand::Kind kind,
                  Responder responder) {
  if (!context.request.body.empty())
    if (auto refusal = RefuseOtherThanJson(context.request))
      return responder.Send(*std::move(refusal));
  Do(api, ReadWithReason(context, kind), std::move(responder));
}

// A payload that is put in the place of another must fit the same contract.
void DoIfItFits(const Api& api, const TaskCommand& command, Responder responder) {
  const auto page = api.contracts->Page();
  if (page == nullptr || command.edit.payload == nullptr)
    return DoOne(api.node, command, std::move(responder));
  const auto to = Shared(std::move(responder));
  api.node->Do(treadle::GetTask{.id = command.id}, [=, node = api.node, checks = api.info.checks](
                                                       const Result<TaskView>& view) {
    if (!view.ok()) return to->Send(ProblemResponse(view.status()));
    const uint32_t version = view->task.terms ? view->task.terms->contract : 0;
    if (version == 0) return DoOne(node, command, std::move(*to));
    CheckOn(checks, [=, type = view->type](const Status& turn) {
      const TaskBody& body = *command.edit.payload;
      const CheckBudget budget = CheckBudget::For(body.payload.size());
      const Status status =
          turn.ok() ? page->CheckInput(type, version, {body.payload, body.content_type}, &budget)
                    : turn;
      status.ok() ? DoOne(node, command, std::move(*to)) : to->Send(ProblemResponse(status));
    });
  });
}

Result<TaskCommand> ReadEdit(RequestContext& context) {
  TREADLE_ASSIGN_OR_RETURN(TaskCommand command, ReadCommand(context, TaskCommand::Kind::kEdit));
  TREADLE_ASSIGN_OR_RETURN(command.edit, ReadTaskEdit(&context.request.body));
  return command;
}

}  // namespace

void RunTaskNow(const Api& api, RequestContext& context, Responder responder) {
  Do(api, ReadBare(context, TaskCommand::Kind::kRunNow), std::move(responder));
}

void CancelTask(const Api& api, RequestContext& context, Responder responder) {
  DoWithReason(api, context, TaskCommand::Kind::kCancel, std::move(responder));
}

void ReleaseTask(const Api& api, RequestContext& context, Responder responder) {
  DoWithReason(api, context, TaskCommand::Kind::kRelease, std::move(responder));
}

void RedriveTask(const Api& api, RequestContext& context, Responder responder) {
  Do(api, ReadBare(context, TaskCommand::Kind::kRedrive), std::move(responder));
}

void EditTask(const Api& api, RequestContext& context, Responder responder) {
  if (auto refusal = RefuseOtherThanJson(context.request))
    return responder.Send(*std::move(refusal));
  auto command = ReadEdit(context);
  if (!command.ok()) return responder.Send(ProblemResponse(command.status()));
  DoIfItFits(api, *command, std::move(responder));
}

void DeleteTask(const Api& api, RequestContext& context, Responder responder) {
  Do(api, ReadBare(context, TaskCommand::Kind::kDelete), std::move(responder));
}

}  // namespace treadle::api
