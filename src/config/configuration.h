// Configuration: what a server runs with, put together from its sources: flags over environment
// variables over a file over the defaults of the table in settings.h.
//
// LoadConfiguration() reads the file each time that it is called, so a caller that keeps the
// sources can call it again for a reload. One thread at a time.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.h"

namespace treadle::config {

inline constexpr char kSystemConfigFile[] = "/etc/treadle/treadle.toml";

struct ConfigurationSources {
  std::map<std::string, std::string> flags;  // by the setting's key
  /// All of the process; what is not TREADLE_SECTION__NAME is passed over.
  std::vector<std::pair<std::string, std::string>> environment;
  std::string file;                             // empty: none
  std::map<std::string, std::string> defaults;  // where a command's differ from the table's
};

struct SettingInForce {
  const Setting* setting = nullptr;
  std::string text;
  std::string origin;  // "--listen", "TREADLE_SERVER__LISTEN", "treadle.toml:3" or "default"

  /// For people: a secret is not shown.
  std::string Shown() const;
};

struct Configuration {
  std::vector<SettingInForce> settings;  // all of the table, in its order
  ServerOptions options;
};

/// INVALID_ARGUMENT for a file that cannot be read, an unknown key or variable (with the nearest
/// one), a value of the wrong type or out of its range; the message names the place.
Result<Configuration> LoadConfiguration(const ConfigurationSources& sources);

/// A reload from `sources` of what `in_force` came from.
ReloadFn MakeReload(ConfigurationSources sources, Configuration in_force);

/// Of this process.
std::vector<std::pair<std::string, std::string>> ProcessEnvironment();

}  // namespace treadle::config
