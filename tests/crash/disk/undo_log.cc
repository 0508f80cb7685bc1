#include "tests/crash/disk/undo_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "tests/crash/disk/real_calls.h"

namespace treadle::crash {
namespace {

constexpr uint64_t kSector = 512;  // a disk writes a sector as a whole

uint64_t SizeOf(int fd) {
  struct stat info{};
  if (fstat(fd, &info) != 0) std::abort();
  return static_cast<uint64_t>(info.st_size);
}

// The contents of the whole sectors that the range touches, up to the end of the file.
std::string OldBytes(int fd, uint64_t* from, uint64_t to, uint64_t file_size) {
  *from = *from / kSector * kSector;
  to = std::min((to + kSector - 1) / kSector * kSector, file_size);
  std::string bytes(to > *from ? to - *from : 0, '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n =
        pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(*from + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) std::abort();
    done += static_cast<size_t>(n);
  }
  return bytes;
}

}  // namespace

UndoLog::UndoLog() {
  const char* const directory = std::getenv("TREADLE_DISK_UNDO");
  if (directory == nullptr) return;
  files_ = std::string(directory) + "/files/";
  lies_ = std::getenv("TREADLE_DISK_LIES") != nullptr;
  log_ = Real().open((std::string(directory) + "/log").c_str(),
                     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_ < 0) std::abort();
}

uint64_t UndoLog::Adopt(int fd, const char* path) {
  struct stat info{};
  if (fstat(fd, &info) != 0) std::abort();
  if (!is_kept() || !S_ISREG(info.st_mode)) return info.st_ino;
  const std::string other = files_ + std::to_string(info.st_ino);
  if (Real().link(path, other.c_str()) != 0 && errno != EEXIST) std::abort();
  return info.st_ino;
}

void UndoLog::Write(int fd, uint64_t file, uint64_t offset, uint64_t size) {
  if (!is_kept()) return;
  Record record{.kind = 'w', .file = file, .offset = offset, .size = size, .old_size = SizeOf(fd)};
  record.old_offset = offset;
  const std::string old = OldBytes(fd, &record.old_offset, offset + size, record.old_size);
  Append(record, old, {});
}

void UndoLog::Truncate(int fd, uint64_t file, uint64_t size) {
  if (!is_kept()) return;
  Record record{.kind = 't', .file = file, .size = size, .old_size = SizeOf(fd)};
  record.old_offset = size;
  const std::string old = OldBytes(fd, &record.old_offset, record.old_size, record.old_size);
  Append(record, old, {});
}

void UndoLog::Create(uint64_t file, const std::string& name) {
  if (is_kept()) Append({.kind = 'c', .file = file}, {}, name);
}

void UndoLog::Unlink(uint64_t file, const std::string& name) {
  if (is_kept()) Append({.kind = 'u', .file = file}, {}, name);
}

void UndoLog::Rename(uint64_t file, uint64_t replaced, const std::string& from,
                     const std::string& to) {
  if (is_kept()) Append({.kind = 'r', .file = file, .replaced = replaced}, {}, from + '\0' + to);
}

void UndoLog::Synced(uint64_t file, uint64_t before) {
  if (is_kept() && !lies_) Append({.kind = 's', .number = before, .file = file}, {}, {});
}

void UndoLog::SyncFailed(uint64_t file, uint64_t before) {
  if (is_kept()) Append({.kind = 'p', .number = before, .file = file}, {}, {});
}

void UndoLog::DirectorySynced(const std::string& name, uint64_t before) {
  if (is_kept() && !lies_) Append({.kind = 'd', .number = before}, {}, name);
}

void UndoLog::Append(Record record, std::string_view old, std::string_view name) {
  if (record.number == 0) record.number = next_++;
  record.old_bytes = static_cast<uint32_t>(old.size());
  record.name_bytes = static_cast<uint32_t>(name.size());
  std::string bytes(reinterpret_cast<const char*>(&record), sizeof record);
  bytes.append(old).append(name);
  if (Real().write(log_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    std::abort();
}

}  // namespace treadle::crash
