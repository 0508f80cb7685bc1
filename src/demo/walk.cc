#include "demo/walk.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "console/console.h"

namespace treadle::demo {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Status CannotList(const std::string& path, int error) {
  const Code code = error == ENOENT    ? Code::kNotFound
                    : error == ENOTDIR ? Code::kFailedPrecondition
                                       : Code::kPermissionDenied;
  return {code, fmt::format("cannot list {} ({})", Printable(path), std::strerror(error))};
}

/// The kind of an entry, DT_UNKNOWN if it vanished. Some file systems do not report it in
/// readdir().
unsigned char EntryKind(const dirent& entry, const std::string& path) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type;
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return DT_UNKNOWN;
  return S_ISREG(info.st_mode) ? DT_REG : S_ISDIR(info.st_mode) ? DT_DIR : DT_LNK;
}

}  // namespace

Result<Walk> WalkFiles(const std::string& directory) {
  Walk walk;
  std::vector<std::string> open = {directory};
  while (!open.empty()) {
    const std::string path = std::move(open.back());
    open.pop_back();
    const Directory listing(::opendir(path.c_str()));
    if (listing == nullptr) {
      const int error = errno;
      if (path == directory) return CannotList(path, error);
      if (error != ENOENT) walk.unreadable.push_back(path);
      continue;
    }
    while (const dirent* entry = ::readdir(listing.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      std::string child = path;
      if (!child.ends_with('/')) child += '/';
      child += name;
      const unsigned char kind = EntryKind(*entry, child);
      if (kind == DT_REG) walk.files.push_back(std::move(child));
      if (kind == DT_DIR) open.push_back(std::move(child));
    }
  }
  std::sort(walk.files.begin(), walk.files.end());
  std::sort(walk.unreadable.begin(), walk.unreadable.end());
  return walk;
}

}  // namespace treadle::demo
