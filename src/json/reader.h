// Reading of request bodies: JSON, strict, in one pass, and with the exact bytes of what is kept.
//
// ParseJson() walks a body once from front to back; the reader takes each value in place.
// Everything is checked on the way, also within values that are only passed on: the grammar of
// RFC 8259, UTF-8, and a depth of at most kJsonDepthMax. Numbers that are only passed on may have
// any size (which is why simdjson's On-Demand interface does the walking and not its DOM, whose
// integers end at 64 bits).
//
// Every failure is INVALID_ARGUMENT and names the field: "tasks[3].priority must be …". A JsonValue
// is valid during the call that it is passed to, and is read at most once; what is not read is
// checked and skipped. One thread at a time; the parsers behind it are per thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace treadle {

inline constexpr int kJsonDepthMax = 64;

/// The place of a value in its document, as a chain up to the root. Costs nothing until it is
/// shown.
struct JsonPath {
  const JsonPath* parent = nullptr;
  std::string_view field;  // of an object
  size_t index = 0;        // in an array, if `field` is empty

  /// "tasks[3].priority"; empty for the root.
  std::string ToString() const;
};

class JsonCursor;  // json_in.cc

class JsonValue {
 public:
  JsonValue(JsonCursor* cursor, const JsonPath* path, int depth)
      : cursor_(cursor), path_(path), depth_(depth) {}

  /// The decoded text. The view holds until the end of ParseJson().
  Result<std::string_view> Text();
  /// A whole number from `min` to `max`, exactly: 160, and also 160.0 and 1.6e2.
  Result<int64_t> Whole(int64_t min, int64_t max);
  /// A number from 0 to 1.
  Result<double> Fraction();
  Result<bool> Flag();
  /// Whether it is null; it can still be read.
  bool IsNull() const;
  /// The value's bytes as in the body, without white space around them. The view holds
  /// until the end of ParseJson().
  Result<std::string_view> Raw();

  using EachFn = std::function<Status(size_t index, JsonValue value)>;
  /// Reads an array of at most `max` values.
  Status Each(size_t max, const EachFn& read);
  using FieldFn = std::function<Status(size_t field, JsonValue value)>;
  /// Reads an object: `read` is called with the place in `known` of each field that is there. A
  /// field that is not known, or that comes twice, is an error.
  Status Fields(std::span<const std::string_view> known, const FieldFn& read);

  /// INVALID_ARGUMENT "<path> <rest>"; at the root, "the request body <rest>".
  Status Wrong(std::string_view rest) const;
  const JsonPath& path() const { return *path_; }

 private:
  JsonCursor* cursor_;
  const JsonPath* path_;
  int depth_;
};

/// Reads one JSON value with nothing after it. `body` may be enlarged (not changed) for the
/// parser's sake. `what` names it in errors: "the request body".
Status ParseJson(std::string* body, std::string_view what,
                 const std::function<Status(JsonValue)>& read);

/// Whether `bytes` are one JSON value under the same rules.
Status CheckJson(std::string_view bytes, std::string_view what);

/// One field of an object of which a T is made.
template <class T>
struct JsonField {
  std::string_view name;
  Status (*read)(JsonValue value, T* out);
};

/// Fills `out` from an object by a table of its fields.
template <class T, size_t N>
Status ReadObject(JsonValue value, const JsonField<T> (&fields)[N], T* out) {
  std::string_view names[N];
  for (size_t i = 0; i < N; ++i) names[i] = fields[i].name;
  struct {
    const JsonField<T>* fields;
    T* out;
  } target{fields, out};
  return value.Fields(names, [&target](size_t i, JsonValue field) {
    return target.fields[i].read(field, target.out);
  });
}

/// Readers of single fields, for such tables.
Status ReadText(JsonValue value, std::string* out);
Status ReadTexts(JsonValue value, size_t max, std::vector<std::string>* out);
template <class T>
Status ReadWhole(JsonValue value, int64_t min, int64_t max, T* out) {
  TREADLE_ASSIGN_OR_RETURN(const int64_t number, value.Whole(min, max));
  *out = static_cast<T>(number);
  return {};
}

}  // namespace treadle
