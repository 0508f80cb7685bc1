// The demo's job, as its two sides know it: `treadle demo`, which enqueues and checks, and `treadle
// worker demo`, which runs it. One `scan` task of a run fans out one `digest` task per file. Pure;
// any thread.
//
//   scan    payload {"run","dir"}    result {"run","files"}
//   digest  payload {"run","path"}   result {"run","path","sha256","bytes","lines","words"}
//   pace    no payload, no result
//
// A path that is not UTF-8, which JSON cannot hold, travels as "path_hex" (hexadecimal) instead of
// "path".
#pragma once

#include <string>
#include <string_view>

#include "demo/digest.h"
#include "json/tree.h"

namespace treadle::demo {

inline constexpr std::string_view kQueue = "demo";
inline constexpr std::string_view kScan = "scan";
inline constexpr std::string_view kDigest = "digest";
inline constexpr std::string_view kPace = "pace";  // does nothing: only how soon it starts counts
inline constexpr int kDigestAttempts = 3;

/// A key for the digest task of `path`: "RUN:PATH", or "RUN:sha256:HEX" for a path that is too long
/// for a key or is not UTF-8. The same path of the same run always gets the same key, so a scan
/// that is tried again doubles nothing.
std::string FileKey(std::string_view run, std::string_view path);

/// What the keys of a run's pace tasks begin with; no key of a digest task does.
std::string PaceKeyPrefix(std::string_view run);

std::string ScanPayload(std::string_view run, std::string_view directory);
std::string ScanResult(std::string_view run, int64_t files);
std::string DigestPayload(std::string_view run, std::string_view path);
std::string DigestResult(std::string_view run, std::string_view path, const FileDigest& digest);

struct Request {
  std::string run;
  std::string path;  // of the directory or the file
};

/// INVALID_ARGUMENT if `payload` is none of the above.
Result<Request> ReadScanPayload(const std::string& payload);
Result<Request> ReadDigestPayload(const std::string& payload);
/// INTERNAL if `result` is no result of a digest task.
Result<FileDigest> ReadDigestResult(const JsonNode& result);

}  // namespace treadle::demo
