#include "journal/spare_files.h"

#include "base/check.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace treadle {
namespace {

constexpr size_t kSparesMax = 2;
constexpr uint64_t kZeroBytes = uint64_t{1} << 20;
constexpr std::string_view kPrefix = "spare-";

std::string SpareName(uint64_t number) { return std::string(kPrefix) + std::to_string(number); }

std::optional<uint64_t> SpareNumber(const std::string& name) {
  TREADLE_CHECK(name.size() >= kPrefix.size());
  uint64_t number = 0;
  const char* const digits = name.data() + kPrefix.size();
  const auto parsed = std::from_chars(digits, name.data() + name.size(), number);
  if (parsed.ec != std::errc() || SpareName(number) != name) return std::nullopt;
  return number;
}

}  // namespace

// A spare that was only half made ready when the process died will do: all of it is written already
// if it has its size.
Status SpareFiles::Adopt(const std::vector<std::string>& names) {
  if (names.empty()) return {};
  std::vector<std::string> usable;
  for (const std::string& name : names) {
    TREADLE_ASSIGN_OR_RETURN(const bool is_usable, IsUsable(name));
    const std::string path = directory_ + "/" + name;
    if (is_usable && usable.size() < kSparesMax)
      usable.push_back(path);
    else
      TREADLE_RETURN_IF_ERROR(disk_->Remove(path));
  }
  TREADLE_RETURN_IF_ERROR(disk_->SyncDirectory(directory_));
  MutexLock lock(mutex_);
  TREADLE_CHECK(paths_.empty());  // Adopt() comes before all else
  paths_ = std::move(usable);
  return {};
}

Result<bool> SpareFiles::IsUsable(const std::string& name) {
  const std::optional<uint64_t> number = SpareNumber(name);
  if (!number) return false;
  {
    MutexLock lock(mutex_);
    next_ = std::max(next_, *number + 1);
  }
  TREADLE_ASSIGN_OR_RETURN(const auto file,
                           disk_->Open(directory_ + "/" + name, Disk::Mode::kRead));
  TREADLE_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  return size == segment_bytes_;
}

Result<std::string> SpareFiles::Take() {
  {
    MutexLock lock(mutex_);
    if (!paths_.empty()) {
      std::string path = std::move(paths_.back());
      paths_.pop_back();
      return path;
    }
  }
  Result<std::string> made = Make();
  if (made.status().code() != Code::kResourceExhausted || !gain_) return made;
  TREADLE_ASSIGN_OR_RETURN(const bool gained, gain_());
  return gained ? Make() : made;
}

Status SpareFiles::Prepare() {
  if (!empty()) return {};
  TREADLE_ASSIGN_OR_RETURN(std::string path, Make());
  MutexLock lock(mutex_);
  paths_.push_back(std::move(path));
  return {};
}

bool SpareFiles::empty() const {
  MutexLock lock(mutex_);
  return paths_.empty();
}

Status SpareFiles::Recycle(const std::vector<OldSegment>& segments) {
  if (segments.empty()) return {};
  size_t present = 0;
  {
    MutexLock lock(mutex_);
    present = paths_.size();
  }
  std::vector<std::string> recycled;
  for (const OldSegment& segment : segments) {
    if (present + recycled.size() >= kSparesMax || segment.bytes != segment_bytes_) {
      TREADLE_RETURN_IF_ERROR(disk_->Remove(segment.path));
      continue;
    }
    recycled.push_back(NewPath());
    TREADLE_RETURN_IF_ERROR(disk_->Rename(segment.path, recycled.back()));
  }
  // Before anyone may take one: its new content must not appear under the old segment's name.
  TREADLE_RETURN_IF_ERROR(disk_->SyncDirectory(directory_));
  TREADLE_CHECK(recycled.size() <= kSparesMax);
  MutexLock lock(mutex_);
  std::ranges::move(recycled, std::back_inserter(paths_));
  return {};
}

Result<std::string> SpareFiles::Make() {
  std::string path = NewPath();
  TREADLE_ASSIGN_OR_RETURN(const auto file, disk_->Open(path, Disk::Mode::kCreate));
  const Status status = FillWithZeros(file.get());
  if (status.ok()) return path;
  // After a failed sync too: what it lost, no later one would bring to the disk.
  const Status removed = disk_->Remove(path);
  return status.code() == Code::kResourceExhausted && !removed.ok() ? removed : status;
}

// Written and synced, so that later syncs overwrite blocks that the file system has placed already.
Status SpareFiles::FillWithZeros(File* file) const {
  TREADLE_CHECK(segment_bytes_ > 0);
  const std::string zeros(std::min(kZeroBytes, segment_bytes_), '\0');
  for (uint64_t at = 0; at < segment_bytes_; at += zeros.size()) {
    const std::string_view chunk = std::string_view(zeros).substr(0, segment_bytes_ - at);
    TREADLE_RETURN_IF_ERROR(file->Write(at, chunk));
  }
  return file->Sync();
}

std::string SpareFiles::NewPath() {
  MutexLock lock(mutex_);
  return directory_ + "/" + SpareName(next_++);
}

}  // namespace treadle
