// FilesWatch: notices that someone removed or replaced files that the node has open.
//
// What is written to such a file is lost with the process. So the node looks before it lets the
// journal drop frames that are in the store, and once a second; it stops while the journal still
// has what the store's file is missing. Check() on any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/disk.h"
#include "base/status.h"
#include "journal/journal.h"

namespace treadle {

class FilesWatch {
 public:
  /// Remembers which files the paths name now. Borrows `disk` and `journal`. The error is that of a
  /// file that is not there.
  static Result<FilesWatch> Begin(Disk* disk, Journal* journal,
                                  const std::vector<std::string>& paths);

  /// UNAVAILABLE, with the path: it names another file now, or none.
  Status Check() const;

 private:
  FilesWatch(Disk* disk, Journal* journal) : disk_(disk), journal_(journal) {}

  Disk* disk_;
  Journal* journal_;
  std::vector<std::pair<std::string, FileIdentity>> files_;
};

}  // namespace treadle
