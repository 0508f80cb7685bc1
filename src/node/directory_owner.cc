#include "node/directory_owner.h"

#include <pwd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/regular_file.h"

namespace treadle {
namespace {

// linux/magic.h
constexpr auto kTmpfs = 0x01021994U;
constexpr auto kRamfs = 0x858458f6U;

std::string UserName(uid_t user) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return entry.pw_name;
  return "#" + std::to_string(user);  // sudo also accepts that
}

bool IsInMemory(const std::string& path) {
  struct statfs info{};
  if (statfs(path.c_str(), &info) != 0) return false;
  const auto type = static_cast<uint32_t>(info.f_type);
  return type == kTmpfs || type == kRamfs;
}

// What root owns, root lets others use: that is how containers are given their volumes.
Status CheckOwner(const std::string& path, uid_t owner) {
  const uid_t user = geteuid();
  if (owner == user || owner == 0) return {};
  const std::string name = UserName(owner);
  return {Code::kPermissionDenied, path + " belongs to the user " + name +
                                       ", but this server would run as " + UserName(user) +
                                       "; run it as the owner: sudo -u " + name +
                                       " treadle server --data " + path};
}

}  // namespace

Result<std::vector<std::string>> CheckDirectory(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return StatusOfErrno(errno, "cannot stat", path);
  TREADLE_RETURN_IF_ERROR(CheckOwner(path, info.st_uid));
  std::vector<std::string> warnings;
  if ((info.st_mode & S_IWOTH) != 0)
    warnings.push_back("every user can write to " + path +
                       " and replace its files; fix it with: chmod 700 " + path);
  if (IsInMemory(path))
    warnings.push_back(path +
                       " is in memory (tmpfs), so all tasks are lost when this machine stops; name "
                       "a directory on a disk with --data");
  return warnings;
}

}  // namespace treadle
