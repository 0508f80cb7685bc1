#include "tools/directory_copy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

namespace treadle::tools {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSlackBytes = uint64_t{4} << 20;  // for what a file system needs besides
constexpr size_t kCopyBufferBytes = size_t{1} << 20;

struct Contents {
  std::vector<std::string> directories;  // relative, parents first
  std::vector<std::string> files;
  uint64_t bytes = 0;
};

Status CannotRead(const std::string& path, const std::error_code& error) {
  return {error == std::errc::permission_denied ? Code::kPermissionDenied : Code::kUnavailable,
          "cannot read " + path + ": " + error.message()};
}

Result<Contents> ListAll(const std::string& from) {
  Contents contents;
  std::error_code error;
  fs::recursive_directory_iterator each(from, error);
  for (; !error && each != fs::recursive_directory_iterator(); each.increment(error)) {
    const std::string name = each->path().lexically_relative(from).string();
    const fs::file_status status = each->symlink_status(error);
    if (error) break;
    if (fs::is_directory(status)) {
      if (name == "lost+found" || name == "backups") {
        each.disable_recursion_pending();
      } else {
        contents.directories.push_back(name);
      }
    } else if (fs::is_regular_file(status)) {
      contents.files.push_back(name);
      contents.bytes += each->file_size(error);
    } else {
      return Status(Code::kFailedPrecondition,
                    each->path().string() + " is neither a file nor a directory");
    }
  }
  if (error) return CannotRead(from, error);
  std::sort(contents.directories.begin(), contents.directories.end());
  return contents;
}

// Zeros stay holes: segments are full of them.
Status CopyFile(Disk* disk, const std::string& from, const std::string& to) {
  TREADLE_ASSIGN_OR_RETURN(const auto in, disk->Open(from, Disk::Mode::kRead));
  TREADLE_ASSIGN_OR_RETURN(const auto out, disk->Open(to, Disk::Mode::kCreate));
  std::string buffer(kCopyBufferBytes, '\0');
  const std::string zeros(kCopyBufferBytes, '\0');
  uint64_t at = 0;
  while (true) {
    TREADLE_ASSIGN_OR_RETURN(const size_t read, in->Read(at, buffer.data(), buffer.size()));
    const std::string_view bytes(buffer.data(), read);
    if (bytes != std::string_view(zeros.data(), read))
      TREADLE_RETURN_IF_ERROR(out->Write(at, bytes));
    at += read;
    if (read < buffer.size()) break;
  }
  TREADLE_RETURN_IF_ERROR(out->Truncate(at));
  return out->Sync();
}

Status CopyContents(Disk* disk, const Contents& contents, const std::string& from,
                    const std::string& to) {
  for (const std::string& name : contents.directories)
    TREADLE_RETURN_IF_ERROR(disk->CreateDirectory(to + "/" + name));
  for (const std::string& name : contents.files)
    TREADLE_RETURN_IF_ERROR(CopyFile(disk, from + "/" + name, to + "/" + name));
  for (const std::string& name : contents.directories)
    TREADLE_RETURN_IF_ERROR(disk->SyncDirectory(to + "/" + name));
  TREADLE_RETURN_IF_ERROR(disk->SyncDirectory(to));
  return disk->SyncDirectory(fs::path(to).parent_path().string());
}

Status CheckRoom(Disk* disk, uint64_t bytes, const std::string& to) {
  const std::string place = fs::path(to).parent_path().string();
  TREADLE_ASSIGN_OR_RETURN(const uint64_t free, disk->FreeBytes(place));
  if (free >= bytes + kSlackBytes) return {};
  return {Code::kResourceExhausted, "there is no room for a copy: " + to + " needs " +
                                        std::to_string(bytes >> 20) + " MiB, and " + place +
                                        " has " + std::to_string(free >> 20) + " MiB left"};
}

Status GiveTo(const struct stat& owner, const std::string& path) {
  if (lchown(path.c_str(), owner.st_uid, owner.st_gid) == 0) return {};
  return {Code::kPermissionDenied,
          "cannot change the owner of " + path + ": " + std::strerror(errno)};
}

Status GiveAllTo(const struct stat& owner, const std::string& directory) {
  TREADLE_RETURN_IF_ERROR(GiveTo(owner, directory));
  TREADLE_ASSIGN_OR_RETURN(const Contents contents, ListAll(directory));
  for (const auto* const names : {&contents.directories, &contents.files})
    for (const std::string& name : *names)
      TREADLE_RETURN_IF_ERROR(GiveTo(owner, directory + "/" + name));
  return {};
}

}  // namespace

Status CopyDirectory(Disk* disk, const std::string& from, const std::string& to) {
  TREADLE_ASSIGN_OR_RETURN(const Contents contents, ListAll(from));
  TREADLE_RETURN_IF_ERROR(CheckRoom(disk, contents.bytes, to));
  if (mkdir(to.c_str(), S_IRWXU) != 0) {
    const int error = errno;
    return {error == EEXIST ? Code::kFailedPrecondition : Code::kUnavailable,
            "cannot make " + to + ": " + std::strerror(error)};
  }
  Status status = CopyContents(disk, contents, from, to);
  struct stat owner{};
  if (status.ok() && geteuid() == 0 && stat(from.c_str(), &owner) == 0)
    status = GiveAllTo(owner, to);
  std::error_code ignored;
  if (!status.ok()) fs::remove_all(to, ignored);
  return status;
}

Status GiveToOwner(const std::string& directory) {
  struct stat owner{};
  if (geteuid() != 0 || stat(directory.c_str(), &owner) != 0) return {};
  return GiveAllTo(owner, directory);
}

}  // namespace treadle::tools
