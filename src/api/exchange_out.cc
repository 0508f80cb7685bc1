#include "api/exchange_out.h"

#include "api/blob.h"
#include "api/task_out.h"
#include "json/writer.h"

namespace treadle::api {
namespace {

void WriteLease(const Leased& lease, JsonWriter* out) {
  out->Open('{').Key("token").PlainText(lease.token.Text().view());
  out->Key("id").PlainText(lease.token.task.Text().view());
  out->Key("queue").PlainText(lease.queue);
  out->Key("type").PlainText(lease.type);
  out->Key("attempt").Number(lease.attempt);
  out->Key("max_attempts").Number(lease.max_attempts);
  out->Key("lease_ms").Number(lease.lease_ms);
  if (lease.timeout_ms) out->Key("timeout_ms").Number(*lease.timeout_ms);
  if (lease.contract != 0) out->Key("contract_version").Number(lease.contract);
  if (lease.deadline_at) out->Key("deadline_at").Time(*lease.deadline_at);
  out->Key("enqueued_at").Time(lease.enqueued_at);
  out->Key("content_type").Text(ContentTypeOf(lease.body->content_type));
  out->Key("payload_sha256").Digest(lease.body->payload_sha256);
  if (lease.sensitive) out->Key("sensitive").Flag(true);
  if (const Traceparent& traceparent = lease.body->traceparent; !traceparent.empty())
    out->Key("traceparent").PlainText(traceparent.Text().view());
  WriteBlob("payload", lease.body->payload, lease.body->content_type, out);
  if (lease.saved) WriteSaved(*lease.saved, false, out);
  out->Close('}');
}

void WriteReport(const ReportReply& report, const BadReport* bad, JsonWriter* out) {
  out->Open('{').Key("token");
  if (bad != nullptr && bad->no_token)
    out->Text(*bad->no_token);
  else
    out->PlainText(report.token.Text().view());
  out->Key("code").PlainText(CodeName(report.status.code()));
  if (!report.status.ok()) out->Key("detail").Text(report.status.message());
  if (report.state) out->Key("state").PlainText(*TaskStateName(*report.state));
  if (report.retry_in_ms) out->Key("retry_in_ms").Number(*report.retry_in_ms);
  out->Close('}');
}

void WriteReports(const ExchangeReply& reply, const ExchangeIn* in, JsonWriter* out) {
  size_t next_bad = 0;
  for (size_t i = 0; i < reply.reports.size(); ++i) {
    const bool is_bad = in != nullptr && next_bad < in->bad.size() && in->bad[next_bad].place == i;
    WriteReport(reply.reports[i], is_bad ? &in->bad[next_bad++] : nullptr, out);
  }
}

size_t SizeOf(const ExchangeReply& reply) {
  size_t size = 64 + 64 * reply.reports.size() + 32 * (reply.lost.size() + reply.cancelled.size());
  for (const Leased& lease : reply.leases)
    size += 400 + lease.body->payload.size() + (lease.saved ? lease.saved->bytes() * 2 : 0);
  return size;
}

}  // namespace

std::string WriteExchange(const ExchangeReply& reply, const ExchangeIn* in) {
  std::string body;
  body.reserve(SizeOf(reply));
  JsonWriter out(&body);
  out.Open('{').Key("leases").Open('[');
  for (const Leased& lease : reply.leases) WriteLease(lease, &out);
  out.Close(']').Key("reports").Open('[');
  WriteReports(reply, in, &out);
  out.Close(']').Key("lost").Open('[');
  for (const Token& token : reply.lost) out.PlainText(token.Text().view());
  if (in != nullptr)
    for (const std::string& text : in->unknown_leases) out.Text(text);
  out.Close(']').Key("cancelled").Open('[');
  for (const Token& token : reply.cancelled) out.PlainText(token.Text().view());
  out.Close(']').Close('}');
  return body;
}

}  // namespace treadle::api
