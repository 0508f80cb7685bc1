// JsonWriter: writes JSON onto the end of a string, commas included. The caller keeps brackets,
// keys and values in order. Borrows the string. One thread.
#pragma once

#include <charconv>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/time.h"
#include "json/text.h"

namespace treadle {

class JsonWriter {
 public:
  explicit JsonWriter(std::string* out) : out_(out) {}

  /// '{' or '['.
  JsonWriter& Open(char bracket) {
    Separate();
    out_->push_back(bracket);
    needs_comma_ = false;
    return *this;
  }
  /// '}' or ']'.
  JsonWriter& Close(char bracket) {
    out_->push_back(bracket);
    needs_comma_ = true;
    return *this;
  }
  /// `name` holds nothing that JSON escapes.
  template <size_t kSize>
  JsonWriter& Key(const char (&name)[kSize]) {
    // In one piece: keys are half of what a lease is.
    char piece[kSize + 3];
    std::memcpy(piece, ",\"", 2);
    std::memcpy(piece + 2, name, kSize - 1);
    std::memcpy(piece + kSize + 1, "\":", 2);
    const size_t skipped = needs_comma_ ? 0 : 1;
    out_->append(piece + skipped, sizeof piece - skipped);
    needs_comma_ = false;
    return *this;
  }
  JsonWriter& Key(std::string_view name) {
    Separate();
    out_->append("\"").append(name).append("\":");
    needs_comma_ = false;
    return *this;
  }
  JsonWriter& Text(std::string_view text) {
    if (text.size() <= kShort && NeedsNoEscape(text)) return PlainText(text);
    Separate();
    AppendJsonString(text, out_);
    return *this;
  }
  /// Text that holds nothing that JSON escapes: ids, names, digests.
  JsonWriter& PlainText(std::string_view text) {
    if (text.size() > kShort) {
      Separate();
      out_->append("\"").append(text).append("\"");
      return *this;
    }
    char piece[kShort + 3];
    std::memcpy(piece, ",\"", 2);
    std::memcpy(piece + 2, text.data(), text.size());
    piece[2 + text.size()] = '"';
    const size_t skipped = needs_comma_ ? 0 : 1;
    out_->append(piece + skipped, text.size() + 3 - skipped);
    needs_comma_ = true;
    return *this;
  }
  JsonWriter& Digest(const Sha256& digest) {
    char hex[2 * sizeof digest.bytes];
    WriteHex(digest.view(), hex);
    return PlainText({hex, sizeof hex});
  }
  template <std::integral T>
  JsonWriter& Number(T number) {
    char digits[24];
    return Raw({digits, std::to_chars(digits, digits + sizeof digits, number).ptr});
  }
  /// A finite number, in its shortest exact form.
  JsonWriter& Fraction(double number) {
    char digits[32];
    return Raw({digits, std::to_chars(digits, digits + sizeof digits, number).ptr});
  }
  JsonWriter& Flag(bool flag) { return Raw(flag ? "true" : "false"); }
  JsonWriter& Time(WallTime time) { return PlainText(WallTimeText(time).view()); }
  /// One JSON value, as it is.
  JsonWriter& Raw(std::string_view json) {
    Separate();
    out_->append(json);
    return *this;
  }

 private:
  static constexpr size_t kShort = 64;  // a digest's text

  void Separate() {
    if (needs_comma_) out_->push_back(',');
    needs_comma_ = true;
  }

  std::string* out_;
  bool needs_comma_ = false;
};

}  // namespace treadle
