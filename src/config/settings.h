// The table of a server's settings. The configuration file, the environment variables, the flags of
// `treadle server`, `treadle config` and the reference page all derive from it, so that none of
// them can contradict another.
//
// Pure; any thread. The table lives as long as the program.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/server_options.h"

namespace treadle::config {

struct Setting {
  enum class Kind {
    kFile,
    kDirectory,
    kAddress,
    kChoice,
    kSwitch,
    kSize,
    kCount,
    kDuration,
    kText,
    kList
  };

  std::string_view key;   // "SECTION.NAME"
  std::string_view flag;  // empty: a secret, which must not appear in a command line
  Kind kind = Kind::kText;
  std::string_view default_text;  // as in a variable
  std::string_view help;          // one sentence without its full stop
  std::string_view choices = {};  // kChoice: "a|b"
  uint64_t min = 0;               // kSize: bytes, kCount: itself, kDuration: milliseconds
  uint64_t max = 0;
  bool or_zero = false;     // 0 is allowed below `min`, and has a meaning of its own
  bool reloadable = false;  // SIGHUP takes a new value over
  /// Puts a text that CheckSetting() accepts into the options.
  void (*put)(const std::string& text, ServerOptions* options) = nullptr;

  std::string_view section() const { return key.substr(0, key.find('.')); }
  std::string_view name() const { return key.substr(key.find('.') + 1); }
  bool is_secret() const { return flag.empty(); }
  /// "TREADLE_SECTION__NAME".
  std::string Variable() const;
  /// "FILE", "SIZE", "a|b"; empty for a switch.
  std::string Placeholder() const;
  /// What a value may be, in words: "a size from 1MiB to 1GiB".
  std::string Range() const;
  /// kChoice: its choices.
  std::vector<std::string> Choices() const;
  /// `text` as written in a TOML file.
  std::string AsToml(std::string_view text) const;
};

std::span<const Setting> Settings();
/// nullptr if there is none of that key.
const Setting* FindSetting(std::string_view key);

/// INVALID_ARGUMENT, with the value and the range, if `text` is no value of `setting`. A list is
/// written with commas.
Status CheckSetting(const Setting& setting, std::string_view text);

/// The parts of "a, b".
std::vector<std::string> SplitList(std::string_view text);

}  // namespace treadle::config
