#include "model/fingerprint.h"

#include <algorithm>

#include "base/hash.h"

namespace treadle {
namespace {

constexpr size_t kDecidingBytes = 512;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsWordByte(char c) {
  return IsHex(c) || (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z') || c == '_' ||
         static_cast<uint8_t>(c) >= 0x80;
}

// A word that holds a digit varies: 17, 0x1f, 1-42, a UUID or a hash, worker7.
bool Varies(std::string_view word) { return std::ranges::any_of(word, IsDigit); }

// The end of what begins with the quote at the front; npos if that is not closed.
size_t QuotedEnd(std::string_view text) { return text.find(text.front(), 1); }

}  // namespace

std::string NormalisedMessage(std::string_view message) {
  std::string_view rest = message.substr(0, kDecidingBytes);
  std::string out;
  while (!rest.empty()) {
    const char first = rest.front();
    size_t end = 1;
    if (IsSpace(first)) {
      end = static_cast<size_t>(std::ranges::find_if_not(rest, IsSpace) - rest.begin());
      out += ' ';
    } else if ((first == '"' || first == '\'' || first == '`') &&
               QuotedEnd(rest) != std::string_view::npos) {
      end = QuotedEnd(rest) + 1;
      out += "'…'";
    } else if (IsWordByte(first)) {
      const auto in_word = [](char c) { return IsWordByte(c) || c == '-' || c == '.'; };
      end = static_cast<size_t>(std::ranges::find_if_not(rest, in_word) - rest.begin());
      const std::string_view word = rest.substr(0, end);
      out += Varies(word) ? "#" : word;
    } else {
      out += first;
    }
    rest.remove_prefix(end);
  }
  return out;
}

uint64_t ErrorFingerprint(std::string_view type, std::string_view code, std::string_view message) {
  std::string text(type);
  text.append(1, '\0').append(code).append(1, '\0').append(NormalisedMessage(message));
  return Xxh3(text);
}

std::string FingerprintText(uint64_t fingerprint) {
  std::string text(16, '0');
  for (size_t i = 16; i-- > 0; fingerprint >>= 4) text[i] = "0123456789abcdef"[fingerprint & 15];
  return text;
}

}  // namespace treadle
