// Opening files whose names come from people: only regular files, never a wait, never too much.
//
// A directory, a pipe, a device or a socket where a file is expected is an INVALID_ARGUMENT that
// reports it. Opening one neither blocks (a pipe that nobody writes to) nor has an effect on it.
// Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "base/status.h"

namespace treadle {

/// Owns a file descriptor.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Whether the error number means that there is no room for a write: the disk, a quota or the
/// process's limit for the size of a file.
bool IsDiskFull(int error_number);

/// What errno `error_number` means after `what` ("cannot open") was tried on `path`.
/// RESOURCE_EXHAUSTED if IsDiskFull(); NOT_FOUND; PERMISSION_DENIED; INVALID_ARGUMENT: the path
/// names something of another kind; UNAVAILABLE for the rest.
Status StatusOfErrno(int error_number, const std::string& what, const std::string& path);

/// Opens the regular file at `path` with open(2)'s `flags`. With O_NOFOLLOW, which whoever writes
/// should use, a symbolic link is refused like anything else that is no file.
Result<FileDescriptor> OpenRegularFile(const std::string& path, int flags);

/// All of the file at `path`. INVALID_ARGUMENT if it is longer than `bytes_max`. Messages begin
/// with the path.
Result<std::string> ReadRegularFile(const std::string& path, size_t bytes_max);

}  // namespace treadle
