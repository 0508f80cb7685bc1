// All that a server's settings say, as they reach its rooms: each room has a struct of its own, and
// the table in config/settings.h fills them. Plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/http_options.h"
#include "config/node_options.h"

namespace treadle::config {

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

/// Who may use the server.
struct SecurityOptions {
  std::string token_file;                  // empty: none
  std::string token;                       // the secret itself, instead of a file; empty: none
  bool allow_unauthenticated = false;      // on an address other than loopback, without a token
  std::vector<std::string> allowed_hosts;  // see http::GuardOptions
};

struct ServerOptions {
  std::string data_dir = "./treadle-data";  // made if it is missing
  std::string log_level = "info";           // debug, info, warning or error
  uint64_t memory_max_bytes = 0;  // enqueues are refused near it; 0: see DefaultMemoryMax()
  /// `directory` and `watched_files` come from the data directory, and so does an empty
  /// `backup_directory`.
  NodeOptions node;
  http::ServerOptions http{.port = 7373};  // `host` without the brackets of an IPv6 address
  SecurityOptions security;
  ReloadFn reload;  // for SIGHUP; empty: SIGHUP ends the process
};

}  // namespace treadle::config
