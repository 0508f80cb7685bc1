#include "shard/files_watch.h"

namespace treadle {

Result<FilesWatch> FilesWatch::Begin(Disk* disk, Journal* journal,
                                     const std::vector<std::string>& paths) {
  FilesWatch watch(disk, journal);
  for (const std::string& path : paths) {
    TREADLE_ASSIGN_OR_RETURN(const FileIdentity identity, disk->Identify(path));
    watch.files_.emplace_back(path, identity);
  }
  return watch;
}

Status FilesWatch::Check() const {
  for (const auto& [path, identity] : files_) {
    const Result<FileIdentity> now = disk_->Identify(path);
    if (now.ok() && *now == identity) continue;
    if (!now.ok() && now.status().code() != Code::kNotFound) return now.status();
    return {Code::kUnavailable, path + " was " + (now.ok() ? "replaced" : "removed") +
                                    " while the server was using it; put it back before you start "
                                    "the server again, or run treadle data check"};
  }
  return journal_->CheckInPlace();
}

}  // namespace treadle
