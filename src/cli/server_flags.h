// The flags that `treadle start`, `treadle server` and `treadle config show` share: one for each
// setting of a server (config/settings.h), and --config.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "cli/arguments.h"
#include "config/configuration.h"

namespace treadle::cli {

/// As given on the command line.
struct ServerFlags {
  std::map<std::string, std::optional<std::string>> given;  // by the setting's key
  std::map<std::string, bool> switches;
  std::map<std::string, std::string> defaults;  // see config::ConfigurationSources
  std::string config;
  bool system_file = false;  // without --config, the file in /etc counts if it exists

  config::ConfigurationSources Sources() const;
};

/// Under systemd, the unit's StateDirectory= is where the data directory is unless something sets
/// otherwise.
void UseStateDirectory(ServerFlags* flags);

/// `flags` must not move afterwards.
void AddServerFlags(Command& command, ServerFlags& flags);

}  // namespace treadle::cli
