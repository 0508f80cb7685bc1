#include "demo/job.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace treadle::demo {
namespace {

constexpr size_t kKeyBytesMax = 512;  // what the server admits

JsonObject WithPath(std::string_view run, std::string_view name, std::string_view path) {
  JsonObject object;
  object.Text("run", run);
  if (IsUtf8(path)) return object.Text(name, path);
  return object.Text(fmt::format("{}_hex", name), ToHex(path));
}

Result<Request> ReadRequest(const std::string& payload, std::string_view name) {
  const Result<JsonDocument> document = ReadJson(payload);
  const Status bad(Code::kInvalidArgument,
                   fmt::format("the payload needs \"run\" and \"{}\"", name));
  if (!document.ok()) return bad;
  const JsonNode& root = document->root;
  Request request{.run = root.Text("run"), .path = root.Text(name)};
  const auto bytes = FromHex(root.Text(fmt::format("{}_hex", name)));
  if (request.path.empty() && bytes) request.path = *bytes;
  if (request.run.empty() || request.path.empty()) return bad;
  return request;
}

}  // namespace

std::string FileKey(std::string_view run, std::string_view path) {
  std::string key = fmt::format("{}:{}", run, path);
  if (key.size() <= kKeyBytesMax && IsUtf8(path)) return key;
  return fmt::format("{}:sha256:{}", run, ToHex(Sha256Of(path).view()));
}

std::string PaceKeyPrefix(std::string_view run) { return fmt::format("{}-pace:", run); }

std::string ScanPayload(std::string_view run, std::string_view directory) {
  return WithPath(run, "dir", directory).Done();
}

std::string ScanResult(std::string_view run, int64_t files) {
  return JsonObject().Text("run", run).Integer("files", files).Done();
}

std::string DigestPayload(std::string_view run, std::string_view path) {
  return WithPath(run, "path", path).Done();
}

std::string DigestResult(std::string_view run, std::string_view path, const FileDigest& digest) {
  return WithPath(run, "path", path)
      .Text("sha256", ToHex(digest.sha256.view()))
      .Integer("bytes", digest.bytes)
      .Integer("lines", digest.lines)
      .Integer("words", digest.words)
      .Done();
}

Result<Request> ReadScanPayload(const std::string& payload) { return ReadRequest(payload, "dir"); }

Result<Request> ReadDigestPayload(const std::string& payload) {
  return ReadRequest(payload, "path");
}

Result<FileDigest> ReadDigestResult(const JsonNode& result) {
  const auto raw = FromHex(result.Text("sha256"));
  const auto sha256 = Sha256FromRaw(raw.value_or(""));
  if (!sha256) return Status(Code::kInternal, "a result of the digest task has no sha256");
  return FileDigest{.sha256 = *sha256,
                    .bytes = result.Integer("bytes", -1),
                    .lines = result.Integer("lines", -1),
                    .words = result.Integer("words", -1)};
}

}  // namespace treadle::demo
