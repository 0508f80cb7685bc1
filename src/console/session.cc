#include "console/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/ids.h"
#include "base/time.h"
#include "client/server_address.h"
#include "client/token_file.h"

namespace treadle {
namespace {

constexpr int kSendsMax = 3;
constexpr int64_t kResendPauseMs = 50;

bool IsThisMachine(std::string_view server) {
  const Result<ServerAddress> address = ServerAddress::Parse(server);
  return address.ok() && (address->host == "localhost" || address->host == "::1" ||
                          address->host.starts_with("127."));
}

// It refuses connections, or it has opened its port and answers that it is not ready.
bool MayBeStarting(const Status& status, Delivery delivery) {
  return delivery == Delivery::kAnswered || status.message().ends_with("Connection refused");
}

bool IsLost(const Status& status, Delivery delivery) {
  return delivery == Delivery::kUnknown &&
         (status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded);
}

}  // namespace

Result<ConnectionOptions> Session::Target() const {
  TREADLE_RETURN_IF_ERROR(target_status_);
  ConnectionOptions options{.server = flags.server, .ca_file = flags.ca_file};
  if (!flags.token_file.empty()) {
    TREADLE_ASSIGN_OR_RETURN(options.token, ReadToken(flags.token_file));
  }
  TREADLE_RETURN_IF_ERROR(ShareTls(&options));
  return options;
}

Result<ServerAnswer> Session::Call(std::string_view method, std::string_view target,
                                   std::string_view body, int64_t timeout_ms, Repeat repeat) {
  if (client_ == nullptr) {
    TREADLE_ASSIGN_OR_RETURN(ConnectionOptions options, Target());
    TREADLE_ASSIGN_OR_RETURN(client_, ServerConnection::Make(std::move(options)));
  }
  Result<ServerAnswer> answer = CallPatiently(method, target, body, timeout_ms, repeat);
  if (answer.ok() || method == "GET") return answer;
  if (!IsLost(answer.status(), client_->delivery())) {
    if (!was_repeated_) return answer;
    return Status(
        answer.status().code(),
        answer.status().message() +
            "; the reply to the first request was lost, so the server may have carried it out");
  }
  const bool is_late = answer.status().code() == Code::kDeadlineExceeded;
  return Status(
      is_late ? Code::kDeadlineExceeded : Code::kUnknown,
      answer.status().message() + "; the server may or may not have carried out the request");
}

Result<ServerAnswer> Session::CallPatiently(std::string_view method, std::string_view target,
                                            std::string_view body, int64_t timeout_ms,
                                            Repeat repeat) {
  SystemClock clock;
  const int64_t begin = clock.MonotonicMs();
  was_repeated_ = false;
  for (int sends = 1;;) {
    const int64_t waited = clock.MonotonicMs() - begin;
    const int64_t left = std::max<int64_t>(timeout_ms - waited, 1);
    // An answer that is lost on the way without a trace leaves time to ask again.
    const bool splits = repeat == Repeat::kSafe && timeout_ms == kCallMs && sends < kSendsMax &&
                        target.find("wait=") == std::string_view::npos;
    Result<ServerAnswer> answer = client_->Call(
        method, target, body, splits ? std::min(left, kCallMs / kSendsMax) : left, repeat);
    if (answer.ok()) return answer;
    const Delivery delivery = client_->delivery();
    if (IsLost(answer.status(), delivery)) {
      if (repeat == Repeat::kOnce || sends == kSendsMax || left <= kResendPauseMs) return answer;
      was_repeated_ = true;
      ++sends;
    } else if (answer.status().code() != Code::kUnavailable ||
               !MayBeStarting(answer.status(), delivery) || !IsThisMachine(client_->url()) ||
               waited >= std::min(patience_ms_, timeout_ms)) {
      return answer;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kResendPauseMs));
  }
}

Result<JsonDocument> Session::CallJson(std::string_view method, std::string_view target,
                                       const wire::Shape& shape, std::string_view body,
                                       int64_t timeout_ms, Repeat repeat) {
  TREADLE_ASSIGN_OR_RETURN(ServerAnswer answer, Call(method, target, body, timeout_ms, repeat));
  TREADLE_RETURN_IF_ERROR(
      wire::CheckAnswer(*client_, fmt::format("{} {}", method, target), answer, shape));
  return ReadJson(std::move(answer.body));
}

Result<ServerAnswer> Session::CallBytes(const std::string& target, std::string_view name) {
  TREADLE_ASSIGN_OR_RETURN(ServerAnswer answer, Call("GET", target));
  TREADLE_RETURN_IF_ERROR(wire::CheckBytes(*client_, "GET " + target, answer, name));
  return answer;
}

ExitStatus Session::Fail(const Status& status) {
  const ExitStatus exit = ExitStatusFor(status);
  std::string sentence = status.message();
  if (sentence.empty()) sentence = CodeName(status.code());
  if (exit == ExitStatus::kUnreachable) sentence += WhatToDoIfUnreachable(sentence);
  if (exit == ExitStatus::kPermission && flags.token_file.empty()) {
    sentence += "; name a file with a token using --token-file";
  }
  return Fail(exit, sentence);
}

std::string Session::WhatToDoIfUnreachable(std::string_view why) const {
  const std::string from = flags.context.empty() ? "--server or TREADLE_SERVER"
                                                 : fmt::format("context {}", flags.context);
  if (!why.ends_with("Connection refused") && !why.ends_with("no answer in time"))
    return fmt::format("; check the address, which comes from {}", from);
  const Result<ServerAddress> address = ServerAddress::Parse(flags.server);
  if (!IsThisMachine(flags.server) || address->is_tls)
    return fmt::format("; is a server running there? The address comes from {}", from);
  if (address->Url() == kDefaultServer) return "; start one with: treadle start";
  return fmt::format("; start one with: treadle start --listen {}", address->Authority());
}

ExitStatus Session::Fail(ExitStatus exit, std::string_view sentence) {
  console_->Message(console_->PaintErr("treadle:", Color::kRed) + ' ' + Printable(sentence));
  return exit;
}

ExitStatus Session::FailOnFiles(const Status& status) {
  const bool is_refused = status.code() == Code::kFailedPrecondition;
  return Fail(is_refused ? ExitStatus::kRefused : ExitStatusFor(status), status.message());
}

void Session::Hint(std::string_view text) {
  if (console_->err_is_terminal()) console_->Message(console_->PaintErr(text, Color::kDim));
}

std::string Session::ServerFlags() const {
  std::string text;
  if (flags.server_is_named || flags.server != kDefaultServer) text += " --server " + flags.server;
  if (!flags.token_file.empty()) text += " --token-file " + flags.token_file;
  if (!flags.ca_file.empty()) text += " --ca-file " + flags.ca_file;
  return text;
}

std::string Session::CommandLineFor(std::string_view words) const {
  std::string line = fmt::format("treadle {}", words);
  const size_t program =
      std::min(line.find(" -- "), line.size());  // flags come before the program of a worker
  return line.insert(program, ServerFlags());
}

std::string Session::WithServer(std::string sentence) const {
  static constexpr std::string_view kProgram = "treadle ";
  const std::string more = ServerFlags();
  for (size_t at = sentence.find(kProgram); at != std::string::npos;
       at = sentence.find(kProgram, at + 1)) {
    if (at == 0 || sentence[at - 1] == ' ') sentence.insert(at + kProgram.size() - 1, more);
  }
  return sentence;
}

void Session::EndList() {
  const Result<JsonDocument> whole = ReadJson('[' + list_.value_or("") + ']');
  list_.reset();
  if (whole.ok()) PrintJson(*this, whole->root);
}

Status CheckTaskId(std::string_view id) {
  if (TaskId::Parse(id)) return Status::Ok();
  return {Code::kInvalidArgument,
          fmt::format("\"{}\" is not a task ID; task IDs look like 1-42", id)};
}

void PrintJson(Session& session, const JsonNode& value) {
  if (session.json() && session.list_) {
    session.list_->append(session.list_->empty() ? "" : ",").append(value.raw);
    return;
  }
  session.console().OutLine(session.json() ? PrettyJson(value) : std::string(value.raw));
}

}  // namespace treadle
