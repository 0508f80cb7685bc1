// Session: what every command uses: the console, the global flags, the server.
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
#include "client/answers.h"
#include "client/connection.h"
#include "console/console.h"
#include "console/exit_status.h"
#include "json/tree.h"

namespace treadle {

inline constexpr std::string_view kDefaultServer = "http://127.0.0.1:7373";

struct GlobalFlags {
  std::string output = "table";  // table, json or jsonl
  std::string server = std::string(kDefaultServer);
  std::string token_file;  // empty: no token
  std::string ca_file;     // empty: the system's store
  std::string context;     // that names the server; empty: none does
  /// The command line, the environment or a context names the server, so a command that is typed
  /// without all of these would go to another one.
  bool server_is_named = false;
};

/// How long a call may take that asks for nothing that needs time.
inline constexpr int64_t kCallMs = 30'000;

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

  /// The options of a connection, the token and the certificates of CAs read from their files.
  /// INVALID_ARGUMENT if they cannot be read.
  Result<ConnectionOptions> Target() const;

  /// How long a server on this machine, which may be starting, is waited for.
  void set_patience_ms(int64_t ms) { patience_ms_ = ms; }

  /// One call to the server; see ServerConnection::Call. `body` is JSON, or empty. With
  /// Repeat::kSafe the request is sent again, twice at most, if its answer is lost. UNKNOWN: the
  /// answer is lost, and what would have changed something may have done so.
  Result<ServerAnswer> Call(std::string_view method, std::string_view target,
                            std::string_view body = {}, int64_t timeout_ms = kCallMs,
                            Repeat repeat = Repeat::kSafe);
  /// The same for an answer of that shape, read. INTERNAL: it has another one.
  Result<JsonDocument> CallJson(std::string_view method, std::string_view target,
                                const wire::Shape& shape, std::string_view body = {},
                                int64_t timeout_ms = kCallMs, Repeat repeat = Repeat::kSafe);
  /// A GET of bytes that come with the header `name` (in lower case), as none but Treadle sends.
  Result<ServerAnswer> CallBytes(const std::string& target,
                                 std::string_view name = "treadle-sha256");
  /// Whether the last call was sent more than once.
  bool was_repeated() const { return was_repeated_; }

  /// Prints `status` as one sentence to standard error; what to return from the command.
  ExitStatus Fail(const Status& status);
  ExitStatus Fail(ExitStatus exit, std::string_view sentence);
  /// Fail() for what has to do with files and no server: without advice about servers and tokens.
  ExitStatus FailOnFiles(const Status& status);

  /// What to try next, for a person: only if standard error is a terminal.
  void Hint(std::string_view text);

  /// `words` as a command line that reaches the same server.
  std::string CommandLineFor(std::string_view words) const;
  /// A sentence of the server with command lines in it, so that they reach the same server.
  std::string WithServer(std::string sentence) const;

  /// From here on PrintJson() of a JSON document collects, until EndList() prints one list.
  void BeginList() { list_.emplace(); }
  void EndList();

 private:
  friend void PrintJson(Session& session, const JsonNode& value);

  Result<ServerAnswer> CallPatiently(std::string_view method, std::string_view target,
                                     std::string_view body, int64_t timeout_ms, Repeat repeat);
  /// Flags that lead to the same server, each behind a blank.
  std::string ServerFlags() const;
  std::string WhatToDoIfUnreachable(std::string_view why) const;

  Console* console_;
  Status target_status_;
  std::unique_ptr<ServerConnection> client_;
  int64_t patience_ms_ = 2'000;
  bool was_repeated_ = false;
  std::optional<std::string> list_;  // what a list has so far
};

/// INVALID_ARGUMENT if `id` has not the form of a task's id.
Status CheckTaskId(std::string_view id);

/// One parsed answer in the asked form (json or jsonl) to standard output.
void PrintJson(Session& session, const JsonNode& value);

}  // namespace treadle
