// Contexts: names for servers, so that nobody types an address twice. They are in
// ${XDG_CONFIG_HOME:-~/.config}/treadle/contexts.toml, without any token: only the path of its
// file.
//
// One thread. Two programs that change the file at once: the later one wins, and the file is whole.
#pragma once

#include <map>
#include <string>

#include "base/status.h"

namespace treadle::cli {

struct ServerContext {
  std::string server;
  std::string token_file;  // absolute; empty: none
  std::string ca_file;     // the same
};

struct Contexts {
  std::map<std::string, ServerContext> by_name;
  std::string current;  // empty: none

  /// INVALID_ARGUMENT, with the nearest name, if there is none of that name.
  Result<ServerContext> Find(const std::string& name) const;
};

/// INVALID_ARGUMENT if neither XDG_CONFIG_HOME nor HOME is set.
Result<std::string> ContextsPath();

/// No contexts if there is no file. INVALID_ARGUMENT, with file and line, for what is no such file.
Result<Contexts> ReadContexts();

/// Replaces the file in one step, for its owner only (0600), and makes its folder if need be.
Status WriteContexts(const Contexts& contexts);

}  // namespace treadle::cli
