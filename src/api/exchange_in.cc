#include "api/exchange_in.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "api/attempt_in.h"
#include "api/blob.h"
#include "api/json_in.h"
#include "base/utf8.h"
#include "model/limits.h"
#include "model/range.h"

namespace treadle::api {
namespace {

struct ReportIn {
  Token token;
  std::string outcome;
  BlobIn result;
  bool has_result = false;
  std::optional<TaskError> error;
  std::optional<bool> retry;
  std::optional<int64_t> delay_ms;
  std::optional<LogText> log;
};

Status ReadToken(JsonValue value, Token* out) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, value.Text());
  const auto token = Token::Parse(text);
  if (!token) return value.Wrong("must be the token of a lease, such as \"1-42.1.1\"");
  *out = *token;
  return {};
}

constexpr JsonField<TaskError> kErrorFields[] = {
    {"code",
     [](JsonValue v, TaskError* error) {
       return ReadPrintable(v, 1, limits::kErrorCodeBytes, &error->code);
     }},
    {"message",
     [](JsonValue v, TaskError* error) {
       TREADLE_RETURN_IF_ERROR(ReadText(v, &error->message));
       // The end, where errors say what matters.
       error->message = Utf8Tail(error->message, limits::kErrorMessageBytes);
       return Status::Ok();
     }},
};

Status ReadError(JsonValue value, ReportIn* in) {
  in->error.emplace();
  const JsonPath& path = value.path();
  TREADLE_RETURN_IF_ERROR(ReadObject(value, kErrorFields, &*in->error));
  return in->error->code.empty() ? WrongField(path, "code", "is missing") : Status();
}

template <Status (*read)(JsonValue, BlobIn*)>
Status OfResult(JsonValue value, ReportIn* in) {
  in->has_result = true;
  return read(value, &in->result);
}

constexpr JsonField<ReportIn> kReportFields[] = {
    {"token", [](JsonValue v, ReportIn* in) { return ReadToken(v, &in->token); }},
    {"outcome", [](JsonValue v, ReportIn* in) { return ReadText(v, &in->outcome); }},
    {"result", OfResult<ReadBlobJson>},
    {"result_base64", OfResult<ReadBlobBase64>},
    {"content_type", OfResult<ReadBlobType>},
    {"result_sha256", OfResult<ReadBlobSha256>},
    {"error", ReadError},
    {"retry",
     [](JsonValue v, ReportIn* in) {
       TREADLE_ASSIGN_OR_RETURN(in->retry, v.Flag());
       return Status::Ok();
     }},
    {"delay_ms",
     [](JsonValue v, ReportIn* in) {
       return ReadWhole(v, 0, kTenYearsMs, &in->delay_ms.emplace());
     }},
    {"log", [](JsonValue v, ReportIn* in) { return ReadLogText(v, &in->log); }},
};

constexpr std::pair<std::string_view, Report::Kind> kOutcomes[] = {
    {"completed", Report::Kind::kCompleted}, {"failed", Report::Kind::kFailed},
    {"released", Report::Kind::kReleased},   {"snoozed", Report::Kind::kSnoozed},
    {"discarded", Report::Kind::kDiscarded},
};

// Which fields an outcome needs and allows.
Result<Report::Kind> CheckShape(const ReportIn& in, const JsonPath& path) {
  using enum Report::Kind;
  if (in.token == Token{}) return WrongField(path, "token", "is missing");
  const auto* outcome =
      std::ranges::find(kOutcomes, in.outcome, [](const auto& each) { return each.first; });
  if (outcome == std::end(kOutcomes))
    return WrongField(path, "outcome", "must be completed, failed, released, snoozed or discarded");
  const Report::Kind kind = outcome->second;
  if (in.has_result && kind != kCompleted)
    return WrongField(path, "result", "goes with the outcome completed alone");
  if ((kind == kFailed || kind == kDiscarded) && !in.error)
    return WrongField(path, "error", "is missing: with the outcome " + in.outcome + ", say why");
  if (in.error && kind != kFailed && kind != kDiscarded)
    return WrongField(path, "error", "goes with the outcomes failed and discarded alone");
  if (in.retry && kind != kFailed)
    return WrongField(path, "retry", "goes with the outcome failed alone");
  if (kind == kSnoozed && !in.delay_ms)
    return WrongField(path, "delay_ms", "is missing: for how long?");
  if (in.delay_ms && kind != kSnoozed && kind != kFailed)
    return WrongField(path, "delay_ms", "goes with the outcomes failed and snoozed alone");
  return kind;
}

Result<std::shared_ptr<const TaskResult>> MakeResult(BlobIn in, const JsonPath& path) {
  TREADLE_ASSIGN_OR_RETURN(Blob blob, Finish(std::move(in), "result", path));
  if (blob.bytes.size() > limits::kPayloadBytes)
    return WrongField(path, "result",
                      "must have at most " + std::to_string(limits::kPayloadBytes) + " bytes");
  TREADLE_RETURN_IF_ERROR(CheckContentType(blob, path));
  auto result = std::make_shared<TaskResult>();
  result->bytes = std::move(blob.bytes);
  result->content_type = std::move(blob.content_type);
  result->sha256 = blob.sha256;
  return std::shared_ptr<const TaskResult>(std::move(result));
}

Status ReadReport(JsonValue value, size_t index, ExchangeIn* out) {
  ReportIn in;
  const JsonPath& path = value.path();
  TREADLE_RETURN_IF_ERROR(ReadObject(value, kReportFields, &in));
  TREADLE_ASSIGN_OR_RETURN(const Report::Kind kind, CheckShape(in, path));
  Report report{.token = in.token, .kind = kind, .result = nullptr, .error = nullptr};
  if (kind == Report::Kind::kCompleted) {
    auto result = MakeResult(std::move(in.result), path);
    if (!result.ok()) {
      out->refused.push_back({index, {in.token, result.status()}});
      return {};
    }
    report.result = *std::move(result);
  }
  if (in.error) report.error = std::make_shared<const TaskError>(*std::move(in.error));
  report.retry = in.retry.value_or(true);
  report.delay_ms = in.delay_ms;
  report.log = std::move(in.log);
  out->request.reports.push_back(std::move(report));
  return {};
}

Status ReadIncarnation(JsonValue value, uint64_t* out) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, value.Text());
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), *out, 16);
  if (text.size() == 16 && error == std::errc() && stop == text.data() + 16 && *out != 0) return {};
  return value.Wrong("must be 16 hexadecimal digits, not all zero");
}

constexpr JsonField<ExchangeIn> kExchangeFields[] = {
    {"worker", [](JsonValue v, ExchangeIn* in) { return ReadText(v, &in->request.holder.worker); }},
    {"incarnation",
     [](JsonValue v, ExchangeIn* in) {
       return ReadIncarnation(v, &in->request.holder.incarnation);
     }},
    {"build",
     [](JsonValue v, ExchangeIn* in) {
       return ReadPrintable(v, 0, limits::kBuildBytes, &in->request.holder.build);
     }},
    {"sequence", [](JsonValue v,
                    ExchangeIn* in) { return ReadWhole(v, 1, UINT32_MAX, &in->request.sequence); }},
    {"answered",
     [](JsonValue v, ExchangeIn* in) {
       return ReadWhole(v, 0, UINT32_MAX, &in->request.answered.emplace());
     }},
    {"queues",
     [](JsonValue v, ExchangeIn* in) {
       return ReadTexts(v, limits::kExchangeQueues, &in->request.queues);
     }},
    {"types",
     [](JsonValue v, ExchangeIn* in) {
       return ReadTexts(v, limits::kExchangeQueues, &in->request.types);
     }},
    {"want",
     [](JsonValue v, ExchangeIn* in) {
       return ReadWhole(v, 0, limits::kExchangeLeases, &in->request.want);
     }},
    {"wait_ms",
     [](JsonValue v, ExchangeIn* in) {
       return ReadWhole(v, 0, limits::kLongPollMs, &in->request.wait_ms);
     }},
    {"renew",
     [](JsonValue v, ExchangeIn* in) {
       return v.Each(limits::kExchangeLeases, [in](size_t, JsonValue each) {
         return ReadToken(each, &in->request.renew.emplace_back());
       });
     }},
    {"reports",
     [](JsonValue v, ExchangeIn* in) {
       return v.Each(limits::kExchangeLeases,
                     [in](size_t index, JsonValue each) { return ReadReport(each, index, in); });
     }},
};

}  // namespace

Result<ExchangeIn> ReadExchange(std::string* body) {
  ExchangeIn in;
  TREADLE_RETURN_IF_ERROR(ParseJson(body, "the request body", [&](JsonValue value) {
    return ReadObject(value, kExchangeFields, &in);
  }));
  if (in.request.holder.incarnation == 0)
    return Status(Code::kInvalidArgument, "incarnation is missing");
  if (in.request.sequence == 0) return Status(Code::kInvalidArgument, "sequence is missing");
  TREADLE_RETURN_IF_ERROR(Validate(in.request));
  if (!in.refused.empty()) in.request.wait_ms = 0;
  return in;
}

void RefuseReports(ExchangeIn* in, const std::vector<Status>& statuses) {
  std::vector<Report> reports = std::exchange(in->request.reports, {});
  auto before = std::exchange(in->refused, {});
  auto old = before.begin();
  size_t place = 0;
  const auto keep_refused = [&] {
    for (; old != before.end() && old->first == place; ++old, ++place)
      in->refused.push_back(std::move(*old));
  };
  for (size_t i = 0; i < reports.size(); ++i, ++place) {
    keep_refused();
    if (statuses[i].ok())
      in->request.reports.push_back(std::move(reports[i]));
    else
      in->refused.push_back({place, {reports[i].token, statuses[i]}});
  }
  keep_refused();
  if (!in->refused.empty()) in->request.wait_ms = 0;
}

void MergeRefused(ExchangeIn* in, ExchangeReply* reply) {
  for (auto& [index, answer] : in->refused) {
    const size_t place = std::min(index, reply->reports.size());
    reply->reports.insert(reply->reports.begin() + static_cast<ptrdiff_t>(place),
                          std::move(answer));
  }
}

}  // namespace treadle::api
