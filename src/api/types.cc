// Task types: what holds for all tasks of a type.

#include "engine/commands/types.h"
#include "api/handlers.h"
#include "api/list_out.h"
#include "api/policy_json.h"
#include "api/text_in.h"
#include "api/type_out.h"
#include "model/validate.h"

namespace treadle::api {
namespace {

using http::ProblemResponse;
using http::RequestContext;
using http::Responder;

http::Response TypeList(const ListPart<TypeView>& part) {
  const auto write = [](const TypeView& type, JsonWriter* out) {
    WriteType(type, TypeDetail::kListed, out);
  };
  const auto number = [](const TypeView& type) { return type.id; };
  return JsonResponse(200, ListJson("types", part, number, write));
}

Result<std::string> TypeOf(const RequestContext& context) {
  TREADLE_RETURN_IF_ERROR(ReadQuery(context.request, {}).status());
  const std::string& name = context.PathParameter("type");
  TREADLE_RETURN_IF_ERROR(ValidateName("type", name));
  return name;
}

}  // namespace

void ListTypes(const Api& api, RequestContext& context, Responder responder) {
  const auto query = ReadListQuery(context.request);
  if (!query.ok()) return responder.Send(ProblemResponse(query.status()));
  api.lists->Take(
      [node = api.node, query = *query, to = Shared(std::move(responder))](Turns::Turn turn) {
        node->Do(treadle::ListTypes{query.after, query.limit},
                 Answering(std::move(*to), TypeList, std::move(turn)));
      });
}

void GetType(const Api& api, RequestContext& context, Responder responder) {
  auto name = TypeOf(context);
  if (!name.ok()) return responder.Send(ProblemResponse(name.status()));
  api.node->Do(treadle::GetType{*std::move(name)}, Answering(std::move(responder), OneType));
}

void PutType(const Api& api, RequestContext& context, Responder responder) {
  if (auto refusal = RefuseOtherThanJson(context.request))
    return responder.Send(*std::move(refusal));
  auto name = TypeOf(context);
  if (!name.ok()) return responder.Send(ProblemResponse(name.status()));
  TypePolicyPatch patch;
  const Status read = ParseJson(&context.request.body, "the request body", [&](JsonValue value) {
    return ReadTypePolicyPatch(value, &patch);
  });
  if (!read.ok()) return responder.Send(ProblemResponse(read));
  api.node->Do(treadle::SetTypePolicy{*std::move(name), std::move(patch)},
               Answering(std::move(responder), OneType));
}

void DeleteType(const Api& api, RequestContext& context, Responder responder) {
  auto name = TypeOf(context);
  if (!name.ok()) return responder.Send(ProblemResponse(name.status()));
  api.node->Do(treadle::DeleteType{*std::move(name)},
               [book = api.contracts,
                answer = Answering(std::move(responder), OneType)](Result<TypeView> view) {
                 if (view.ok()) book->Put(view->name, {});
                 answer(std::move(view));
               });
}

}  // namespace treadle::api
