// The first part of an answer on the wire: status line and headers. Inside http/ only. Pure; any
// thread.
#pragma once

#include <string>
#include <string_view>

#include "http/message.h"

namespace treadle::http {

struct ResponseHeadOptions {
  bool keep_alive;
  bool is_http_1_0;  // the request was
  std::string_view date;
};

/// Replaces `out`. Control characters in values become spaces, so that no value can add a header.
void FormatResponseHead(const Response& response, const ResponseHeadOptions& options,
                        std::string* out);

}  // namespace treadle::http
