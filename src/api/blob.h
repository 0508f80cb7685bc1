// Blob: a payload or a result on the wire. It comes as any JSON value, whose exact bytes are kept,
// or as base64 of other bytes; and goes out the same way.
//
//   {"payload": <any JSON>}  or  {"payload_base64": "…", "content_type": "image/png"}
//
// Bytes that are called application/json are JSON, wherever they came from: they can be put into
// an answer as they are.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/status.h"
#include "json/reader.h"
#include "json/writer.h"

namespace treadle::api {

inline constexpr std::string_view kJsonType = "application/json";

/// The fields of an object that were present.
struct BlobIn {
  std::optional<std::string_view> json;  // in the body that is being parsed
  std::optional<std::string> bytes;      // from base64
  std::string content_type;
  std::optional<Sha256> sha256;
};

/// Readers of the fields of a BlobIn.
Status ReadBlobJson(JsonValue value, BlobIn* blob);
Status ReadBlobBase64(JsonValue value, BlobIn* blob);
Status ReadBlobType(JsonValue value, BlobIn* blob);
Status ReadBlobSha256(JsonValue value, BlobIn* blob);

/// How model values keep it.
struct Blob {
  std::string bytes;
  std::string content_type;  // empty: application/json
  Sha256 sha256;
};

/// The blob whose fields begin with `name` ("payload"); the JSON value null if neither form was
/// given. INVALID_ARGUMENT, naming the field below `object`: both forms were given, the digest is
/// not that of the bytes, or bytes called application/json are none.
Result<Blob> Finish(BlobIn in, std::string_view name, const JsonPath& object);

/// INVALID_ARGUMENT: its content type is too long, or not printable.
Status CheckContentType(const Blob& blob, const JsonPath& object);

/// INVALID_ARGUMENT "<object>.<field> <rest>".
Status WrongField(const JsonPath& object, std::string_view field, std::string_view rest);

constexpr std::string_view ContentTypeOf(std::string_view kept) {
  return kept.empty() ? kJsonType : kept;
}
/// The field `name` with the JSON itself, or `name`_base64.
void WriteBlob(std::string_view name, std::string_view bytes, std::string_view kept_content_type,
               JsonWriter* out);

}  // namespace treadle::api
