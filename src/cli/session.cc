#include "cli/session.h"

#include <fmt/format.h>

#include "base/ids.h"
#include "client/token_file.h"

namespace treadle::cli {
Result<ConnectionOptions> Session::Target() const {
  TREADLE_RETURN_IF_ERROR(target_status_);
  ConnectionOptions options{.server = flags.server};
  if (!flags.token_file.empty()) {
    TREADLE_ASSIGN_OR_RETURN(options.token, ReadToken(flags.token_file));
  }
  return options;
}

Result<ServerAnswer> Session::Call(std::string_view method, std::string_view target,
                                   std::string_view body, int64_t timeout_ms) {
  if (client_ == nullptr) {
    TREADLE_ASSIGN_OR_RETURN(ConnectionOptions options, Target());
    TREADLE_ASSIGN_OR_RETURN(client_, ServerConnection::Make(std::move(options)));
  }
  return client_->Call(method, target, body, timeout_ms);
}

Result<JsonDocument> Session::CallJson(std::string_view method, std::string_view target,
                                       std::string_view body, int64_t timeout_ms) {
  TREADLE_ASSIGN_OR_RETURN(ServerAnswer response, Call(method, target, body, timeout_ms));
  return ReadJson(std::move(response.body));
}

ExitStatus Session::Fail(const Status& status) {
  const ExitStatus exit = ExitStatusFor(status);
  std::string sentence = status.message();
  if (sentence.empty()) sentence = CodeName(status.code());
  if (exit == ExitStatus::kUnreachable) sentence += "; start one with: treadle start";
  if (exit == ExitStatus::kPermission && flags.token_file.empty()) {
    sentence += "; name a file with a token by --token-file";
  }
  return Fail(exit, sentence);
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

std::string Session::CommandLineFor(std::string_view words) const {
  std::string line = fmt::format("treadle {}", words);
  const size_t program =
      std::min(line.find(" -- "), line.size());  // flags stand before the program of a worker
  std::string more;
  if (flags.server != kDefaultServer) more += " --server " + flags.server;
  if (!flags.token_file.empty()) more += " --token-file " + flags.token_file;
  return line.insert(program, more);
}

Status CheckTaskId(std::string_view id) {
  if (TaskId::Parse(id)) return Status::Ok();
  return {Code::kInvalidArgument,
          fmt::format("\"{}\" is not the id of a task; ids look like 1-42", id)};
}

void PrintJson(Session& session, const JsonValue& value) {
  session.console().OutLine(session.json() ? PrettyJson(value) : std::string(value.raw));
}

}  // namespace treadle::cli
