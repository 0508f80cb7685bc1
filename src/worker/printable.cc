#include "worker/printable.h"

#include <cstdint>

#include "base/utf8.h"

namespace treadle::worker {
namespace {

uint32_t CodePointOf(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(character[i]); };
  if (character.size() == 1) return byte(0);
  uint32_t code_point = byte(0) & (0xffU >> (character.size() + 1));
  for (size_t i = 1; i < character.size(); ++i) code_point = code_point << 6 | (byte(i) & 0x3fU);
  return code_point;
}

bool IsShown(uint32_t code_point) {
  const auto is_from = [&](uint32_t first, uint32_t last) {
    return code_point >= first && code_point <= last;
  };
  return !is_from(0, 0x1f) && !is_from(0x7f, 0x9f) &&  // C0, DEL, C1
         !is_from(0x200b, 0x200f) && !is_from(0x2028, 0x202e) && !is_from(0x2060, 0x206f) &&
         code_point != 0xad && code_point != 0xfeff;
}

}  // namespace

std::string PrintableHead(std::string_view text, size_t bytes_max, char instead) {
  std::string shown;
  while (!text.empty()) {
    const Utf8Sequence next = Utf8SequenceAt(text);
    const std::string_view character = text.substr(0, next.size);
    const bool stays = next.valid && IsShown(CodePointOf(character));
    if (shown.size() + (stays ? next.size : 1) > bytes_max) break;
    if (stays)
      shown.append(character);
    else
      shown.push_back(instead);
    text.remove_prefix(next.size);
  }
  return shown;
}

}  // namespace treadle::worker
