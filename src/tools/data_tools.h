// What `treadle data` and `treadle backup` do to files that no server uses, as the command line
// calls it, and what they report. Plain values.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace treadle::tools {

/// What a look at a data directory found.
struct DataReport {
  struct Finding {
    bool is_damage = false;  // else a fact
    std::string where;       // journal, store, recovery
    std::string what;        // one sentence
    /// The payload of one task, and nothing else: the server starts, and sends a task that waits
    /// with such a payload to the dead letters.
    bool is_one_payload = false;
  };
  std::vector<Finding> findings;
  /// Something there is of a newer version, or of something else: nothing for a repair.
  bool is_not_understood = false;

  bool is_sound() const {
    return std::none_of(findings.begin(), findings.end(),
                        [](const Finding& finding) { return finding.is_damage; });
  }
  /// A server would start, and find all but those payloads as they should be.
  bool is_in_order() const {
    return std::none_of(findings.begin(), findings.end(), [](const Finding& finding) {
      return finding.is_damage && !finding.is_one_payload;
    });
  }
};

/// Looks at a data directory that no server uses, and changes nothing. FAILED_PRECONDITION: a
/// server uses it, or it is none; NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED (no room for a
/// copy of the store in the system's directory for temporary files).
using CheckDataFn = std::function<Result<DataReport>(const std::string& directory)>;

/// What became of a repair.
struct RepairReport {
  struct Step {
    std::string where;  // journal, store
    std::string what;   // one sentence
  };
  struct Loss {
    std::string where;
    std::string what;                     // one sentence
    std::optional<uint64_t> first_frame;  // of the journal, lost from here …
    std::optional<uint64_t> last_frame;   // … to here; nothing: nobody can know how far
    std::optional<uint64_t> tasks;        // how many, where that is known
    std::vector<std::string> ids;         // of tasks, as far as they are known
  };
  std::string copy;  // of the directory as it was; empty: there was nothing to do, nothing changed
  std::vector<Step> steps;
  std::vector<Loss> losses;
  std::string
      next_task;     // IDs continue from here, if that is beyond the highest used one; else empty
  DataReport after;  // the directory looked at again
};

/// Repairs a data directory that no server uses, after copying it whole to a place beside it.
/// `say` gets a sentence for each step. FAILED_PRECONDITION, RESOURCE_EXHAUSTED and
/// other errors mean that nothing was changed; where not, the message names the copy.
using RepairDataFn = std::function<Result<RepairReport>(
    const std::string& directory, const std::function<void(const std::string&)>& say)>;

/// What a backup file holds.
struct BackupReport {
  std::string taken_at;  // RFC 3339
  uint64_t frame = 0;    // of the journal, up to which everything is in it
  uint32_t term = 0;     // in which it was made
  uint64_t bytes = 0;    // of the file
  uint64_t queues = 0;
  uint64_t waiting = 0;               // tasks that wait or run
  uint64_t ended = 0;                 // ended ones that are kept
  std::vector<std::string> problems;  // of the store that was copied, one sentence each
};

/// Reads a backup whole and holds it against its checksums, without changing it. DATA_LOSS: it is
/// damaged, unfinished, or none. FAILED_PRECONDITION: a newer Treadle made it. NOT_FOUND,
/// PERMISSION_DENIED, RESOURCE_EXHAUSTED (no room for its store in the system's directory for
/// temporary files).
using VerifyBackupFn = std::function<Result<BackupReport>(const std::string& file)>;

/// What was made of a backup.
struct RestoreReport {
  BackupReport backup;
  std::string directory;   // absolute
  std::string next_task;   // new tasks get ids from here on
  uint32_t term_from = 0;  // terms of the restored server are greater than this
};

/// Makes `directory`, which must be missing or empty, the data directory that was backed up.
/// Errors as of VerifyBackupFn, and FAILED_PRECONDITION: something is there. After an error the
/// directory is none that a server opens.
using RestoreBackupFn =
    std::function<Result<RestoreReport>(const std::string& file, const std::string& directory,
                                        const std::function<void(const std::string&)>& say)>;

/// What the program can do to files that no server uses.
struct DataTools {
  CheckDataFn check;
  RepairDataFn repair;
  VerifyBackupFn verify_backup;
  RestoreBackupFn restore_backup;
};

}  // namespace treadle::tools
