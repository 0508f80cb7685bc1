// A TOML 1.0 document as the command line reads it: values with their line numbers, so
// that whatever is wrong with one can be reported with its place. A thin layer over toml++, so that
// the header that compiles slowly stays inside toml_node.cc.
//
// Pure, but for ReadTomlFile(); any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace treadle::config {

struct TomlMember;

struct TomlNode {
  enum class Kind { kText, kInteger, kReal, kBoolean, kTime, kArray, kTable };

  Kind kind = Kind::kTable;
  std::string text;                 // kText: decoded; other scalars: as TOML writes them
  std::vector<TomlNode> items;      // kArray
  std::vector<TomlMember> members;  // kTable, in the order of their lines
  size_t line = 0;                  // from 1; of a member, the line of its key

  /// The member of that name; nullptr if there is none.
  const TomlNode* Find(std::string_view name) const;
  /// "a text", "a whole number", …
  std::string_view KindInWords() const;
};

struct TomlMember {
  std::string first;  // the key
  TomlNode second;
};

/// INVALID_ARGUMENT, "NAME:LINE:COLUMN: …", if `text` is not TOML.
Result<TomlNode> ReadToml(std::string_view text, std::string_view name);

/// The same of a file; INVALID_ARGUMENT too if it cannot be read.
Result<TomlNode> ReadTomlFile(const std::string& path);

/// `text` as a TOML string in quotes.
std::string QuoteToml(std::string_view text);

}  // namespace treadle::config
