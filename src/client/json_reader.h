// What client/ needs on top of simdjson. Only for .cc files: simdjson is slow to compile.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "base/status.h"

namespace treadle::wire {

/// Reads one document; strings point into it and into the parser, which both must outlive them.
class JsonDocument {
 public:
  explicit JsonDocument(std::string text) : text_(std::move(text)) {
    text_.reserve(text_.size() + simdjson::SIMDJSON_PADDING);
  }
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;

  /// Throws simdjson_error, as all that follows from the document.
  simdjson::ondemand::object Root() {
    document_ = parser_.iterate(text_.data(), text_.size(), text_.capacity());
    return document_.get_object();
  }

 private:
  std::string text_;
  simdjson::ondemand::parser parser_;
  simdjson::ondemand::document document_;
};

/// The value's own text, without the white space around it.
std::string_view RawJson(simdjson::ondemand::value value);

std::string ReadString(simdjson::ondemand::value value);

/// Runs `read`, whose simdjson_error becomes INTERNAL.
template <class Read>
Status Guarded(Read read) {
  try {
    return read();
  } catch (const simdjson::simdjson_error& error) {
    return {Code::kInternal, std::string("cannot read the server's answer: ") + error.what()};
  }
}

}  // namespace treadle::wire
