// The `treadle` program: what every command line does, and the seams through which it starts a
// server and looks at its data.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "tools/data_tools.h"

namespace treadle::cli {

struct ServerOptions;

/// Keys of settings that are not what they were.
struct ReloadReport {
  std::vector<std::string> changed;        // taken over
  std::vector<std::string> needs_restart;  // since the server started
};

/// Reads the configuration again and has `apply` take it over. An error, of the reading or of
/// `apply`, means that all stays as it is. One thread at a time.
using ReloadFn =
    std::function<Result<ReloadReport>(const std::function<Status(const ServerOptions&)>& apply)>;

/// What `treadle start` and `treadle server` were asked for; see cli/config/settings.h.
struct ServerOptions {
  enum class Durability { kFsync, kInterval };

  std::string data_dir = "./treadle-data";  // made if it is missing
  std::string host = "127.0.0.1";           // without the brackets of an IPv6 address
  uint16_t port = 7373;                     // 0: the system chooses one
  Durability durability = Durability::kFsync;
  std::string token_file;              // empty: none
  bool allow_unauthenticated = false;  // on an address other than loopback, without a token file
  uint64_t disk_reserve_bytes = 128 << 20;  // enqueues are refused when less than this is free
  std::string log_level = "info";           // debug, info, warning or error
  std::string token;                        // the secret itself, instead of a file; empty: none
  std::vector<std::string> allowed_hosts;   // see http::GuardOptions
  uint64_t checkpoint_bytes = 32 << 20;     // these four: see NodeOptions
  int64_t checkpoint_ms = 2'000;
  uint64_t backlog_bytes_max = 512 << 20;
  uint64_t payload_memory_bytes = 32 << 20;
  uint64_t memory_max_bytes = 0;  // enqueues are refused near it; 0: see DefaultMemoryMax()
  bool strict_queues = false;
  std::string backup_directory;       // empty: `backups` in the data directory
  int64_t backup_every_ms = 0;        // 0: only on request
  uint64_t backups_kept = 7;          // 0: all
  uint64_t connections_max = 10'000;  // these five: see http::ServerOptions
  uint64_t bodies_bytes_max = 256 << 20;
  int64_t idle_timeout_ms = 75'000;
  int64_t read_timeout_ms = 30'000;
  int64_t write_timeout_ms = 30'000;
  ReloadFn reload;  // for SIGHUP; empty: SIGHUP ends the process
};

/// What a server prints once it is ready.
struct ServerReady {
  std::string url;              // "http://127.0.0.1:7373", with the port that is really used
  std::string data_dir;         // absolute
  std::string durability_note;  // one clause for a person, "every acknowledged task is on disk";
                                // may be empty
};

/// Runs a server until SIGINT or SIGTERM, calls `on_ready` once, from any thread, and returns the
/// exit status of the process; it prints its own errors, one sentence each.
using ServeFn =
    std::function<int(const ServerOptions&, std::function<void(const ServerReady&)> on_ready)>;

/// Runs the command in `argv` and returns the exit status of the process (see `treadle
/// --help`).
int RunCli(int argc, char** argv, ServeFn serve, const tools::DataTools& data_tools);

}  // namespace treadle::cli
