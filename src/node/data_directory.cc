#include "node/data_directory.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "node/directory_owner.h"

namespace treadle {
namespace {

constexpr std::string_view kMarker = "treadle.data";
constexpr std::string_view kMarkerDraft = "treadle.data.new";
constexpr std::string_view kLock = "LOCK";
constexpr std::string_view kMarkerWord = "treadle-data ";
constexpr uint32_t kVersion = 1;

// The file's first bytes; empty if there is no such file.
Result<std::string> ReadSmall(Disk* disk, const std::string& path) {
  auto file = disk->Open(path, Disk::Mode::kRead);
  if (file.status().code() == Code::kNotFound) return std::string();
  if (!file.ok()) return file.status();
  std::string text(256, '\0');
  TREADLE_ASSIGN_OR_RETURN(const size_t size, (*file)->Read(0, text.data(), text.size()));
  text.resize(size);
  return text;
}

Status WriteSmall(Disk* disk, const std::string& path, std::string_view text) {
  TREADLE_ASSIGN_OR_RETURN(const auto file, disk->Open(path, Disk::Mode::kCreate));
  TREADLE_RETURN_IF_ERROR(file->Truncate(0));
  TREADLE_RETURN_IF_ERROR(file->Write(0, text));
  return file->Sync();
}

Status CheckMarker(const std::string& path, std::string_view text) {
  uint32_t version = 0;
  if (text.starts_with(kMarkerWord))
    std::from_chars(text.data() + kMarkerWord.size(), text.data() + text.size(), version);
  if (version == kVersion) return {};
  if (version == 0)
    return {
        Code::kFailedPrecondition,
        path +
            "/treadle.data cannot be read: this is not a Treadle data directory, or it is damaged"};
  return {Code::kFailedPrecondition, path + " was made by a newer Treadle (format " +
                                         std::to_string(version) + "; this version supports " +
                                         std::to_string(kVersion) + "); use the newer version"};
}

Status CheckIsNotForeign(const std::string& path, const std::vector<std::string>& names) {
  const auto may_be_there = [](const std::string& name) {
    return name == kLock || name == kMarkerDraft || name == "lost+found";
  };
  if (std::ranges::all_of(names, may_be_there)) return {};
  return {Code::kFailedPrecondition, path +
                                         " contains files but is not a Treadle data directory; "
                                         "name another directory or an empty one"};
}

// Whole or not at all, whenever the power fails.
Status WriteMarker(Disk* disk, const std::string& path) {
  const std::string draft = path + "/" + std::string(kMarkerDraft);
  TREADLE_RETURN_IF_ERROR(
      WriteSmall(disk, draft, std::string(kMarkerWord) + std::to_string(kVersion) + "\n"));
  TREADLE_RETURN_IF_ERROR(disk->Rename(draft, path + "/" + std::string(kMarker)));
  return disk->SyncDirectory(path);
}

Result<std::unique_ptr<DiskLock>> TakeLock(Disk* disk, const std::string& path) {
  const std::string file = path + "/" + std::string(kLock);
  auto lock = disk->Lock(file);
  if (lock.status().code() == Code::kFailedPrecondition) {
    const auto pid = ReadSmall(disk, file);
    const std::string number = pid.ok() ? pid->substr(0, pid->find('\n')) : std::string();
    return Status(Code::kFailedPrecondition,
                  path + " is in use by another Treadle server" +
                      (number.empty() ? "" : " (process " + number + ")"));
  }
  return lock;
}

Result<std::unique_ptr<DiskLock>> LockAndSign(Disk* disk, const std::string& path) {
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<DiskLock> lock, TakeLock(disk, path));
  TREADLE_RETURN_IF_ERROR(
      WriteSmall(disk, path + "/" + std::string(kLock), std::to_string(getpid()) + "\n"));
  return lock;
}

Result<std::string> MakeDirectory(Disk* disk, const std::string& path) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();
  if (std::filesystem::exists(absolute, error) && !std::filesystem::is_directory(absolute, error))
    return Status(Code::kInvalidArgument, absolute.string() +
                                              " is not a directory; name a new or empty directory "
                                              "for the data");
  std::filesystem::create_directories(absolute.parent_path(), error);
  TREADLE_RETURN_IF_ERROR(disk->CreateDirectory(absolute));
  return absolute.string();
}

}  // namespace

Result<DataDirectory> DataDirectory::Open(Disk* disk, const std::string& path) {
  TREADLE_ASSIGN_OR_RETURN(const std::string absolute, MakeDirectory(disk, path));
  TREADLE_ASSIGN_OR_RETURN(std::vector<std::string> warnings, CheckDirectory(absolute));
  TREADLE_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk->List(absolute));
  const bool is_new = std::ranges::find(names, kMarker) == names.end();
  if (is_new) {
    TREADLE_RETURN_IF_ERROR(CheckIsNotForeign(absolute, names));
  } else {
    TREADLE_ASSIGN_OR_RETURN(const std::string text,
                             ReadSmall(disk, absolute + "/" + std::string(kMarker)));
    TREADLE_RETURN_IF_ERROR(CheckMarker(absolute, text));
  }
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<DiskLock> lock, LockAndSign(disk, absolute));
  if (is_new) TREADLE_RETURN_IF_ERROR(WriteMarker(disk, absolute));
  DataDirectory data(disk, absolute, std::move(lock));
  data.is_new_ = is_new;
  data.warnings_ = std::move(warnings);
  return data;
}

Result<DataDirectory> DataDirectory::BeginNew(Disk* disk, const std::string& path) {
  TREADLE_ASSIGN_OR_RETURN(const std::string absolute, MakeDirectory(disk, path));
  TREADLE_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk->List(absolute));
  if (!CheckIsNotForeign(absolute, names).ok())
    return Status(Code::kFailedPrecondition,
                  absolute + " is not empty; name another or a new directory");
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<DiskLock> lock, LockAndSign(disk, absolute));
  return DataDirectory(disk, absolute, std::move(lock));
}

Status DataDirectory::Seal() { return WriteMarker(disk_, path_); }

Result<DataDirectory> DataDirectory::OpenToLook(Disk* disk, const std::string& path) {
  std::error_code error;
  std::filesystem::path absolute = std::filesystem::absolute(path, error).lexically_normal();
  if (!absolute.has_filename()) absolute = absolute.parent_path();
  TREADLE_ASSIGN_OR_RETURN(const std::string text,
                           ReadSmall(disk, absolute.string() + "/" + std::string(kMarker)));
  if (text.empty())
    return Status(Code::kNotFound, "there is no Treadle data directory at " + absolute.string());
  TREADLE_RETURN_IF_ERROR(CheckMarker(absolute, text));
  TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<DiskLock> lock, TakeLock(disk, absolute));
  return DataDirectory(disk, absolute, std::move(lock));
}

}  // namespace treadle
