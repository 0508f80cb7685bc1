// What the demo's `digest` task computes for a file. The job and the check that does without
// Treadle use the same code. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/status.h"

namespace treadle::demo {

struct FileDigest {
  Sha256 sha256;
  int64_t bytes = 0;
  int64_t lines = 0;  // newline characters
  int64_t words = 0;  // longest runs of bytes that are no white space (space, \t, \n, \v, \f, \r)

  bool operator==(const FileDigest&) const = default;
};

/// Reads the file in pieces. NOT_FOUND: there is none; FAILED_PRECONDITION: it is not a regular
/// file (a symbolic link is not followed); PERMISSION_DENIED and UNAVAILABLE: it cannot be read.
Result<FileDigest> DigestFile(const std::string& path);

/// The error code of a `digest` task that failed with `status`: file_missing, not_a_file or
/// file_unreadable.
std::string_view DigestErrorCode(const Status& status);

}  // namespace treadle::demo
