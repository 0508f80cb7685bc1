#include "base/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/regular_file.h"

namespace treadle {
namespace {

Status ErrnoStatus(const std::string& what, const std::string& path) {
  return StatusOfErrno(errno, what, path);
}

class PosixFile final : public File {
 public:
  PosixFile(FileDescriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<size_t> Read(uint64_t offset, char* out, size_t size) override {
    size_t done = 0;
    while (done < size) {
      const ssize_t n =
          pread(fd_.get(), out + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return ErrnoStatus("cannot read", path_);
      if (n == 0) break;
      done += static_cast<size_t>(n);
    }
    return done;
  }

  Status Write(uint64_t offset, std::string_view data) override {
    while (!data.empty()) {
      const ssize_t n = pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return ErrnoStatus("cannot write", path_);
      data.remove_prefix(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return {};
  }

  Status Sync() override {
    return fdatasync(fd_.get()) == 0 ? Status() : ErrnoStatus("cannot sync", path_);
  }

  Status Truncate(uint64_t size) override {
    return ftruncate(fd_.get(), static_cast<off_t>(size)) == 0
               ? Status()
               : ErrnoStatus("cannot truncate", path_);
  }

  Result<uint64_t> Size() override {
    struct stat info{};
    if (fstat(fd_.get(), &info) != 0) return ErrnoStatus("cannot stat", path_);
    return static_cast<uint64_t>(info.st_size);
  }

 private:
  FileDescriptor fd_;
  std::string path_;
};

class PosixLock final : public DiskLock {
 public:
  explicit PosixLock(FileDescriptor fd) : fd_(std::move(fd)) {}

 private:
  FileDescriptor fd_;
};

}  // namespace

// What is written is never reached by a link: whoever may make one could name another's file.
Result<std::unique_ptr<File>> PosixDisk::Open(const std::string& path, Mode mode) {
  int flags = mode == Mode::kRead ? O_RDONLY : O_RDWR | O_NOFOLLOW;
  if (mode == Mode::kCreate) flags |= O_CREAT;
  TREADLE_ASSIGN_OR_RETURN(FileDescriptor fd, OpenRegularFile(path, flags));
  return std::unique_ptr<File>(std::make_unique<PosixFile>(std::move(fd), path));
}

Status PosixDisk::CreateDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return ErrnoStatus("cannot create directory", path);
}

Result<std::vector<std::string>> PosixDisk::List(const std::string& directory) {
  DIR* dir = opendir(directory.c_str());
  if (dir == nullptr) return ErrnoStatus("cannot list", directory);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

Status PosixDisk::Rename(const std::string& from, const std::string& to) {
  return rename(from.c_str(), to.c_str()) == 0 ? Status() : ErrnoStatus("cannot rename", from);
}

Status PosixDisk::Remove(const std::string& path) {
  return unlink(path.c_str()) == 0 ? Status() : ErrnoStatus("cannot remove", path);
}

Status PosixDisk::SyncDirectory(const std::string& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || fsync(fd.get()) != 0) return ErrnoStatus("cannot sync directory", path);
  return {};
}

Result<uint64_t> PosixDisk::FreeBytes(const std::string& path) {
  struct statvfs info{};
  if (statvfs(path.c_str(), &info) != 0) return ErrnoStatus("cannot stat the file system of", path);
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

Result<FileIdentity> PosixDisk::Identify(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus("cannot stat", path);
  return FileIdentity{info.st_dev, info.st_ino};
}

Result<std::unique_ptr<DiskLock>> PosixDisk::Lock(const std::string& path) {
  TREADLE_ASSIGN_OR_RETURN(FileDescriptor fd, OpenRegularFile(path, O_RDWR | O_CREAT | O_NOFOLLOW));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return Status(Code::kFailedPrecondition, path + " is locked by another process");
    return ErrnoStatus("cannot lock", path);
  }
  return std::unique_ptr<DiskLock>(std::make_unique<PosixLock>(std::move(fd)));
}

}  // namespace treadle
