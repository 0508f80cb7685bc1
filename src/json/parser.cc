// A recursive-descent parser. simdjson, which the server uses, is faster but does not say where an
// error is. A node that is null is not wanted: its text is only checked.
#include <algorithm>

#include "base/terminal_text.h"
#include "base/utf8.h"
#include "json/tree.h"

namespace treadle {
namespace {

class Parser {
 public:
  Parser(std::string_view text, int depth_max) : text_(text), depth_max_(depth_max) {}

  std::optional<JsonError> Parse(JsonNode* out) {
    SkipSpace();
    if (AtEnd()) {
      Fail("the text is empty");
    } else if (Value(out, 1)) {
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
    error_ =
        JsonError{.offset = at_,
                  .line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n')),
                  .column = 1 + CountCharacters(before.substr(line_start)),
                  .what = (AtEnd() ? "the text ends too early: " : "") + std::string(what),
                  .path = {}};
    return false;
  }
  bool FailIn(const std::string& part) {
    error_->path.insert(0, part);
    return false;
  }

  void SkipSpace() { at_ = std::min(text_.find_first_not_of(" \t\n\r", at_), text_.size()); }

  bool Take(char c) { return Here() == c && !AtEnd() && (++at_, true); }

  bool Value(JsonNode* out, int depth) {
    const size_t start = at_;
    if (!ValueHere(out, depth)) return false;
    if (out != nullptr) out->raw = text_.substr(start, at_ - start);
    return true;
  }

  bool ValueHere(JsonNode* out, int depth) {
    using enum JsonNode::Kind;
    const char first = Here();
    if (out != nullptr) out->kind = KindOf(first);
    if ((first == '{' || first == '[') && depth > depth_max_)
      return Fail("the value is nested too deeply");
    switch (KindOf(first)) {
      case kObject:
        return Object(out, depth);
      case kArray:
        return Array(out, depth);
      case kString:
        return String(out == nullptr ? nullptr : &out->text);
      case kBool:
        return Word(first == 't' ? "true" : "false");
      case kNull:
        return Word("null");
      case kNumber:
        return first == '\'' ? Fail("strings need double quotes, not single quotes") : Number();
    }
    return false;
  }

  static JsonNode::Kind KindOf(char first) {
    using enum JsonNode::Kind;
    switch (first) {
      case '{':
        return kObject;
      case '[':
        return kArray;
      case '"':
        return kString;
      case 't':
      case 'f':
        return kBool;
      case 'n':
        return kNull;
      default:
        return kNumber;
    }
  }

  bool Word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word))
      return Fail("expected a value; strings need double quotes");
    at_ += word.size();
    return true;
  }

  bool Object(JsonNode* out, int depth) {
    ++at_;
    SkipSpace();
    if (Take('}')) return true;
    while (true) {
      if (Here() != '"') return Fail("expected a key in double quotes");
      JsonMember* member = out == nullptr ? nullptr : &out->members.emplace_back();
      const size_t key = at_ + 1;
      if (!String(member == nullptr ? nullptr : &member->first)) return false;
      const std::string_view name = text_.substr(key, at_ - key - 1);
      SkipSpace();
      if (!Take(':')) return Fail("expected ':' after a key");
      SkipSpace();
      if (!Value(member == nullptr ? nullptr : &member->second, depth + 1))
        return FailIn("." + std::string(name));
      SkipSpace();
      if (Take('}')) return true;
      if (!Take(',')) return Fail("expected ',' or '}'");
      SkipSpace();
    }
  }

  bool Array(JsonNode* out, int depth) {
    ++at_;
    SkipSpace();
    if (Take(']')) return true;
    for (size_t i = 0;; ++i) {
      if (!Value(out == nullptr ? nullptr : &out->items.emplace_back(), depth + 1))
        return FailIn("[" + std::to_string(i) + "]");
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

  bool Number() {
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
      if (out != nullptr) out->append(text_.substr(at_, length));
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
    if (out != nullptr) out->push_back(kMeaning[i]);
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
    if (out != nullptr) AppendUtf8(is_half ? 0xFFFD : unit, out);
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

  const std::string_view text_;
  const int depth_max_;
  size_t at_ = 0;
  std::optional<JsonError> error_;
};

}  // namespace

std::optional<JsonError> FindJsonError(std::string_view text, int depth_max) {
  return Parser(text, depth_max).Parse(nullptr);
}

Result<JsonDocument> ReadJson(std::string text) {
  JsonDocument document{.text = std::make_shared<const std::string>(std::move(text))};
  if (auto error = Parser(*document.text, kJsonTreeDepthMax).Parse(&document.root)) {
    return Status(Code::kInternal,
                  "the server's reply is not JSON: " + error->ToString(*document.text));
  }
  return document;
}

std::string JsonError::ToString(std::string_view text) const {
  std::string place = "at column " + std::to_string(column);
  if (line > 1) place = "at line " + std::to_string(line) + ", column " + std::to_string(column);
  const std::string_view near = text.substr(std::min(offset, text.size())).substr(0, 12);
  if (!near.empty()) place += " (near `" + Printable(near) + "`)";
  return what + ", " + place;
}

}  // namespace treadle
