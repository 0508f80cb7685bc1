// Shape: what an answer must look like before anybody reads it. A server of another kind, or a
// proxy with a page of its own, answers 200, too; what it sends must neither crash a client nor
// pass for success. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "client/connection.h"

namespace treadle::wire {

struct Shape;

/// One member of an object. Members that no Field names may be anything. An optional one may also
/// be null.
struct Field {
  enum class Kind : uint8_t { kText, kInteger, kNumber, kFlag, kObject, kList, kAny };

  std::string_view name;
  Kind kind = Kind::kText;
  bool required = true;
  const Shape* of = nullptr;  // of the object, or of each item of the list, which is an object
};

/// An object.
struct Shape {
  std::span<const Field> fields;  // at most 64
};

/// The first thing that is wrong with `json`: `"tasks[2].id" is missing`. Nothing if it is JSON of
/// that shape.
std::optional<std::string> WhatIsWrong(std::string_view json, const Shape& shape);

/// INTERNAL, with the server, the request ("GET /v1/tasks") and the field, unless `answer` is JSON
/// of that shape.
Status CheckAnswer(const ServerConnection& server, std::string_view request,
                   const ServerAnswer& answer, const Shape& shape);

/// The same for an answer that is bytes, not JSON: it must have the header `name` (in lower case),
/// and "treadle-sha256" must match.
Status CheckBytes(const ServerConnection& server, std::string_view request,
                  const ServerAnswer& answer, std::string_view name);

/// The error of an answer that no Treadle server gives: `what` is wrong with it.
Status UnexpectedAnswer(const ServerConnection& server, std::string_view request,
                        std::string_view what);

}  // namespace treadle::wire
