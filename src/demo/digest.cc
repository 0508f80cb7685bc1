#include "demo/digest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/check.h"
#include "console/console.h"

namespace treadle::demo {
namespace {

constexpr size_t kDigestPieceBytes = size_t{128} << 10;

struct Descriptor {
  explicit Descriptor(int f) : fd(f) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  const int fd;
};

Status SystemError(const std::string& path, int error) {
  const Code code = error == ENOENT || error == ENOTDIR ? Code::kNotFound
                    : error == ELOOP                    ? Code::kFailedPrecondition
                    : error == EACCES || error == EPERM ? Code::kPermissionDenied
                                                        : Code::kUnavailable;
  return {code, fmt::format("{}: {}", Printable(path), std::strerror(error))};
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

class Counter {
 public:
  Counter() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    TREADLE_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }

  void Add(std::string_view piece) {
    TREADLE_CHECK(EVP_DigestUpdate(context_.get(), piece.data(), piece.size()) == 1);
    digest_.bytes += static_cast<int64_t>(piece.size());
    for (const char c : piece) {
      const bool space = IsSpace(c);
      digest_.lines += c == '\n' ? 1 : 0;
      digest_.words += !space && !in_word_ ? 1 : 0;
      in_word_ = !space;
    }
  }

  FileDigest Finish() {
    TREADLE_CHECK(EVP_DigestFinal_ex(context_.get(), digest_.sha256.bytes.data(), nullptr) == 1);
    return digest_;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
  FileDigest digest_;
  bool in_word_ = false;
};

}  // namespace

Result<FileDigest> DigestFile(const std::string& path) {
  // O_NONBLOCK: opening a pipe that nobody writes to must not wait.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (file.fd < 0) return SystemError(path, errno);
  struct stat info{};
  if (::fstat(file.fd, &info) != 0) return SystemError(path, errno);
  if (!S_ISREG(info.st_mode)) {
    return Status(Code::kFailedPrecondition,
                  fmt::format("{}: not a regular file", Printable(path)));
  }
  Counter counter;
  std::vector<char> piece(kDigestPieceBytes);
  while (true) {
    const ssize_t n = ::read(file.fd, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(path, errno);
    if (n == 0) return counter.Finish();
    counter.Add({piece.data(), static_cast<size_t>(n)});
  }
}

std::string_view DigestErrorCode(const Status& status) {
  if (status.code() == Code::kNotFound) return "file_missing";
  if (status.code() == Code::kFailedPrecondition) return "not_a_file";
  return "file_unreadable";
}

}  // namespace treadle::demo
