// Lists of short texts in effects: a varint count, then each with its length.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace treadle {

inline void EncodeTexts(const std::vector<std::string>& texts, ByteWriter* out) {
  out->Varint(texts.size());
  for (const std::string& text : texts) out->Bytes(text);
}

/// Reads no more than the bytes that there are, whatever the count says.
inline std::vector<std::string> DecodeTexts(ByteReader* in) {
  std::vector<std::string> texts;
  for (uint64_t left = in->Varint(); left > 0 && !in->failed(); --left)
    texts.emplace_back(in->Bytes());
  return texts;
}

}  // namespace treadle
