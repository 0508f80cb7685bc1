// The exchange: what workers call, over and over. A parked one holds no thread, only its responder.

#include <atomic>

#include "api/contract_in.h"
#include "api/exchange_in.h"
#include "api/exchange_out.h"
#include "api/handlers.h"
#include "api/text_in.h"

namespace treadle::api {
namespace {

/// One exchange from its arrival to its answer. Shared by callbacks of the node (shard's executor)
/// and of the connection (a thread of the server).
struct Call : std::enable_shared_from_this<Call> {
  Call(Node* n, http::Responder to) : node(n), responder(std::move(to)) {}

  Node* const node;
  http::Responder responder;
  ExchangeIn in;  // less its request, once that is on its way
  LeaseHolder holder;
  std::shared_ptr<const ContractPage> contracts;  // of its arrival
  std::atomic<uint64_t> ticket{0};
  std::atomic<bool> gone{false};

  void OnGone() {
    gone = true;
    if (const uint64_t t = ticket) node->Abandon(t);
  }
  /// The connection may have ended before the ticket was there.
  void OnTicket(uint64_t t) {
    ticket = t;
    if (gone) node->Abandon(t);
  }
  void Finish(Result<ExchangeReply> result) {
    if (!result.ok()) return responder.Send(http::ProblemResponse(result.status()));
    // Tokens, payloads and errors of up to a thousand tasks: the shard does not wait for them.
    auto reply = std::make_shared<ExchangeReply>(*std::move(result));
    responder.Run([self = shared_from_this(), reply] { self->Send(reply); });
  }
  void Send(const std::shared_ptr<ExchangeReply>& reply) {
    MergeRefused(in, reply.get());
    http::Response answer = JsonResponse(200, WriteExchange(*reply, &in));
    answer.can_be_had_again = true;  // its leases return unspent, and are given again
    if (reply->leases.empty()) return responder.Send(std::move(answer));
    responder.Send(std::move(answer), [reply, n = node, who = std::move(holder)](bool written) {
      if (!written) n->Undelivered(who, std::move(*reply));
    });
  }
};

void Go(const std::shared_ptr<Call>& call) {
  call->OnTicket(call->node->Exchange(
      std::move(call->in.request),
      [call](Result<ExchangeReply> reply) { call->Finish(std::move(reply)); }));
}

// What a report is about, the shard knows; its result is checked where nobody waits for that.
void CheckThenGo(const Api& api, const std::shared_ptr<Call>& call, std::vector<TaskId> tasks) {
  call->node->Do(FindContracts{std::move(tasks)}, [call, checks = api.info.checks](
                                                      Result<FindContracts::Reply> names) {
    const auto bytes = BytesToCheck(*call->contracts, *names, call->in);
    if (!bytes) return Go(call);
    CheckOn(checks, [call, bytes = *bytes, names = *std::move(names)](const Status& turn) {
      // Nothing of the exchange is taken then: the worker repeats it, and no attempt fails for it.
      if (!turn.ok()) return call->responder.Send(http::ProblemResponse(turn));
      const CheckBudget budget = CheckBudget::For(bytes);
      RefuseResults(*call->contracts, names, &call->in, &budget);
      Go(call);
    });
  });
}

}  // namespace

void Exchange(const Api& api, http::RequestContext& context, http::Responder responder) {
  if (auto refusal = RefuseOtherThanJson(context.request))
    return responder.Send(*std::move(refusal));
  const auto query = ReadQuery(context.request, {});
  if (!query.ok()) return responder.Send(http::ProblemResponse(query.status()));
  auto in = ReadExchange(&context.request.body);
  if (!in.ok()) return responder.Send(http::ProblemResponse(in.status()));
  const auto call = std::make_shared<Call>(api.node, std::move(responder));
  call->in = *std::move(in);
  call->holder = call->in.request.holder;
  call->contracts = api.contracts->Page();
  call->responder.OnDisconnect([call] { call->OnGone(); });
  std::vector<TaskId> tasks = ResultsToCheck(call->contracts.get(), call->in);
  tasks.empty() ? Go(call) : CheckThenGo(api, call, std::move(tasks));
}

}  // namespace treadle::api
