#include "base/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace treadle {
namespace {

constexpr size_t kPieceBytes = size_t{256} << 10;

const char* KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISLNK(mode)) return "a symbolic link";
  return "a device";
}

Status CheckKind(const std::string& path, const struct stat& info) {
  if (S_ISREG(info.st_mode)) return {};
  return {Code::kInvalidArgument,
          path + " is " + KindOf(info.st_mode) + ", not a file; name a regular file"};
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

bool IsDiskFull(int error_number) {
  return error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
}

Status StatusOfErrno(int error_number, const std::string& what, const std::string& path) {
  std::string message = what + " " + path + ": " + std::strerror(error_number);
  if (IsDiskFull(error_number)) return {Code::kResourceExhausted, std::move(message)};
  switch (error_number) {
    case ENOENT:
      return {Code::kNotFound, std::move(message)};
    case EACCES:
    case EPERM:
    case EROFS:
      return {Code::kPermissionDenied, std::move(message)};
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENXIO:
    case ENAMETOOLONG:
      return {Code::kInvalidArgument, std::move(message)};
    default:
      return {Code::kUnavailable, std::move(message)};
  }
}

// The kind is checked before the file is opened, since to open a device may have an effect; and
// again afterwards, since another file may have taken its place.
Result<FileDescriptor> OpenRegularFile(const std::string& path, int flags) {
  struct stat info{};
  const bool follows = (flags & O_NOFOLLOW) == 0;
  if ((follows ? stat(path.c_str(), &info) : lstat(path.c_str(), &info)) == 0)
    TREADLE_RETURN_IF_ERROR(CheckKind(path, info));
  FileDescriptor fd(open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600));
  if (fd.get() < 0 || fstat(fd.get(), &info) != 0) return StatusOfErrno(errno, "cannot open", path);
  TREADLE_RETURN_IF_ERROR(CheckKind(path, info));
  return fd;
}

Result<std::string> ReadRegularFile(const std::string& path, size_t bytes_max) {
  const auto unreadable = [&](const Status& why) {
    const std::string& text = why.message();
    return Status(why.code(), path + " cannot be read (" + text.substr(text.rfind(": ") + 2) + ")");
  };
  const Result<FileDescriptor> opened = OpenRegularFile(path, O_RDONLY);
  if (!opened.ok())
    return opened.status().message().starts_with(path) ? opened.status()
                                                       : unreadable(opened.status());
  const FileDescriptor& fd = *opened;
  std::string bytes;
  while (bytes.size() <= bytes_max) {
    const size_t size = bytes.size();
    bytes.resize(size + std::min(kPieceBytes, bytes_max + 1 - size));
    const ssize_t n = read(fd.get(), bytes.data() + size, bytes.size() - size);
    const int error = errno;
    bytes.resize(size + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n < 0 && error != EINTR) return unreadable(StatusOfErrno(error, "cannot read", path));
    if (n == 0) return bytes;
  }
  return Status(Code::kInvalidArgument,
                path + " is larger than the " + std::to_string(bytes_max) + " bytes allowed here");
}

}  // namespace treadle
