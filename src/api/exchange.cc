// The exchange: what workers call, over and over. A parked one holds no thread, only its responder.

#include <atomic>

#include "api/blob.h"
#include "api/exchange_in.h"
#include "api/handlers.h"
#include "api/text_in.h"

namespace treadle::api {
namespace {

void WriteLease(const Leased& lease, JsonOut* out) {
  out->Open('{').Key("token").PlainText(lease.token.ToString());
  out->Key("id").PlainText(lease.token.task.ToString());
  out->Key("queue").PlainText(lease.queue);
  out->Key("type").PlainText(lease.type);
  out->Key("attempt").Number(lease.attempt);
  out->Key("max_attempts").Number(lease.max_attempts);
  out->Key("lease_ms").Number(lease.lease_ms);
  out->Key("timeout_ms").Number(lease.timeout_ms);
  if (lease.deadline_at.ms != 0) out->Key("deadline_at").Time(lease.deadline_at);
  out->Key("enqueued_at").Time(lease.enqueued_at);
  out->Key("content_type").Text(ContentTypeOf(lease.body->content_type));
  out->Key("payload_sha256").PlainText(ToHex(lease.body->payload_sha256.view()));
  WriteBlob("payload", lease.body->payload, lease.body->content_type, out);
  out->Close('}');
}

void WriteReport(const std::pair<Token, Status>& report, JsonOut* out) {
  out->Open('{').Key("token").PlainText(report.first.ToString());
  out->Key("code").PlainText(CodeName(report.second.code()));
  if (!report.second.ok()) out->Key("detail").Text(report.second.message());
  out->Close('}');
}

size_t SizeOf(const ExchangeReply& reply) {
  size_t size = 64 + 64 * reply.reports.size() + 32 * (reply.lost.size() + reply.cancelled.size());
  for (const Leased& lease : reply.leases) size += 400 + lease.body->payload.size();
  return size;
}

http::Response Answer(const ExchangeReply& reply) {
  std::string body;
  body.reserve(SizeOf(reply));
  JsonOut out(&body);
  out.Open('{').Key("leases").Open('[');
  for (const Leased& lease : reply.leases) WriteLease(lease, &out);
  out.Close(']').Key("reports").Open('[');
  for (const auto& report : reply.reports) WriteReport(report, &out);
  out.Close(']').Key("lost").Open('[');
  for (const Token& token : reply.lost) out.PlainText(token.ToString());
  out.Close(']').Key("cancelled").Open('[');
  for (const Token& token : reply.cancelled) out.PlainText(token.ToString());
  out.Close(']').Close('}');
  return JsonResponse(200, std::move(body));
}

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
    http::Response answer = Answer(*reply);
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
