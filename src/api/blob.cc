#include "api/blob.h"

#include "api/text_in.h"
#include "model/limits.h"
#include "model/validate.h"

namespace treadle::api {

Status WrongField(const JsonPath& object, std::string_view field, std::string_view rest) {
  const JsonPath path{.parent = &object, .field = field};
  return {Code::kInvalidArgument, path.ToString().append(" ").append(rest)};
}

Status ReadBlobJson(JsonValue value, BlobIn* blob) {
  TREADLE_ASSIGN_OR_RETURN(blob->json, value.Raw());
  return {};
}

Status ReadBlobBase64(JsonValue value, BlobIn* blob) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, value.Text());
  blob->bytes = FromBase64(text);
  if (!blob->bytes) return value.Wrong("must be base64 (RFC 4648, with padding)");
  return {};
}

Status ReadBlobType(JsonValue value, BlobIn* blob) {
  TREADLE_RETURN_IF_ERROR(ReadText(value, &blob->content_type));
  if (blob->content_type.empty()) return value.Wrong("must not be empty");
  return {};
}

Status ReadBlobSha256(JsonValue value, BlobIn* blob) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, value.Text());
  blob->sha256 = ParseSha256(text);
  if (!blob->sha256) return value.Wrong("must be 64 hexadecimal digits");
  return {};
}

Result<Blob> Finish(BlobIn in, std::string_view name, const JsonPath& object) {
  const std::string base64_name = std::string(name) + "_base64";
  if (in.json && in.bytes)
    return WrongField(object, name, "and " + base64_name + " cannot both be given");
  Blob blob;
  if (in.bytes) {
    if (in.content_type.empty()) in.content_type = "application/octet-stream";
    if (in.content_type == kJsonType && !CheckJson(*in.bytes, name).ok())
      return WrongField(object, base64_name, "is not JSON, although its content_type is");
    blob.bytes = *std::move(in.bytes);
  } else {
    blob.bytes = in.json.value_or("null");
  }
  if (in.content_type != kJsonType) blob.content_type = std::move(in.content_type);
  blob.sha256 = Sha256Of(blob.bytes);
  if (in.sha256 && *in.sha256 != blob.sha256)
    return WrongField(
        object, std::string(name) + "_sha256",
        "does not match the received bytes, whose SHA-256 is " + ToHex(blob.sha256.view()));
  return blob;
}

Status CheckContentType(const Blob& blob, const JsonPath& object) {
  if (blob.content_type.size() <= limits::kContentTypeBytes && IsPrintableUtf8(blob.content_type))
    return {};
  return WrongField(
      object, "content_type",
      "must be printable and have at most " + std::to_string(limits::kContentTypeBytes) + " bytes");
}

void WriteBlob(std::string_view name, std::string_view bytes, std::string_view kept_content_type,
               JsonWriter* out) {
  if (kept_content_type.empty()) {
    out->Key(name).Raw(bytes);
  } else {
    out->Key(std::string(name) + "_base64").PlainText(ToBase64(bytes));
  }
}

}  // namespace treadle::api
