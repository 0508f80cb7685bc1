#include "api/exchange_in.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "api/attempt_in.h"
#include "api/blob.h"
#include "api/text_in.h"
#include "base/utf8.h"
#include "json/loose.h"
#include "json/reader.h"
#include "model/limits.h"
#include "model/range.h"

namespace treadle::api {
namespace {

constexpr std::string_view kReport = "the report";
constexpr std::string_view kNoJson = "the report is not valid JSON";
constexpr std::string_view kHalfACharacter =
    "a string of the report has half of a surrogate pair; write U+FFFD for what is no character";
constexpr size_t kShownBytes = 128;  // of what should be a token and is none

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
Result<Report::Kind> CheckReport(const ReportIn& in, const JsonPath& path) {
  using enum Report::Kind;
  if (in.token == Token{}) return WrongField(path, "token", "is missing");
  const auto* outcome =
      std::ranges::find(kOutcomes, in.outcome, [](const auto& each) { return each.first; });
  if (outcome == std::end(kOutcomes))
    return WrongField(path, "outcome", "must be completed, failed, released, snoozed or discarded");
  const Report::Kind kind = outcome->second;
  if (in.has_result && kind != kCompleted)
    return WrongField(path, "result", "is only for the outcome completed");
  if ((kind == kFailed || kind == kDiscarded) && !in.error)
    return WrongField(path, "error", "is missing: with the outcome " + in.outcome + ", say why");
  if (in.error && kind != kFailed && kind != kDiscarded)
    return WrongField(path, "error", "is only for the outcomes failed and discarded");
  if (in.retry && kind != kFailed)
    return WrongField(path, "retry", "is only for the outcome failed");
  if (kind == kSnoozed && !in.delay_ms)
    return WrongField(path, "delay_ms", "is missing: the outcome snoozed needs a duration");
  if (in.delay_ms && kind != kSnoozed && kind != kFailed)
    return WrongField(path, "delay_ms", "is only for the outcomes failed and snoozed");
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

// Stands for a report that cannot be taken. Without it the task would stay running for as long as
// its worker renews the lease.
Report FailureOf(const Token& token, std::string_view code, const Status& why, bool retry) {
  TaskError error{std::string(code),
                  std::string(Utf8Head(why.message(), limits::kErrorMessageBytes))};
  return {.token = token,
          .kind = Report::Kind::kFailed,
          .result = nullptr,
          .error = std::make_shared<const TaskError>(std::move(error)),
          .retry = retry};
}

// Another attempt would bring the same result.
Report BadResult(const Token& token, const Status& why) {
  return FailureOf(token, "result_invalid", why, /*retry=*/false);
}

Status ReadReport(JsonValue value, size_t index, ExchangeIn* out) {
  ReportIn in;
  const JsonPath& path = value.path();
  TREADLE_RETURN_IF_ERROR(ReadObject(value, kReportFields, &in));
  TREADLE_ASSIGN_OR_RETURN(const Report::Kind kind, CheckReport(in, path));
  Report report{.token = in.token, .kind = kind, .result = nullptr, .error = nullptr};
  if (kind == Report::Kind::kCompleted) {
    auto result = MakeResult(std::move(in.result), {});  // its answer concerns only this report
    if (!result.ok()) {
      out->bad.push_back({index, result.status()});
      out->request.reports.push_back(BadResult(in.token, result.status()));
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

Status ReadReports(JsonValue value, ExchangeIn* in) {
  return value.Each(limits::kExchangeLeases,
                    [in](size_t index, JsonValue each) { return ReadReport(each, index, in); });
}

Status ReadRenew(JsonValue value, ExchangeIn* in) {
  return value.Each(limits::kExchangeLeases, [in](size_t, JsonValue each) {
    return ReadToken(each, &in->request.renew.emplace_back());
  });
}

// They are read apart.
Status PassReports(JsonValue, ExchangeIn*) { return {}; }

Status ReadRenewLoosely(JsonValue value, ExchangeIn* in) {
  return value.Each(limits::kExchangeLeases, [in](size_t, JsonValue each) {
    TREADLE_ASSIGN_OR_RETURN(const std::string_view text, each.Text());
    if (const auto token = Token::Parse(text))
      in->request.renew.push_back(*token);
    else
      in->unknown_leases.emplace_back(Utf8Head(text, kShownBytes));
    return Status::Ok();
  });
}

template <Status (*read_renew)(JsonValue, ExchangeIn*),
          Status (*read_reports)(JsonValue, ExchangeIn*)>
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
    {"renew", read_renew},
    {"reports", read_reports},
    {"goodbye",
     [](JsonValue v, ExchangeIn* in) {
       TREADLE_ASSIGN_OR_RETURN(in->request.goodbye, v.Flag());
       return Status::Ok();
     }},
    {"reason", [](JsonValue v, ExchangeIn* in) { return ReadText(v, &in->request.reason); }},
};

// A report that cannot be read has a token all the same, perhaps.
void TakeForBad(std::string_view raw, size_t place, const Status& why, ExchangeIn* out) {
  const std::optional<std::string> text = FindText(raw, "token");
  const std::optional<Token> token = text ? Token::Parse(*text) : std::nullopt;
  BadReport bad{.place = place, .why = why};
  if (!token) bad.no_token = Utf8Head(text.value_or(""), kShownBytes);
  out->request.reports.push_back(token ? FailureOf(*token, "report_invalid", why, /*retry=*/true)
                                       : Report{.kind = Report::Kind::kReleased});
  out->bad.push_back(std::move(bad));
}

// What follows the grammar and still could not be read has an escape that is half a character.
Status WhyUnreadable(std::string_view raw, const Status& status) {
  if (!status.message().starts_with(kNoJson)) return status;
  const Status grammar = CheckJson(raw, kReport);
  return grammar.ok() ? Status(Code::kInvalidArgument, std::string(kHalfACharacter)) : grammar;
}

Status ReadAlone(std::string raw, size_t place, ExchangeIn* out) {
  ExchangeIn one;
  const Status status =
      ParseJson(&raw, kReport, [&](JsonValue value) { return ReadReport(value, place, &one); });
  if (!status.ok()) {
    const Status why = WhyUnreadable(raw, status);
    if (why.message().starts_with(kNoJson)) return why;
    TakeForBad(raw, place, why, out);
    return {};
  }
  out->request.reports.push_back(std::move(one.request.reports.front()));
  if (!one.bad.empty()) out->bad.push_back(std::move(one.bad.front()));
  return {};
}

// Once more, when something was wrong: what is wrong with a report, or with a token to be renewed,
// must not cost the others.
Status ReadLoosely(std::string* body, ExchangeIn* in) {
  TREADLE_RETURN_IF_ERROR(ParseJson(body, "the request body", [&](JsonValue value) {
    return ReadObject(value, kExchangeFields<ReadRenewLoosely, PassReports>, in);
  }));
  TREADLE_ASSIGN_OR_RETURN(std::vector<std::string> reports,
                           RawItems(*body, "reports", limits::kExchangeLeases));
  for (size_t i = 0; i < reports.size(); ++i)
    TREADLE_RETURN_IF_ERROR(ReadAlone(std::move(reports[i]), i, in));
  if (!in->unknown_leases.empty()) in->request.wait_ms = 0;
  return {};
}

}  // namespace

Result<ExchangeIn> ReadExchange(std::string* body) {
  ExchangeIn in;
  const Status strictly = ParseJson(body, "the request body", [&](JsonValue value) {
    return ReadObject(value, kExchangeFields<ReadRenew, ReadReports>, &in);
  });
  if (!strictly.ok()) {
    in = {};
    const Status loosely = ReadLoosely(body, &in);
    if (!loosely.ok()) return loosely.message().starts_with(kNoJson) ? strictly : loosely;
  }
  if (in.request.holder.incarnation == 0)
    return Status(Code::kInvalidArgument, "incarnation is missing");
  if (in.request.sequence == 0) return Status(Code::kInvalidArgument, "sequence is missing");
  TREADLE_RETURN_IF_ERROR(Validate(in.request));
  return in;
}

void RefuseReports(ExchangeIn* in, const std::vector<Status>& statuses) {
  for (size_t i = 0; i < statuses.size(); ++i) {
    if (statuses[i].ok()) continue;
    Report& report = in->request.reports[i];
    std::optional<LogText> log = std::move(report.log);
    report = BadResult(report.token, statuses[i]);
    report.log = std::move(log);
    in->bad.push_back({i, statuses[i]});
  }
  std::ranges::sort(in->bad, {}, &BadReport::place);
}

// A lease that is lost is the greater news.
void MergeRefused(const ExchangeIn& in, ExchangeReply* reply) {
  for (const BadReport& bad : in.bad) {
    Status& status = reply->reports[bad.place].status;
    if (status.ok() || bad.no_token) status = bad.why;
  }
}

}  // namespace treadle::api
