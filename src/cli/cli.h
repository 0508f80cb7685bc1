// The `treadle` program: what every command line does, and the seams through which it starts a
// server and looks at its data.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "config/server_options.h"
#include "tools/data_tools.h"

namespace treadle::cli {

/// What a server prints once it is ready.
struct ServerReady {
  std::string url;              // "http://127.0.0.1:7373", with the port that is really used
  std::string data_dir;         // absolute
  std::string durability_note;  // one clause for a person, "every acknowledged task is on disk";
                                // may be empty
};

/// Runs a server until SIGINT or SIGTERM, calls `on_ready` once, from any thread, and returns the
/// exit status of the process; it prints its own errors, one sentence each.
using ServeFn = std::function<int(const config::ServerOptions&,
                                  std::function<void(const ServerReady&)> on_ready)>;

/// Runs the command in `argv` and returns the exit status of the process (see `treadle
/// --help`).
int RunCli(int argc, char** argv, ServeFn serve, const tools::DataTools& data_tools);

}  // namespace treadle::cli
