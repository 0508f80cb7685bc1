// Bytes in a request: JSON as it is, everything else as base64.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "client/wire.h"
#include "json/writer.h"

namespace treadle::wire {

/// The field `name`, or `name`_base64 and content_type. Returns the bytes that the server keeps and
/// hashes. What is called application/json must be JSON.
inline std::string_view WriteBlob(JsonWriter& json, std::string_view name, std::string_view bytes,
                                  std::string_view content_type) {
  if (content_type == kJson) {
    bytes = TrimJson(bytes);
    json.Key(name).Raw(bytes);
  } else {
    json.Key(std::string(name) + "_base64").Text(ToBase64(bytes));
    json.Key("content_type").Text(content_type);
  }
  return bytes;
}

}  // namespace treadle::wire
