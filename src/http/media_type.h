// The declared content type of a request's body. Pure; any thread.
#pragma once

#include <string_view>

#include "http/message.h"

namespace treadle::http {

/// "application/json" for "Application/JSON; charset=utf-8", in the case that was sent; empty if
/// the header is missing.
inline std::string_view MediaTypeOf(const Request& request) {
  std::string_view type = request.Header("Content-Type");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return type;
}

inline bool IsSaidToBeJson(const Request& request) {
  return EqualsIgnoringCase(MediaTypeOf(request), "application/json");
}

}  // namespace treadle::http
