#include "config/toml_node.h"

#include <fmt/format.h>

#include "config/toml_assertion.h"
// Behind it.
#include <toml++/toml.h>
#include <algorithm>
#include <sstream>

#include "base/regular_file.h"

namespace treadle::config {

void ThrowTomlAssertion() { throw TomlAssertion(); }

namespace {

constexpr size_t kFileBytesMax = size_t{16} << 20;

TomlNode Convert(const toml::node& node);

TomlNode ConvertTable(const toml::table& table) {
  TomlNode result;
  for (const auto& [key, value] : table) {
    TomlNode member = Convert(value);
    if (key.source().begin.line > 0) member.line = key.source().begin.line;
    result.members.push_back({std::string(key.str()), std::move(member)});
  }
  std::ranges::stable_sort(result.members, {}, [](const TomlMember& m) { return m.second.line; });
  return result;
}

TomlNode ConvertScalar(const toml::node& node) {
  using enum TomlNode::Kind;
  if (const auto* text = node.as_string()) return {.kind = kText, .text = text->get()};
  if (const auto* flag = node.as_boolean())
    return {.kind = kBoolean, .text = flag->get() ? "true" : "false"};
  if (const auto* number = node.as_integer())
    return {.kind = kInteger, .text = std::to_string(number->get())};
  std::ostringstream written;
  node.visit([&](const auto& value) { written << value; });
  return {.kind = node.is_floating_point() ? kReal : kTime, .text = written.str()};
}

TomlNode Convert(const toml::node& node) {
  TomlNode result;
  if (const auto* table = node.as_table()) {
    result = ConvertTable(*table);
  } else if (const auto* array = node.as_array()) {
    result.kind = TomlNode::Kind::kArray;
    for (const toml::node& item : *array) result.items.push_back(Convert(item));
  } else {
    result = ConvertScalar(node);
  }
  result.line = node.source().begin.line;
  return result;
}

// The line on which an assertion of the parser does not hold: that with which the text before it no
// longer ends well.
size_t LineOfAssertion(std::string_view text) {
  size_t line = 1;
  for (size_t end = text.find('\n'); end != std::string_view::npos;
       end = text.find('\n', end + 1)) {
    try {
      (void)toml::parse(text.substr(0, end + 1));
    } catch (const toml::parse_error&) {  // it is cut short
    } catch (const TomlAssertion&) {
      return line;
    }
    ++line;
  }
  return line;
}

// Whether a line may hold a secret: then nothing of it is quoted.
bool MayHoldSecret(std::string_view text, size_t number) {
  for (size_t line = 1; line < number; ++line)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  const std::string_view line = text.substr(0, text.find('\n'));
  const std::string_view words[] = {"token", "secret", "password", "passphrase"};
  return std::ranges::any_of(
      words, [&](std::string_view word) { return line.find(word) != std::string_view::npos; });
}

}  // namespace

const TomlNode* TomlNode::Find(std::string_view name) const {
  for (const TomlMember& member : members) {
    if (member.first == name) return &member.second;
  }
  return nullptr;
}

std::string_view TomlNode::KindInWords() const {
  switch (kind) {
    case Kind::kText:
      return "a string";
    case Kind::kInteger:
      return "a whole number";
    case Kind::kReal:
      return "a number with a fraction";
    case Kind::kBoolean:
      return "true or false";
    case Kind::kTime:
      return "a date or a time";
    case Kind::kArray:
      return "a list";
    case Kind::kTable:
      return "a table";
  }
  return "";
}

Result<TomlNode> ReadToml(std::string_view text, std::string_view name) {
  try {
    return Convert(toml::parse(text));
  } catch (const TomlAssertion&) {
    return Status(
        Code::kInvalidArgument,
        fmt::format("{}:{}: invalid TOML: a key is missing or begins with an invalid character",
                    name, LineOfAssertion(text)));
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    if (MayHoldSecret(text, at.line))
      return Status(Code::kInvalidArgument,
                    fmt::format("{}:{}:{}: invalid TOML; write strings in double quotes", name,
                                at.line, at.column));
    return Status(Code::kInvalidArgument,
                  fmt::format("{}:{}:{}: {}", name, at.line, at.column, error.description()));
  }
}

Result<TomlNode> ReadTomlFile(const std::string& path) {
  const Result<std::string> text = ReadRegularFile(path, kFileBytesMax);
  if (!text.ok()) return Status(Code::kInvalidArgument, text.status().message());
  return ReadToml(*text, path);
}

std::string QuoteToml(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\', quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace treadle::config
