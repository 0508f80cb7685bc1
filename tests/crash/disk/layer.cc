#include "tests/crash/disk/layer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/crash/disk/real_calls.h"

namespace treadle::crash {
namespace {

// 0: there is no such file.
uint64_t InodeOf(const char* path) {
  struct stat info{};
  return lstat(path, &info) == 0 ? info.st_ino : 0;
}

std::string_view DirectoryOf(std::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? "" : name.substr(0, slash);
}

}  // namespace

Layer& Layer::Get() {
  static Layer* const layer = new Layer;  // never destroyed, because threads may outlive main()
  return *layer;
}

void Layer::Refuse(const char* call, const char* what) {
  std::fprintf(stderr, "disk layer: %s of %s is not modeled\n", call, what);
  std::abort();
}

Layer::OpenFile* Layer::FileAt(int fd) const {
  if (fd < 0 || static_cast<size_t>(fd) >= files_.size()) return nullptr;
  return files_[static_cast<size_t>(fd)].load(std::memory_order_acquire);
}

int Layer::Fail(int error) {
  errno = error;
  return -1;
}

int Layer::Open(const char* path, int flags, mode_t mode) {
  const std::string name = operations_.NameOf(path);
  if ((flags & (O_DSYNC | O_SYNC | O_DIRECT)) != 0) Refuse("an open that syncs or is direct", path);
  if ((flags & O_TRUNC) != 0 || (flags & O_ACCMODE) == O_WRONLY)
    Refuse("an open that truncates, or cannot read", path);
  const std::lock_guard lock(mutex_);
  const bool creates = (flags & O_CREAT) != 0 && InodeOf(path) == 0;
  Verdict verdict;
  if (creates) verdict = operations_.Begin(Kind::kCreate, name);
  if (verdict.error != 0) return Fail(verdict.error);
  const int fd = Real().open(path, flags, mode);
  if (fd < 0) return fd;
  if (static_cast<size_t>(fd) >= files_.size()) Refuse("an open with so many files", path);
  struct stat info{};
  fstat(fd, &info);
  const uint64_t inode = undo_.Adopt(fd, path);
  if (creates) undo_.Create(inode, name);
  if (verdict.dies_half) Operations::Die();
  files_[static_cast<size_t>(fd)].store(
      new OpenFile{.name = name, .inode = inode, .is_directory = S_ISDIR(info.st_mode)},
      std::memory_order_release);
  return fd;
}

int Layer::Close(int fd) {
  files_[static_cast<size_t>(fd)].store(nullptr, std::memory_order_release);
  return Real().close(fd);
}

ssize_t Layer::WriteAt(int fd, const void* data, size_t size, off_t offset) {
  const OpenFile& file = *FileAt(fd);
  operations_.WaitWhileStalled(file.name);
  const std::lock_guard lock(mutex_);
  const Verdict verdict = operations_.Begin(Kind::kWrite, file.name);
  if (verdict.error != 0) return Fail(verdict.error);
  if ((verdict.is_short || verdict.dies_half) && size > 1) size /= 2;
  undo_.Write(fd, file.inode, static_cast<uint64_t>(offset), size);
  const ssize_t written = Real().pwrite(fd, data, size, offset);
  if (verdict.dies_half) Operations::Die();
  return written;
}

int Layer::Truncate(int fd, off_t size) {
  const OpenFile& file = *FileAt(fd);
  const std::lock_guard lock(mutex_);
  const Verdict verdict = operations_.Begin(Kind::kTruncate, file.name);
  if (verdict.error != 0) return Fail(verdict.error);
  undo_.Truncate(fd, file.inode, static_cast<uint64_t>(size));
  const int result = Real().ftruncate(fd, size);
  if (verdict.dies_half) Operations::Die();
  return result;
}

// Counts as a truncation, which may also make a file longer.
int Layer::Allocate(int fd, off_t offset, off_t size) {
  const OpenFile& file = *FileAt(fd);
  operations_.WaitWhileStalled(file.name);
  const std::lock_guard lock(mutex_);
  const Verdict verdict = operations_.Begin(Kind::kTruncate, file.name);
  if (verdict.error != 0) return Fail(verdict.error);
  struct stat info{};
  fstat(fd, &info);
  undo_.Truncate(fd, file.inode, static_cast<uint64_t>(std::max(info.st_size, offset + size)));
  const int result = Real().fallocate(fd, 0, offset, size);
  if (verdict.dies_half) Operations::Die();
  return result;
}

int Layer::Sync(int fd, int (*sync)(int)) {
  OpenFile file;
  uint64_t before = 0;
  Verdict verdict;
  operations_.WaitWhileStalled(FileAt(fd)->name);
  {
    const std::lock_guard lock(mutex_);
    file = *FileAt(fd);
    const Kind kind = file.is_directory ? Kind::kSyncDirectory : Kind::kSync;
    verdict = operations_.Begin(kind, file.name);
    before = undo_.Now();
    if (verdict.error != 0) {
      if (!file.is_directory) undo_.SyncFailed(file.inode, before);
      return Fail(verdict.error);
    }
  }
  usleep(operations_.sync_ms() * 1000);
  const int result = sync(fd);
  const std::lock_guard lock(mutex_);
  if (result == 0 && file.is_directory) undo_.DirectorySynced(file.name, before);
  if (result == 0 && !file.is_directory) undo_.Synced(file.inode, before);
  if (verdict.dies_half) Operations::Die();
  return result;
}

int Layer::Rename(const char* from, const char* to) {
  if (!Has(from) || !Has(to)) Refuse("a rename across the border", from);
  const std::string name = operations_.NameOf(from);
  const std::string new_name = operations_.NameOf(to);
  if (DirectoryOf(name) != DirectoryOf(new_name)) Refuse("a rename across directories", from);
  const std::lock_guard lock(mutex_);
  const Verdict verdict = operations_.Begin(Kind::kRename, name + " " + new_name);
  if (verdict.error != 0) return Fail(verdict.error);
  undo_.Rename(InodeOf(from), InodeOf(to), name, new_name);
  const int result = Real().rename(from, to);
  for (auto& at : files_)  // files open under the old name
    if (OpenFile* file = at.load(); file != nullptr && file->name == name) file->name = new_name;
  if (verdict.dies_half) Operations::Die();
  return result;
}

int Layer::Unlink(const char* path) {
  const std::string name = operations_.NameOf(path);
  const std::lock_guard lock(mutex_);
  const uint64_t inode = InodeOf(path);
  if (inode == 0) return Real().unlink(path);  // sets errno
  const Verdict verdict = operations_.Begin(Kind::kUnlink, name);
  if (verdict.error != 0) return Fail(verdict.error);
  undo_.Unlink(inode, name);
  const int result = Real().unlink(path);
  if (verdict.dies_half) Operations::Die();
  return result;
}

int Layer::MakeDirectory(const char* path, mode_t mode) {
  const std::string name = operations_.NameOf(path);
  const std::lock_guard lock(mutex_);
  if (InodeOf(path) != 0) return Fail(EEXIST);
  const Verdict verdict = operations_.Begin(Kind::kMkdir, name);
  if (verdict.error != 0) return Fail(verdict.error);
  const int result = Real().mkdir(path, mode);
  if (verdict.dies_half) Operations::Die();
  return result;
}

}  // namespace treadle::crash
