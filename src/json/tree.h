// JSON (RFC 8259) as a tree, for people: reading with the place of the first error; the exact text
// of every value, so that numbers pass through unchanged; writing. Pure; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace treadle {

struct JsonMember;

struct JsonNode {
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  std::string_view raw;             // as written; borrows from the text that was parsed
  std::string text;                 // kString: decoded; half a surrogate pair is U+FFFD
  std::vector<JsonNode> items;      // kArray
  std::vector<JsonMember> members;  // kObject, in order

  /// The member of that name; nullptr if there is none.
  const JsonNode* Find(std::string_view name) const;
  /// The string of that name; empty if there is none.
  std::string Text(std::string_view name) const;
  /// The integer of that name; `fallback` if there is none.
  int64_t Integer(std::string_view name, int64_t fallback = 0) const;
  /// Whether there is a `true` of that name.
  bool IsTrue(std::string_view name) const;
};

struct JsonMember {
  std::string first;  // the key
  JsonNode second;
};

struct JsonError {
  size_t offset = 0;  // bytes from the start
  size_t line = 1;
  size_t column = 1;  // characters, from 1
  std::string what;   // for example "expected ':' after a key"
  std::string path;   // of the value with the error, for example ".sizes[2]"; empty: the whole

  /// "expected ':' after a key, at line 1, column 7 (near `Ada}`)"
  std::string ToString(std::string_view text) const;
};

/// A value and the text that it borrows from.
struct JsonDocument {
  std::shared_ptr<const std::string> text;
  JsonNode root;
};

/// How deep a tree may be.
inline constexpr int kJsonTreeDepthMax = 512;

/// The first thing that is wrong with `text`; nothing if it is one JSON value, in UTF-8, at most
/// `depth_max` levels deep, with or without white space around it. Numbers may have any size, and
/// half a surrogate pair is no error. Makes no tree.
std::optional<JsonError> FindJsonError(std::string_view text, int depth_max = kJsonTreeDepthMax);

/// INTERNAL if `text`, an answer of the server, is not JSON.
Result<JsonDocument> ReadJson(std::string text);

/// `value` over several lines, indented by two blanks; scalars as they were written.
std::string PrettyJson(const JsonNode& value);

/// `text` as a JSON string in quotes; what is not UTF-8 becomes U+FFFD.
std::string QuoteJson(std::string_view text);

/// Builds one object, on one line, members in the order of the calls.
class JsonObject {
 public:
  JsonObject& Text(std::string_view name, std::string_view value);
  JsonObject& Integer(std::string_view name, int64_t value);
  JsonObject& Real(std::string_view name, double value, int decimals);
  JsonObject& Bool(std::string_view name, bool value);
  /// `json` is the member's value, already written.
  JsonObject& Raw(std::string_view name, std::string_view json);
  std::string Done() const { return '{' + members_ + '}'; }

 private:
  std::string members_;
};

}  // namespace treadle
