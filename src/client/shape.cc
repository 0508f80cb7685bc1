#include "client/shape.h"

#include <charconv>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "json/tree.h"

namespace treadle::wire {
namespace {

using Kind = Field::Kind;

constexpr int kDepthMax = 512;

struct Wrong {
  std::string path;
  std::string what;

  Wrong In(std::string_view outer) && {
    path = std::string(outer) + (path.empty() || path[0] == '[' ? "" : ".") + path;
    return std::move(*this);
  }
};
using Verdict = std::optional<Wrong>;

std::string_view NameOf(Kind kind) {
  switch (kind) {
    case Kind::kText:
      return "text";
    case Kind::kInteger:
      return "an integer";
    case Kind::kNumber:
      return "a number";
    case Kind::kFlag:
      return "true or false";
    case Kind::kObject:
      return "an object";
    case Kind::kList:
      return "a list";
    case Kind::kAny:
      return "null";
  }
  return "";
}

// As `Kind` has them; null is kAny.
Kind KindAt(char first) {
  switch (first) {
    case '"':
      return Kind::kText;
    case '{':
      return Kind::kObject;
    case '[':
      return Kind::kList;
    case 't':
    case 'f':
      return Kind::kFlag;
    case 'n':
      return Kind::kAny;
    default:
      return Kind::kNumber;
  }
}

/// Walks over text that follows the grammar of JSON.
class Walker {
 public:
  explicit Walker(std::string_view json) : rest_(json) {}

  Verdict Object(const Shape& shape) {
    TREADLE_CHECK(shape.fields.size() <= 64);
    SkipSpace();
    if (KindAt(rest_[0]) != Kind::kObject)
      return Wrong{"", "is " + std::string(NameOf(KindAt(rest_[0]))) + " instead of an object"};
    uint64_t seen = 0;
    Step();
    while (!TakeEnd('}')) {
      const std::string_view name = Key();
      const Field* field = nullptr;
      for (size_t i = 0; i < shape.fields.size(); ++i) {
        if (shape.fields[i].name != name) continue;
        field = &shape.fields[i];
        seen |= uint64_t{1} << i;
      }
      if (field == nullptr) {
        SkipValue();
      } else if (Verdict wrong = Member(*field)) {
        return std::move(*wrong).In(name);
      }
    }
    for (size_t i = 0; i < shape.fields.size(); ++i) {
      if (shape.fields[i].required && (seen >> i & 1) == 0)
        return Wrong{std::string(shape.fields[i].name), "is missing"};
    }
    return {};
  }

 private:
  Verdict Member(const Field& field) {
    SkipSpace();
    const Kind kind = KindAt(rest_[0]);
    const std::string_view text = rest_;
    if (kind == Kind::kObject && field.kind == kind && field.of != nullptr)
      return Object(*field.of);
    if (kind == Kind::kList && field.kind == kind && field.of != nullptr) return List(*field.of);
    SkipValue();
    const bool is_absent = kind == Kind::kAny && !field.required;
    if (field.kind == Kind::kAny || field.kind == kind || is_absent) return {};
    if (kind == Kind::kNumber && field.kind == Kind::kInteger &&
        IsInteger(text.substr(0, text.size() - rest_.size())))
      return {};
    return Wrong{
        "", "is " + std::string(NameOf(kind)) + " instead of " + std::string(NameOf(field.kind))};
  }

  Verdict List(const Shape& shape) {
    Step();
    for (size_t i = 0; !TakeEnd(']'); ++i) {
      if (Verdict wrong = Object(shape)) return std::move(*wrong).In("[" + std::to_string(i) + "]");
    }
    return {};
  }

  static bool IsInteger(std::string_view text) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
  }

  void Step(size_t bytes = 1) { rest_.remove_prefix(bytes); }

  void SkipSpace() { Step(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  // Behind a bracket or a value: the closing one, or what follows the comma.
  bool TakeEnd(char bracket) {
    SkipSpace();
    if (rest_[0] == bracket) return Step(), true;
    if (rest_[0] == ',') Step(), SkipSpace();
    return false;
  }

  // As it is written; what comes back is empty for a key with escapes, which no field has.
  std::string_view Key() {
    const std::string_view text = rest_;
    SkipString();
    const std::string_view name = text.substr(1, text.size() - rest_.size() - 2);
    SkipSpace();
    Step();  // the colon
    return name.find('\\') == std::string_view::npos ? name : std::string_view();
  }

  void SkipString() {
    size_t at = 1;
    while (rest_[at] != '"') at += rest_[at] == '\\' ? 2 : 1;
    Step(at + 1);
  }

  void SkipValue() {
    size_t depth = 0;
    do {
      SkipSpace();
      const char first = rest_[0];
      if (first == '"') {
        SkipString();
      } else if (first == '{' || first == '[') {
        Step();
        ++depth;
      } else if (first == '}' || first == ']') {
        Step();
        --depth;
      } else if (first == ',' || first == ':') {
        Step();
      } else {
        Step(std::min(rest_.find_first_of(" \t\r\n,:]}"), rest_.size()));
      }
    } while (depth > 0);
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::string> WhatIsWrong(std::string_view json, const Shape& shape) {
  if (FindJsonError(json, kDepthMax)) return "it is not JSON";
  const Verdict wrong = Walker(json).Object(shape);
  if (!wrong) return {};
  return (wrong->path.empty() ? "it" : '"' + wrong->path + '"') + ' ' + wrong->what;
}

Status UnexpectedAnswer(const ServerConnection& server, std::string_view request,
                        std::string_view what) {
  return {Code::kInternal,
          "unexpected response from " + server.url() + " to " +
              std::string(request.substr(0, request.find('?'))) + ": " + std::string(what) +
              "; is it a Treadle server? Check the address and any proxy in between"};
}

Status CheckAnswer(const ServerConnection& server, std::string_view request,
                   const ServerAnswer& answer, const Shape& shape) {
  std::optional<std::string> wrong = WhatIsWrong(answer.body, shape);
  if (!wrong) return {};
  const std::string_view type =
      std::string_view(answer.content_type).substr(0, answer.content_type.find(';'));
  if (*wrong == "it is not JSON" && answer.body.empty()) wrong = "it is empty";
  if (!type.empty() && type != "application/json") *wrong += " (" + std::string(type) + ")";
  return UnexpectedAnswer(server, request, *wrong);
}

Status CheckBytes(const ServerConnection& server, std::string_view request,
                  const ServerAnswer& answer, std::string_view name) {
  bool found = false;
  for (const auto& [key, value] : answer.headers) {
    found = found || key == name;
    if (key == "treadle-sha256" && value != ToHex(Sha256Of(answer.body).view()))
      return UnexpectedAnswer(server, request, "its bytes do not match their SHA-256");
  }
  if (found) return {};
  return UnexpectedAnswer(server, request, "it has no header " + std::string(name));
}

}  // namespace treadle::wire
