// Enforces a quota on the C library's writes (LD_PRELOAD). The files below TREADLE_QUOTA_DIRECTORY
// may hold as many bytes in total as the file TREADLE_QUOTA_FILE says at that moment. A write that
// would exceed that fails with EDQUOT. As with real user quotas, statvfs(2) knows nothing of it.
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

thread_local uint64_t counted = 0;

int Count(const char* /*path*/, const struct stat* info, int kind, struct FTW* /*place*/) {
  if (kind == FTW_F) counted += static_cast<uint64_t>(info->st_size);
  return 0;
}

uint64_t BytesBelow(const char* directory) {
  counted = 0;
  nftw(directory, Count, 16, FTW_PHYS);
  return counted;
}

uint64_t Quota() {
  uint64_t bytes = UINT64_MAX;
  std::FILE* const file = std::fopen(std::getenv("TREADLE_QUOTA_FILE"), "r");
  if (file == nullptr) return bytes;
  if (std::fscanf(file, "%lu", &bytes) != 1) bytes = UINT64_MAX;
  std::fclose(file);
  return bytes;
}

bool IsBelow(int fd, std::string_view directory) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), path, sizeof path);
  return size > 0 && std::string_view(path, static_cast<size_t>(size)).starts_with(directory);
}

bool MayGrowTo(int fd, uint64_t end) {
  const char* const directory = std::getenv("TREADLE_QUOTA_DIRECTORY");
  struct stat info{};
  if (directory == nullptr || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return true;
  const auto size = static_cast<uint64_t>(info.st_size);
  if (end <= size || !IsBelow(fd, directory)) return true;
  if (BytesBelow(directory) + (end - size) <= Quota()) return true;
  errno = EDQUOT;
  return false;
}

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  static auto* const next = Next<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  return MayGrowTo(fd, static_cast<uint64_t>(offset) + size) ? next(fd, data, size, offset) : -1;
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  return pwrite(fd, data, size, offset);
}

ssize_t write(int fd, const void* data, size_t size) {
  static auto* const next = Next<ssize_t(int, const void*, size_t)>("write");
  const off_t offset = lseek(fd, 0, SEEK_CUR);
  if (offset >= 0 && !MayGrowTo(fd, static_cast<uint64_t>(offset) + size)) return -1;
  return next(fd, data, size);
}

int fallocate(int fd, int mode, off_t offset, off_t size) {
  static auto* const next = Next<int(int, int, off_t, off_t)>("fallocate");
  return MayGrowTo(fd, static_cast<uint64_t>(offset + size)) ? next(fd, mode, offset, size) : -1;
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
  return fallocate(fd, mode, offset, size);
}

}  // extern "C"
