// Session: what every command has at hand: the console, the global flags, the server.
//
// One thread. Lives as long as the command; commands borrow it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "cli/console.h"
#include "cli/exit_status.h"
#include "cli/json.h"
#include "client/connection.h"

namespace treadle::cli {

inline constexpr std::string_view kDefaultServer = "http://127.0.0.1:7373";

struct GlobalFlags {
  std::string output = "table";  // table, json or jsonl
  std::string server = std::string(kDefaultServer);
  std::string token_file;  // empty: no token
};

class Session {
 public:
  explicit Session(Console* console) : console_(console) {}

  GlobalFlags flags;  // of the command line, the environment and the context

  Console& console() { return *console_; }
  bool json() const { return flags.output == "json"; }
  bool jsonl() const { return flags.output == "jsonl"; }

  /// An error here comes back from the first call to the server, so that commands without a server
  /// work even then.
  void set_target_status(Status status) { target_status_ = std::move(status); }

  /// The options of a connection, the token read from its file. INVALID_ARGUMENT if that cannot be
  /// read.
  Result<ConnectionOptions> Target() const;

  /// One call to the server; see ServerConnection::Call. `body` is JSON, or empty.
  Result<ServerAnswer> Call(std::string_view method, std::string_view target,
                            std::string_view body = {}, int64_t timeout_ms = 30'000);
  /// The same, the answer read.
  Result<JsonDocument> CallJson(std::string_view method, std::string_view target,
                                std::string_view body = {}, int64_t timeout_ms = 30'000);

  /// Prints `status` as one sentence to standard error; what to return from the command.
  ExitStatus Fail(const Status& status);
  ExitStatus Fail(ExitStatus exit, std::string_view sentence);
  /// Fail() for what has to do with files and no server: without advice about servers and tokens.
  ExitStatus FailOnFiles(const Status& status);

  /// What to try next, for a person: only if standard error is a terminal.
  void Hint(std::string_view text);

  /// `words` as a command line that reaches the same server.
  std::string CommandLineFor(std::string_view words) const;

 private:
  Console* console_;
  Status target_status_;
  std::unique_ptr<ServerConnection> client_;
};

/// INVALID_ARGUMENT if `id` has not the form of a task's id.
Status CheckTaskId(std::string_view id);

/// One parsed answer in the asked form (json or jsonl) to standard output.
void PrintJson(Session& session, const JsonValue& value);

}  // namespace treadle::cli
