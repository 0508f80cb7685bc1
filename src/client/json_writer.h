// JsonWriter: appends one JSON document to a string, with the commas where they belong.
//
// Not thread safe; the string must outlive the writer. What is not valid UTF-8 in a string becomes
// U+FFFD, so that the result is always valid JSON, provided that calls are paired and Raw() gets
// valid JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json_text.h"

namespace treadle::wire {

class JsonWriter {
 public:
  explicit JsonWriter(std::string* out) : out_(out) {}

  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }

  /// Names the next value. `key` needs no escape.
  JsonWriter& Key(std::string_view key) {
    Separate();
    out_->append(1, '"').append(key).append("\":");
    needs_comma_ = false;
    return *this;
  }

  JsonWriter& String(std::string_view text) {
    Separate();
    AppendJsonString(text, out_);
    return *this;
  }
  JsonWriter& Int(int64_t value) { return Raw(std::to_string(value)); }
  JsonWriter& Bool(bool value) { return Raw(value ? "true" : "false"); }
  /// A value that is JSON already.
  JsonWriter& Raw(std::string_view json) {
    Separate();
    out_->append(json);
    return *this;
  }

 private:
  void Separate() {
    if (needs_comma_) out_->push_back(',');
    needs_comma_ = true;
  }
  JsonWriter& Open(char bracket) {
    Separate();
    out_->push_back(bracket);
    needs_comma_ = false;
    return *this;
  }
  JsonWriter& Close(char bracket) {
    out_->push_back(bracket);
    needs_comma_ = true;
    return *this;
  }

  std::string* out_;
  bool needs_comma_ = false;
};

}  // namespace treadle::wire
