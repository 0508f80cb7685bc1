// The contracts of a task type: registered by people, by deployments and by workers that start.

#include <charconv>
#include <future>

#include "api/contract_in.h"
#include "api/handlers.h"
#include "api/text_in.h"
#include "api/type_out.h"
#include "engine/commands/types.h"
#include "model/validate.h"

namespace treadle::api {
namespace {

using http::ProblemResponse;
using http::RequestContext;
using http::Responder;

struct ContractPath {
  std::string type;
  uint32_t version = 0;
};

Result<ContractPath> PathOf(const RequestContext& context) {
  TREADLE_RETURN_IF_ERROR(ReadQuery(context.request, {}).status());
  ContractPath path{.type = context.PathParameter("type")};
  TREADLE_RETURN_IF_ERROR(ValidateName("type", path.type));
  const std::string& text = context.PathParameter("version");
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), path.version);
  if (error == std::errc() && end == text.data() + text.size() && path.version != 0) return path;
  return Status(Code::kInvalidArgument, "version must be a whole number from 1 to 4294967295");
}

// What the shard has taken over holds at the border from here on.
auto TakeOver(std::shared_ptr<ContractBook> book, Responder responder,
              std::shared_ptr<const CompiledContract> compiled = nullptr) {
  return [book = std::move(book), compiled = std::move(compiled),
          answer = Answering(std::move(responder), OneType)](Result<TypeView> view) {
    if (view.ok()) book->Put(view->name, view->policy.contracts, compiled);
    answer(std::move(view));
  };
}

}  // namespace

void FillContracts(Node* node, ContractBook* book) {
  std::promise<void> filled;
  node->Do(treadle::ListTypes{}, [&](const Result<ListPart<TypeView>>& types) {
    for (const TypeView& type : types->views)
      if (!type.policy.contracts.empty()) book->Put(type.name, type.policy.contracts);
    filled.set_value();
  });
  filled.get_future().wait();
}

void PutContract(const Api& api, RequestContext& context, Responder responder) {
  if (auto refusal = RefuseOtherThanJson(context.request))
    return responder.Send(*std::move(refusal));
  auto path = PathOf(context);
  if (!path.ok()) return responder.Send(ProblemResponse(path.status()));
  const auto contract = ReadContract(&context.request.body, path->version);
  if (!contract.ok()) return responder.Send(ProblemResponse(contract.status()));
  CheckOn(api.info.checks,
          [node = api.node, book = api.contracts, type = path->type, contract = *contract,
           to = Shared(std::move(responder))](const Status& turn) {
            if (!turn.ok()) return to->Send(ProblemResponse(turn));
            const auto compiled = CompiledContract::Compile(contract);
            if (!compiled.ok()) return to->Send(ProblemResponse(compiled.status()));
            node->Do(treadle::SetTypePolicy{type, {.contract = contract}},
                     TakeOver(book, std::move(*to), *compiled));
          });
}

void DeleteContract(const Api& api, RequestContext& context, Responder responder) {
  auto path = PathOf(context);
  if (const Status status = CheckNoFields(&context); path.ok() && !status.ok()) path = status;
  if (!path.ok()) return responder.Send(ProblemResponse(path.status()));
  api.node->Do(treadle::SetTypePolicy{path->type, {.dropped_contract = path->version}},
               TakeOver(api.contracts, std::move(responder)));
}

}  // namespace treadle::api
