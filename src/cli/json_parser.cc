// A recursive-descent parser. simdjson, which the server uses, is faster but does not say where an
// error is.
#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "cli/console.h"
#include "cli/json.h"

namespace treadle::cli {
namespace {

constexpr int kMaxDepth = 512;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<JsonError> Parse(JsonValue* out) {
    SkipSpace();
    if (AtEnd()) {
      Fail("the text is empty");
    } else if (Value(out, 0)) {
      SkipSpace();
      if (!AtEnd()) Fail("unexpected text after the value");
    }
    return std::move(error_);
  }

 private:
  bool AtEnd() const { return at_ == text_.size(); }
  char Here() const { return AtEnd() ? '\0' : text_[at_]; }

  bool Fail(std::string_view what) {
    const std::string_view before = text_.substr(0, at_);
    const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    error_ = JsonError{
        .offset = at_,
        .line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n')),
        .column = 1 + CountCharacters(before.substr(line_start)),
        .what = AtEnd() ? fmt::format("the text ends too early: {}", what) : std::string(what)};
    return false;
  }

  void SkipSpace() { at_ = std::min(text_.find_first_not_of(" \t\n\r", at_), text_.size()); }

  bool Take(char c) { return Here() == c && !AtEnd() && (++at_, true); }

  bool Value(JsonValue* out, int depth) {
    if (depth > kMaxDepth) return Fail("the value is nested too deeply");
    const size_t start = at_;
    if (!ValueHere(out, depth)) return false;
    out->raw = text_.substr(start, at_ - start);
    return true;
  }

  bool ValueHere(JsonValue* out, int depth) {
    switch (Here()) {
      case '{':
        return Object(out, depth);
      case '[':
        return Array(out, depth);
      case '"':
        out->kind = JsonValue::Kind::kString;
        return String(&out->text);
      case 't':
        return Word("true", JsonValue::Kind::kBool, out);
      case 'f':
        return Word("false", JsonValue::Kind::kBool, out);
      case 'n':
        return Word("null", JsonValue::Kind::kNull, out);
      case '\'':
        return Fail("strings need double quotes, not single quotes");
      default:
        return Number(out);
    }
  }

  bool Word(std::string_view word, JsonValue::Kind kind, JsonValue* out) {
    if (!text_.substr(at_).starts_with(word))
      return Fail("expected a value; strings need double quotes");
    at_ += word.size();
    out->kind = kind;
    return true;
  }

  bool Object(JsonValue* out, int depth) {
    out->kind = JsonValue::Kind::kObject;
    ++at_;
    SkipSpace();
    if (Take('}')) return true;
    while (true) {
      if (Here() != '"') return Fail("expected a key in double quotes");
      auto& [key, value] = out->members.emplace_back();
      if (!String(&key)) return false;
      SkipSpace();
      if (!Take(':')) return Fail("expected ':' after a key");
      SkipSpace();
      if (!Value(&value, depth + 1)) return false;
      SkipSpace();
      if (Take('}')) return true;
      if (!Take(',')) return Fail("expected ',' or '}'");
      SkipSpace();
    }
  }

  bool Array(JsonValue* out, int depth) {
    out->kind = JsonValue::Kind::kArray;
    ++at_;
    SkipSpace();
    if (Take(']')) return true;
    while (true) {
      if (!Value(&out->items.emplace_back(), depth + 1)) return false;
      SkipSpace();
      if (Take(']')) return true;
      if (!Take(',')) return Fail("expected ',' or ']'");
      SkipSpace();
    }
  }

  size_t Digits() {
    const size_t start = at_;
    while (Here() >= '0' && Here() <= '9') ++at_;
    return at_ - start;
  }

  bool Number(JsonValue* out) {
    out->kind = JsonValue::Kind::kNumber;
    const bool negative = Take('-');
    const bool zero = Here() == '0';
    const size_t whole = Digits();
    if (whole == 0) return Fail(negative ? "expected a digit" : "expected a value");
    if (zero && whole > 1) return Fail("a number must not begin with 0");
    if (Take('.') && Digits() == 0) return Fail("expected a digit after the point");
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      if (Digits() == 0) return Fail("expected a digit in the exponent");
    }
    return true;
  }

  bool String(std::string* out) {
    ++at_;
    while (!Take('"')) {
      if (AtEnd()) return Fail("a string is not closed");
      if (Take('\\')) {
        if (!Escape(out)) return false;
        continue;
      }
      if (static_cast<unsigned char>(Here()) < 0x20)
        return Fail("unescaped control character in a string");
      const size_t length = Utf8Length(text_.substr(at_));
      if (length == 0) return Fail("byte that is not UTF-8");
      out->append(text_.substr(at_, length));
      at_ += length;
    }
    return true;
  }

  bool Escape(std::string* out) {
    static constexpr std::string_view kLetters = "\"\\/bfnrt";
    static constexpr std::string_view kMeaning = "\"\\/\b\f\n\r\t";
    if (Take('u')) return UnicodeEscape(out);
    const size_t i = AtEnd() ? std::string_view::npos : kLetters.find(Here());
    if (i == std::string_view::npos) return Fail("unknown escape after '\\'");
    out->push_back(kMeaning[i]);
    ++at_;
    return true;
  }

  // Half of a surrogate pair is no character, and yet JSON: the server keeps it, so it must be
  // shown.
  bool UnicodeEscape(std::string* out) {
    uint32_t unit = 0;
    if (!FourHex(&unit)) return false;
    if (unit >= 0xD800 && unit <= 0xDBFF) {
      const size_t behind = at_;
      uint32_t low = 0;
      if (Take('\\') && Take('u') && !FourHex(&low)) return false;
      if (low >= 0xDC00 && low <= 0xDFFF) {
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
      } else {
        at_ = behind;
      }
    }
    const bool is_half = unit >= 0xD800 && unit <= 0xDFFF;
    AppendUtf8(is_half ? 0xFFFD : unit, out);
    return true;
  }

  bool FourHex(uint32_t* unit) {
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = Here();
      const bool digit = c >= '0' && c <= '9';
      const char lower = static_cast<char>(c | 0x20);
      if (!digit && (lower < 'a' || lower > 'f'))
        return Fail("expected four hexadecimal digits after \\u");
      *unit = *unit << 4 | static_cast<uint32_t>(digit ? c - '0' : lower - 'a' + 10);
    }
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::optional<JsonError> error_;
};

}  // namespace

std::optional<JsonError> CheckJson(std::string_view text) {
  JsonValue ignored;
  return Parser(text).Parse(&ignored);
}

Result<JsonDocument> ReadJson(std::string text) {
  JsonDocument document{.text = std::make_shared<const std::string>(std::move(text))};
  if (auto error = Parser(*document.text).Parse(&document.root)) {
    return Status(Code::kInternal,
                  "the server's reply is not JSON: " + error->ToString(*document.text));
  }
  return document;
}

std::string JsonError::ToString(std::string_view text) const {
  std::string place = line > 1 ? fmt::format("at line {}, column {}", line, column)
                               : fmt::format("at column {}", column);
  const std::string_view near = text.substr(std::min(offset, text.size())).substr(0, 12);
  if (!near.empty()) place += fmt::format(" (near `{}`)", Printable(near));
  return fmt::format("{}, {}", what, place);
}

}  // namespace treadle::cli
