// The flags that `treadle start`, `treadle server` and `treadle demo --serve` share.
#pragma once

#include <string>

#include "base/status.h"
#include "cli/arguments.h"
#include "cli/cli.h"

namespace treadle::cli {

/// As given; texts that still have to be read.
struct ServerFlags {
  ServerOptions options;
  std::string listen = "127.0.0.1:7373";
  std::string durability = "fsync";
};

void AddServerFlags(Command& command, ServerFlags& flags);

/// INVALID_ARGUMENT if the address cannot be read.
Result<ServerOptions> ReadServerFlags(const ServerFlags& flags);

}  // namespace treadle::cli
