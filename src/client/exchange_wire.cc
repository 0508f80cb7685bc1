// The workers' part of wire.h.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/hash.h"
#include "client/answers.h"
#include "client/blob_writer.h"
#include "client/json_reader.h"
#include "client/wire.h"
#include "json/writer.h"

namespace treadle::wire {
namespace {

using simdjson::ondemand::array;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

void WriteStrings(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  json.Key(key).Open('[');
  for (const std::string& text : texts) json.Text(text);
  json.Close(']');
}

Status Lacks(const std::string& field) {
  return {Code::kInternal, "cannot read the server's answer: " + field + " is missing"};
}

// The fields `name` with the JSON itself, or `name`_base64, and content_type, of an object.
Bytes ReadBlob(object source, std::string_view name, std::string* step, bool* damaged) {
  Bytes blob{.data = "null", .content_type = std::string(kJson)};
  const std::string base64_name = std::string(name) + "_base64";
  for (auto field : source) {
    const std::string_view key = field.unescaped_key();
    if (key == "name" && step != nullptr) {
      *step = ReadString(field.value());
    } else if (key == "content_type") {
      blob.content_type = ReadString(field.value());
    } else if (key == name) {
      blob.data = RawJson(field.value());
    } else if (key == base64_name) {
      auto bytes = FromBase64(std::string_view(field.value().get_string()));
      *damaged = *damaged || !bytes.has_value();
      if (bytes) blob.data = *std::move(bytes);
    }
  }
  return blob;
}

void ReadSteps(array source, Lease* lease) {
  for (auto step : source) {
    std::string name;
    Bytes result = ReadBlob(step.get_object(), "result", &name, &lease->damaged);
    lease->steps[std::move(name)] = std::move(result);
  }
}

void ReadLeaseField(std::string_view key, value field, Lease* lease, std::string* sha256) {
  if (key == "token") {
    lease->token = ReadString(field);
  } else if (key == "id") {
    lease->id = ReadString(field);
  } else if (key == "queue") {
    lease->queue = ReadString(field);
  } else if (key == "type") {
    lease->type = ReadString(field);
  } else if (key == "attempt") {
    lease->attempt = field.get_int64();
  } else if (key == "max_attempts") {
    lease->max_attempts = field.get_int64();
  } else if (key == "lease_ms") {
    lease->lease_ms = field.get_int64();
  } else if (key == "timeout_ms") {
    lease->timeout_ms = field.get_int64();
  } else if (key == "enqueued_at") {
    lease->enqueued_at_ms = ParseWallTimeMs(field.get_string());
  } else if (key == "deadline_at") {
    lease->deadline_at_ms = ParseWallTimeMs(field.get_string());
  } else if (key == "content_type") {
    lease->content_type = ReadString(field);
  } else if (key == "payload_sha256") {
    *sha256 = ReadString(field);
  } else if (key == "payload") {
    lease->payload = RawJson(field);
  } else if (key == "payload_base64") {
    auto bytes = FromBase64(std::string_view(field.get_string()));
    lease->damaged = !bytes.has_value();
    if (bytes) lease->payload = *std::move(bytes);
  } else if (key == "contract_version") {
    lease->contract_version = field.get_int64();
  } else if (key == "sensitive") {
    lease->sensitive = field.get_bool();
  } else if (key == "traceparent") {
    lease->traceparent = ReadString(field);
  } else if (key == "steps") {
    ReadSteps(field.get_array(), lease);
  } else if (key == "checkpoint") {
    lease->checkpoint = ReadBlob(field.get_object(), "data", nullptr, &lease->damaged);
  }
}

Lease ReadLease(object source) {
  Lease lease;
  std::string sha256;
  for (auto field : source) ReadLeaseField(field.unescaped_key(), field.value(), &lease, &sha256);
  if (ToHex(Sha256Of(lease.payload).view()) != sha256) lease.damaged = true;
  return lease;
}

// What no lease can do without.
Status CheckLease(const Lease& lease, size_t place) {
  const std::pair<std::string_view, bool> needed[] = {{"token", !lease.token.empty()},
                                                      {"id", !lease.id.empty()},
                                                      {"type", !lease.type.empty()},
                                                      {"attempt", lease.attempt > 0}};
  for (const auto& [name, is_there] : needed)
    if (!is_there) return Lacks("leases[" + std::to_string(place) + "]." + std::string(name));
  return {};
}

ReportAnswer ReadReportAnswer(object source) {
  ReportAnswer answer;
  for (auto field : source) {
    const std::string_view key = field.unescaped_key();
    if (key == "token") {
      answer.token = ReadString(field.value());
    } else if (key == "code") {
      answer.code =
          CodeFromName(std::string_view(field.value().get_string())).value_or(Code::kUnknown);
    } else if (key == "detail") {
      answer.detail = ReadString(field.value());
    } else if (key == "state") {
      answer.state = ReadString(field.value());
    } else if (key == "retry_in_ms") {
      const int64_t ms = field.value().get_int64();
      if (ms >= 0) answer.retry_in_ms = ms;  // else it is no time: only a line for people lacks it
    }
  }
  return answer;
}

Status ReadAnswer(JsonDocument* document, ExchangeAnswer* answer) {
  bool has_leases = false;
  bool has_reports = false;
  bool has_lost = false;
  for (auto field : document->Root()) {
    const std::string_view key = field.unescaped_key();
    if (key == "leases") {
      has_leases = true;
      for (auto lease : field.value().get_array()) {
        answer->leases.push_back(ReadLease(lease.get_object()));
        TREADLE_RETURN_IF_ERROR(CheckLease(answer->leases.back(), answer->leases.size() - 1));
      }
    } else if (key == "reports") {
      has_reports = true;
      for (auto report : field.value().get_array())
        answer->reports.push_back(ReadReportAnswer(report.get_object()));
    } else if (key == "lost") {
      has_lost = true;
      for (auto token : field.value().get_array())
        answer->lost.push_back(ReadString(token.value()));
    } else if (key == "cancelled") {
      for (auto token : field.value().get_array())
        answer->cancelled.push_back(ReadString(token.value()));
    }
  }
  if (!has_leases || !has_reports || !has_lost)
    return Lacks(!has_leases ? "leases" : !has_reports ? "reports" : "lost");
  return Status::Ok();
}

JsonWriter BeginReport(std::string* out, std::string_view token, std::string_view outcome) {
  JsonWriter json(out);
  json.Open('{').Key("token").Text(token).Key("outcome").Text(outcome);
  return json;
}

void WriteError(JsonWriter& json, std::string_view code, std::string_view message) {
  json.Key("error").Open('{');
  json.Key("code").Text(code).Key("message").Text(message).Close('}');
}

void WriteLog(JsonWriter& json, const LogText& log) {
  json.Key("log").Open('{').Key("offset").Number(log.offset);
  json.Key("text").Text(log.text).Close('}');
}

// As JSON has it; what is no number from 0 to 1 becomes the nearest that is.
std::string Fraction(double number) {
  char digits[32];
  const double bounded = number >= 0 ? std::min(number, 1.0) : 0;
  return {digits, std::to_chars(digits, digits + sizeof digits, bounded).ptr};
}

}  // namespace

int64_t ParseWallTimeMs(std::string_view text) {
  if (text.size() != 24 || text.back() != 'Z') return 0;
  bool is_valid = true;
  const auto number = [&](size_t begin, size_t size) {
    int result = 0;
    const char* end = text.data() + begin + size;
    const auto [stop, error] = std::from_chars(text.data() + begin, end, result);
    is_valid = is_valid && error == std::errc() && stop == end;
    return result;
  };
  using std::chrono::sys_days;
  const auto date = std::chrono::year(number(0, 4)) / number(5, 2) / number(8, 2);
  const auto time = std::chrono::hours(number(11, 2)) + std::chrono::minutes(number(14, 2)) +
                    std::chrono::seconds(number(17, 2)) + std::chrono::milliseconds(number(20, 3));
  if (!is_valid || !date.ok()) return 0;
  return std::chrono::duration_cast<std::chrono::milliseconds>(sys_days(date).time_since_epoch() +
                                                               time)
      .count();
}

std::string EncodeExchange(const ExchangeRequest& request) {
  std::string out;
  size_t bytes = 1024 + 32 * request.renew.size();
  for (const std::string& report : request.reports) bytes += report.size() + 1;
  out.reserve(bytes);

  JsonWriter json(&out);
  json.Open('{').Key("worker").Text(request.worker);
  if (!request.build.empty()) json.Key("build").Text(request.build);
  json.Key("incarnation").Text(request.incarnation);
  json.Key("sequence").Number(static_cast<int64_t>(request.sequence));
  const uint64_t before = request.sequence - 1;
  if (const uint64_t answered = request.answered.value_or(before); answered != before)
    json.Key("answered").Number(static_cast<int64_t>(answered));
  WriteStrings(json, "queues", request.queues);
  WriteStrings(json, "types", request.types);
  json.Key("want")
      .Number(static_cast<int64_t>(request.want))
      .Key("wait_ms")
      .Number(request.wait_ms);
  WriteStrings(json, "renew", request.renew);
  json.Key("reports").Open('[');
  for (const std::string& report : request.reports) json.Raw(report);
  json.Close(']');
  if (request.goodbye) json.Key("goodbye").Flag(true);
  if (!request.reason.empty()) json.Key("reason").Text(request.reason);
  json.Close('}');
  return out;
}

Result<ExchangeAnswer> ParseExchangeAnswer(std::string body) {
  JsonDocument document(std::move(body));
  ExchangeAnswer answer;
  TREADLE_RETURN_IF_ERROR(Guarded([&] { return ReadAnswer(&document, &answer); }));
  return answer;
}

std::string EncodeCompleted(std::string_view token, std::string_view result,
                            std::string_view content_type) {
  std::string out;
  JsonWriter json = BeginReport(&out, token, "completed");
  const std::string_view sent = WriteBlob(json, "result", result, content_type);
  if (content_type != kJson || sent != "null")
    json.Key("result_sha256").Text(ToHex(Sha256Of(sent).view()));
  json.Close('}');
  return out;
}

std::string EncodeFailed(std::string_view token, std::string_view code, std::string_view message,
                         bool retry, std::optional<int64_t> delay_ms) {
  std::string out;
  JsonWriter json = BeginReport(&out, token, "failed");
  WriteError(json, code, message);
  json.Key("retry").Flag(retry);
  if (delay_ms) json.Key("delay_ms").Number(*delay_ms);
  json.Close('}');
  return out;
}

std::string EncodeSnoozed(std::string_view token, int64_t delay_ms) {
  std::string out;
  BeginReport(&out, token, "snoozed").Key("delay_ms").Number(delay_ms).Close('}');
  return out;
}

std::string EncodeDiscarded(std::string_view token, std::string_view code,
                            std::string_view message) {
  std::string out;
  JsonWriter json = BeginReport(&out, token, "discarded");
  WriteError(json, code, message);
  json.Close('}');
  return out;
}

std::string EncodeReleased(std::string_view token) {
  std::string out;
  BeginReport(&out, token, "released").Close('}');
  return out;
}

std::string WithLog(std::string report, const LogText& log) {
  report.pop_back();
  std::string added;
  JsonWriter json(&added);
  WriteLog(json, log);
  return report.append(1, ',').append(added).append(1, '}');
}

std::string EncodeUpdate(const AttemptUpdate& update) {
  std::string out;
  JsonWriter json(&out);
  json.Open('{');
  if (!update.steps.empty()) json.Key("steps").Open('[');
  for (const auto& [name, result] : update.steps) {
    json.Open('{').Key("name").Text(name);
    WriteBlob(json, "result", result.data, result.content_type);
    json.Close('}');
  }
  if (!update.steps.empty()) json.Close(']');
  if (update.checkpoint) {
    json.Key("checkpoint").Open('{');
    WriteBlob(json, "data", update.checkpoint->data, update.checkpoint->content_type);
    json.Close('}');
  }
  if (update.progress) {
    json.Key("progress").Open('{').Key("fraction").Raw(Fraction(update.progress->fraction));
    json.Key("message").Text(update.progress->message).Close('}');
  }
  if (update.log) WriteLog(json, *update.log);
  json.Close('}');
  return out;
}

Result<AttemptAnswer> SaveAttempt(ServerConnection& client, std::string_view token,
                                  const AttemptUpdate& update, int64_t timeout_ms) {
  const std::string target = "/v1/attempts/" + PercentEncode(token);
  TREADLE_ASSIGN_OR_RETURN(ServerAnswer answer,
                           client.Call("POST", target, EncodeUpdate(update), timeout_ms));
  TREADLE_RETURN_IF_ERROR(CheckAnswer(client, "POST /v1/attempts/", answer, kAttemptStandingShape));
  JsonDocument document(std::move(answer.body));
  AttemptAnswer said;
  TREADLE_RETURN_IF_ERROR(Guarded([&] {
    for (auto field : document.Root()) {
      const std::string_view key = field.unescaped_key();
      if (key == "log_bytes") said.log_bytes = field.value().get_int64();
      if (key == "cancel_requested") said.cancel_requested = field.value().get_bool();
    }
    return Status::Ok();
  }));
  return said;
}

}  // namespace treadle::wire
