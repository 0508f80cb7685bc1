#include "config/configuration.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/nearest.h"
#include "config/toml_node.h"

namespace treadle::config {
namespace {

constexpr size_t kTokenCharactersMin = 16;
constexpr int64_t kBackupEveryMsMin = 1'000;

std::string DidYouMean(std::string_view word, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(word, known);
  return nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest);
}

std::vector<std::string> SectionNames() {
  std::vector<std::string> names;
  for (const Setting& setting : Settings()) {
    if (names.empty() || names.back() != setting.section()) names.emplace_back(setting.section());
  }
  return names;
}

bool EveryoneCanRead(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 && (info.st_mode & S_IROTH) != 0;
}

/// The settings while the sources are laid over one another.
class Layers {
 public:
  Layers() {
    for (const Setting& setting : Settings()) {
      settings_.push_back({&setting, std::string(setting.default_text), "default"});
    }
  }

  /// `place` is the place of the value, for messages.
  Status Put(const Setting& setting, std::string_view text, std::string origin,
             std::string_view place) {
    const Status status = CheckSetting(setting, text);
    if (!status.ok()) {
      return InvalidArgument(fmt::format(
          "{}: {}", place, setting.is_secret() ? "the value is invalid" : status.message()));
    }
    const auto at = std::ranges::find(settings_, &setting, &SettingInForce::setting);
    at->text = text;
    at->origin = std::move(origin);
    return {};
  }

  Status PutDefaults(const std::map<std::string, std::string>& defaults) {
    for (const auto& [key, text] : defaults) {
      TREADLE_RETURN_IF_ERROR(Put(*FindSetting(key), text, "default", key));
    }
    return {};
  }

  Status PutFile(const std::string& path) {
    TREADLE_ASSIGN_OR_RETURN(const TomlNode root, ReadTomlFile(path));
    for (const auto& [name, section] : root.members) {
      const std::vector<std::string> known = SectionNames();
      if (std::ranges::find(known, name) == known.end()) {
        return InvalidArgument(fmt::format("{}:{}: unknown section \"{}\"{}", path, section.line,
                                           name, DidYouMean(name, known)));
      }
      if (section.kind != TomlNode::Kind::kTable) {
        return InvalidArgument(
            fmt::format("{}:{}: \"{}\" is a section: write [{}]", path, section.line, name, name));
      }
      for (const auto& [key, value] : section.members) {
        TREADLE_RETURN_IF_ERROR(PutFileValue(path, name, key, value));
      }
    }
    return {};
  }

  Status PutEnvironment(const std::vector<std::pair<std::string, std::string>>& environment) {
    std::vector<std::string> known;
    for (const Setting& setting : Settings()) known.push_back(setting.Variable());
    for (const auto& [variable, text] : environment) {
      if (!variable.starts_with("TREADLE_") || variable.find("__") == std::string::npos) continue;
      const auto found = std::ranges::find(known, variable);
      if (found == known.end()) {
        return InvalidArgument(
            fmt::format("unknown variable {}{}", variable, DidYouMean(variable, known)));
      }
      const Setting& setting = Settings()[static_cast<size_t>(found - known.begin())];
      TREADLE_RETURN_IF_ERROR(Put(setting, text, variable, variable));
    }
    return {};
  }

  Status PutFlags(const std::map<std::string, std::string>& flags) {
    for (const auto& [key, text] : flags) {
      const Setting& setting = *FindSetting(key);
      const std::string flag(setting.flag);
      TREADLE_RETURN_IF_ERROR(Put(setting, text, flag, flag));
    }
    return {};
  }

  Result<Configuration> Done() {
    Configuration configuration{.settings = std::move(settings_)};
    for (const SettingInForce& each : configuration.settings) {
      each.setting->put(each.text, &configuration.options);
    }
    const ServerOptions& options = configuration.options;
    if (!options.security.token.empty() && !options.security.token_file.empty()) {
      return InvalidArgument(
          "security.token and security.token_file are both set; remove one of them");
    }
    if (!options.security.token.empty() && options.security.token.size() < kTokenCharactersMin) {
      return InvalidArgument(
          "security.token has fewer than 16 characters; make one with: openssl rand -hex 32");
    }
    if (options.node.backup_every_ms > 0 && options.node.backup_every_ms < kBackupEveryMsMin)
      return InvalidArgument("backup.every must be 0s or at least 1s");
    if (options.node.backlog_bytes_max <= options.node.checkpoint_bytes) {
      return InvalidArgument("storage.backlog_max must be larger than storage.checkpoint_after");
    }
    return configuration;
  }

 private:
  // Each kind of setting has one form in TOML; a number of bytes or milliseconds is also fine.
  static Result<std::string> TextOf(const Setting& setting, const TomlNode& value) {
    using enum TomlNode::Kind;
    const auto refuse = [&] {
      return InvalidArgument(
          fmt::format("must be {}, not {}", setting.Range(), value.KindInWords()));
    };
    if (setting.kind == Setting::Kind::kList) {
      std::vector<std::string> items;
      for (const TomlNode& item : value.items) {
        if (item.kind != kText || item.text.find(',') != std::string::npos) return refuse();
        items.push_back(item.text);
      }
      if (value.kind != kArray) return refuse();
      return fmt::format("{}", fmt::join(items, ","));
    }
    const bool counts = setting.kind == Setting::Kind::kSize ||
                        setting.kind == Setting::Kind::kCount ||
                        setting.kind == Setting::Kind::kDuration;
    const bool fits = setting.kind == Setting::Kind::kSwitch
                          ? value.kind == kBoolean
                          : value.kind == kText || (counts && value.kind == kInteger);
    if (!fits) return refuse();
    return value.text;
  }

  Status PutFileValue(const std::string& path, std::string_view section, std::string_view name,
                      const TomlNode& value) {
    const std::string key = fmt::format("{}.{}", section, name);
    const std::string origin = fmt::format("{}:{}", path, value.line);
    const Setting* setting = FindSetting(key);
    if (setting == nullptr) {
      std::vector<std::string> known;
      for (const Setting& each : Settings()) known.emplace_back(each.key);
      return InvalidArgument(
          fmt::format("{}: unknown setting \"{}\"{}", origin, key, DidYouMean(key, known)));
    }
    const std::string place = fmt::format("{}: {}", origin, key);
    const Result<std::string> text = TextOf(*setting, value);
    if (!text.ok()) return InvalidArgument(fmt::format("{}: {}", place, text.status().message()));
    if (setting->is_secret() && !text->empty() && EveryoneCanRead(path)) {
      return InvalidArgument(
          fmt::format("{}: everyone can read this file; close it with: chmod o-r {}", place, path));
    }
    return Put(*setting, *text, origin, place);
  }

  std::vector<SettingInForce> settings_;
};

}  // namespace

std::string SettingInForce::Shown() const {
  return setting->is_secret() && !text.empty() ? "(secret)" : text;
}

Result<Configuration> LoadConfiguration(const ConfigurationSources& sources) {
  Layers layers;
  TREADLE_RETURN_IF_ERROR(layers.PutDefaults(sources.defaults));
  if (!sources.file.empty()) TREADLE_RETURN_IF_ERROR(layers.PutFile(sources.file));
  TREADLE_RETURN_IF_ERROR(layers.PutEnvironment(sources.environment));
  TREADLE_RETURN_IF_ERROR(layers.PutFlags(sources.flags));
  return layers.Done();
}

// What needs a restart stays in `in_force` as the server started with it, so every later reload
// reports it again.
ReloadFn MakeReload(ConfigurationSources sources, Configuration in_force) {
  return [sources = std::move(sources), settings = std::move(in_force.settings)](
             const auto& apply) mutable -> Result<ReloadReport> {
    TREADLE_ASSIGN_OR_RETURN(const Configuration read, LoadConfiguration(sources));
    TREADLE_RETURN_IF_ERROR(apply(read.options));
    ReloadReport report;
    for (size_t i = 0; i < settings.size(); ++i) {
      if (settings[i].text == read.settings[i].text) continue;
      const bool reloadable = settings[i].setting->reloadable;
      (reloadable ? report.changed : report.needs_restart).emplace_back(settings[i].setting->key);
      if (reloadable) settings[i] = read.settings[i];
    }
    return report;
  };
}

std::vector<std::pair<std::string, std::string>> ProcessEnvironment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view line = *each;
    const size_t sign = line.find('=');
    if (sign == std::string_view::npos) continue;
    variables.emplace_back(line.substr(0, sign), line.substr(sign + 1));
  }
  return variables;
}

}  // namespace treadle::config
