// The C library calls that the layer intercepts (LD_PRELOAD). It models the calls that Treadle and
// SQLite make on their files. Any other call that would change a file of the directory ends the
// process, so that none goes unnoticed. A direct system call would, but the server makes none on
// files (and uses no io_uring).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <string_view>

#include "tests/crash/disk/layer.h"
#include "tests/crash/disk/real_calls.h"

using treadle::crash::Layer;
using treadle::crash::NextOf;
using treadle::crash::Real;

namespace {

bool Writes(int flags) { return (flags & (O_ACCMODE | O_CREAT)) != O_RDONLY; }

// Reads need no tracking. Directories are opened for reading and synced.
int OpenAny(const char* path, int flags, mode_t mode) {
  Layer& layer = Layer::Get();
  return layer.Has(path) ? layer.Open(path, flags, mode) : Real().open(path, flags, mode);
}

template <typename Function>
Function* NextUnless(bool is_ours, const char* call, const char* what) {
  if (is_ours) Layer::Refuse(call, what);
  return NextOf<Function>(call);
}

template <typename Function>
Function* NextFor(int fd, const char* call) {
  return NextUnless<Function>(Layer::Get().Has(fd), call, "an open file");
}

template <typename Function>
Function* NextFor(const char* path, const char* call) {
  return NextUnless<Function>(Layer::Get().Has(path), call, path);
}

}  // namespace

extern "C" {

// Modeled.

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return OpenAny(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return OpenAny(path, flags, mode);
}

int close(int fd) { return Layer::Get().Has(fd) ? Layer::Get().Close(fd) : Real().close(fd); }

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  Layer& layer = Layer::Get();
  return layer.Has(fd) ? layer.WriteAt(fd, data, size, offset)
                       : Real().pwrite(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  return pwrite(fd, data, size, offset);
}

ssize_t write(int fd, const void* data, size_t size) {
  Layer& layer = Layer::Get();
  if (!layer.Has(fd)) return Real().write(fd, data, size);
  const off_t offset = lseek(fd, 0, SEEK_CUR);
  const ssize_t written = layer.WriteAt(fd, data, size, offset);
  if (written > 0) lseek(fd, offset + written, SEEK_SET);
  return written;
}

int ftruncate(int fd, off_t size) noexcept {
  Layer& layer = Layer::Get();
  return layer.Has(fd) ? layer.Truncate(fd, size) : Real().ftruncate(fd, size);
}

int ftruncate64(int fd, off64_t size) noexcept { return ftruncate(fd, size); }

// Only where it makes a file longer.
int fallocate(int fd, int mode, off_t offset, off_t size) {
  Layer& layer = Layer::Get();
  return layer.Has(fd) && mode == 0
             ? layer.Allocate(fd, offset, size)
             : NextFor<int(int, int, off_t, off_t)>(fd, "fallocate")(fd, mode, offset, size);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t size) {
  return fallocate(fd, mode, offset, size);
}

int fsync(int fd) {
  Layer& layer = Layer::Get();
  return layer.Has(fd) ? layer.Sync(fd, Real().fsync) : Real().fsync(fd);
}

int fdatasync(int fd) {
  Layer& layer = Layer::Get();
  return layer.Has(fd) ? layer.Sync(fd, Real().fdatasync) : Real().fdatasync(fd);
}

int rename(const char* from, const char* to) noexcept {
  Layer& layer = Layer::Get();
  return layer.Has(from) || layer.Has(to) ? layer.Rename(from, to) : Real().rename(from, to);
}

int unlink(const char* path) noexcept {
  Layer& layer = Layer::Get();
  return layer.Has(path) ? layer.Unlink(path) : Real().unlink(path);
}

int mkdir(const char* path, mode_t mode) noexcept {
  Layer& layer = Layer::Get();
  return layer.Has(path) ? layer.MakeDirectory(path, mode) : Real().mkdir(path, mode);
}

// Not modeled.

int openat(int directory, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  const bool is_ours = Writes(flags) && (Layer::Get().Has(path) || Layer::Get().Has(directory));
  return NextUnless<int(int, const char*, int, ...)>(is_ours, "openat", path)(directory, path,
                                                                              flags, mode);
}

int creat(const char* path, mode_t mode) {
  return NextFor<int(const char*, mode_t)>(path, "creat")(path, mode);
}

std::FILE* fopen(const char* path, const char* mode) {
  const bool is_ours = Layer::Get().Has(path) &&
                       std::string_view(mode).find_first_of("wa+") != std::string_view::npos;
  return NextUnless<std::FILE*(const char*, const char*)>(is_ours, "fopen", path)(path, mode);
}

int dup(int fd) noexcept { return NextFor<int(int)>(fd, "dup")(fd); }

int dup2(int fd, int to) noexcept {
  return NextUnless<int(int, int)>(Layer::Get().Has(fd) || Layer::Get().Has(to), "dup2",
                                   "an open file")(fd, to);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  return NextFor<ssize_t(int, const iovec*, int)>(fd, "writev")(fd, parts, count);
}

ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
  return NextFor<ssize_t(int, const iovec*, int, off_t)>(fd, "pwritev")(fd, parts, count, offset);
}

ssize_t pwritev2(int fd, const iovec* parts, int count, off_t offset, int flags) {
  return NextFor<ssize_t(int, const iovec*, int, off_t, int)>(fd, "pwritev2")(fd, parts, count,
                                                                              offset, flags);
}

ssize_t copy_file_range(int in, off64_t* from, int out, off64_t* to, size_t size,
                        unsigned int flags) {
  return NextFor<ssize_t(int, off64_t*, int, off64_t*, size_t, unsigned int)>(
      out, "copy_file_range")(in, from, out, to, size, flags);
}

ssize_t sendfile(int out, int in, off_t* offset, size_t size) noexcept {
  return NextFor<ssize_t(int, int, off_t*, size_t)>(out, "sendfile")(out, in, offset, size);
}

int posix_fallocate(int fd, off_t offset, off_t size) {
  return NextFor<int(int, off_t, off_t)>(fd, "posix_fallocate")(fd, offset, size);
}

int sync_file_range(int fd, off64_t offset, off64_t size, unsigned int flags) {
  return NextFor<int(int, off64_t, off64_t, unsigned int)>(fd, "sync_file_range")(fd, offset, size,
                                                                                  flags);
}

int syncfs(int fd) noexcept { return NextFor<int(int)>(fd, "syncfs")(fd); }

int truncate(const char* path, off_t size) noexcept {
  return NextFor<int(const char*, off_t)>(path, "truncate")(path, size);
}

int link(const char* from, const char* to) noexcept {
  return NextUnless<int(const char*, const char*)>(Layer::Get().Has(from) || Layer::Get().Has(to),
                                                   "link", to)(from, to);
}

int renameat(int from_at, const char* from, int to_at, const char* to) noexcept {
  return NextUnless<int(int, const char*, int, const char*)>(
      Layer::Get().Has(from) || Layer::Get().Has(to), "renameat", from)(from_at, from, to_at, to);
}

int renameat2(int from_at, const char* from, int to_at, const char* to,
              unsigned int flags) noexcept {
  return NextUnless<int(int, const char*, int, const char*, unsigned int)>(
      Layer::Get().Has(from) || Layer::Get().Has(to), "renameat2", from)(from_at, from, to_at, to,
                                                                         flags);
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  const bool is_ours = Layer::Get().Has(path) || Layer::Get().Has(directory);
  return NextUnless<int(int, const char*, int)>(is_ours, "unlinkat", path)(directory, path, flags);
}

int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  const bool is_ours = Layer::Get().Has(path) || Layer::Get().Has(directory);
  return NextUnless<int(int, const char*, mode_t)>(is_ours, "mkdirat", path)(directory, path, mode);
}

int rmdir(const char* path) noexcept { return NextFor<int(const char*)>(path, "rmdir")(path); }

void* mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  const bool is_ours = (flags & MAP_ANONYMOUS) == 0 && (flags & MAP_SHARED) != 0 &&
                       (protection & PROT_WRITE) != 0 && Layer::Get().Has(fd);
  static auto* const next = NextOf<void*(void*, size_t, int, int, int, off_t)>("mmap");
  if (is_ours) Layer::Refuse("mmap", "an open file");
  return next(at, size, protection, flags, fd, offset);
}

// The same calls under their names for 64-bit offsets.

int openat64(int directory, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return openat(directory, path, flags, mode);
}

int creat64(const char* path, mode_t mode) { return creat(path, mode); }

std::FILE* fopen64(const char* path, const char* mode) { return fopen(path, mode); }

ssize_t pwritev64(int fd, const iovec* parts, int count, off64_t offset) {
  return pwritev(fd, parts, count, offset);
}

ssize_t pwritev64v2(int fd, const iovec* parts, int count, off64_t offset, int flags) {
  return pwritev2(fd, parts, count, offset, flags);
}

ssize_t sendfile64(int out, int in, off64_t* offset, size_t size) noexcept {
  return sendfile(out, in, offset, size);
}

int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  return posix_fallocate(fd, offset, size);
}

int truncate64(const char* path, off64_t size) noexcept { return truncate(path, size); }

void* mmap64(void* at, size_t size, int protection, int flags, int fd, off64_t offset) noexcept {
  return mmap(at, size, protection, flags, fd, offset);
}

}  // extern "C"
