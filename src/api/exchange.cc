// The exchange: what workers call, over and over. A parked one holds no thread, only its responder.

#include <atomic>

#include "api/exchange_in.h"
#include "api/exchange_out.h"
#include "api/handlers.h"
#include "api/text_in.h"

namespace treadle::api {
namespace {

/// One exchange from its arrival to its answer. Shared by the callbacks of the node (shard's lane)
/// and of the connection (a thread of the server).
struct Call {
  Call(Node* n, http::Responder to) : node(n), responder(std::move(to)) {}

  Node* const node;
  http::Responder responder;
  ExchangeIn in;
  LeaseHolder holder;
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
    auto reply = std::make_shared<ExchangeReply>(*std::move(result));
    MergeRefused(&in, reply.get());
    http::Response answer = JsonResponse(200, WriteExchange(*reply));
    if (reply->leases.empty()) return responder.Send(std::move(answer));
    responder.Send(std::move(answer), [reply, n = node, who = std::move(holder)](bool written) {
      if (!written) n->Undelivered(who, std::move(*reply));
    });
  }
};

}  // namespace

void Exchange(const Api& api, http::RequestContext& context, http::Responder responder) {
  if (auto refusal = RefuseOtherThanJson(context.request))
    return responder.Send(*std::move(refusal));
  const auto query = ReadQuery(context.request, {});
  if (!query.ok()) return responder.Send(http::ProblemResponse(query.status()));
  auto in = ReadExchange(&context.request.body);
  if (!in.ok()) return responder.Send(http::ProblemResponse(in.status()));
  const auto call = std::make_shared<Call>(api.node, std::move(responder));
  ExchangeRequest request = std::move(in->request);
  call->in.refused = std::move(in->refused);
  call->holder = request.holder;
  call->responder.OnDisconnect([call] { call->OnGone(); });
  call->OnTicket(api.node->Exchange(
      std::move(request), [call](Result<ExchangeReply> reply) { call->Finish(std::move(reply)); }));
}

}  // namespace treadle::api
