// The `treadle` program: what every command line does, and the seams through which it starts a
// server and looks at its data.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace treadle::cli {

struct ServerOptions;

/// Keys of settings that are not what they were.
struct ReloadReport {
  std::vector<std::string> changed;        // taken over
  std::vector<std::string> needs_restart;  // since the server started
};

/// Reads the configuration again and has `apply` take it over. An error, of the reading or of
/// `apply`, means that all stays as it is. One thread at a time.
using ReloadFn =
    std::function<Result<ReloadReport>(const std::function<Status(const ServerOptions&)>& apply)>;

/// What `treadle start` and `treadle server` were asked for; see cli/config/settings.h.
struct ServerOptions {
  enum class Durability { kFsync, kInterval };

  std::string data_dir = "./treadle-data";  // made if it is missing
  std::string host = "127.0.0.1";           // without the brackets of an IPv6 address
  uint16_t port = 7373;                     // 0: the system chooses one
  Durability durability = Durability::kFsync;
  std::string token_file;              // empty: none
  bool allow_unauthenticated = false;  // on an address other than loopback, without a token file
  uint64_t disk_reserve_bytes = 128 << 20;  // enqueues are refused when less than this is free
  std::string log_level = "info";           // debug, info, warning or error
  std::string token;                        // the secret itself, instead of a file; empty: none
  std::vector<std::string> allowed_hosts;   // see http::GuardOptions
  uint64_t checkpoint_bytes = 32 << 20;     // these four: see NodeOptions
  int64_t checkpoint_ms = 2'000;
  uint64_t backlog_bytes_max = 512 << 20;
  uint64_t payload_memory_bytes = 32 << 20;
  uint64_t memory_max_bytes = 0;  // enqueues are refused near it; 0: see DefaultMemoryMax()
  bool strict_queues = false;
  std::string backup_directory;       // empty: `backups` in the data directory
  int64_t backup_every_ms = 0;        // 0: only on request
  uint64_t backups_kept = 7;          // 0: all
  uint64_t connections_max = 10'000;  // these five: see http::ServerOptions
  uint64_t bodies_bytes_max = 256 << 20;
  int64_t idle_timeout_ms = 75'000;
  int64_t read_timeout_ms = 30'000;
  int64_t write_timeout_ms = 30'000;
  ReloadFn reload;  // for SIGHUP; empty: SIGHUP ends the process
};

/// What a server prints once it is ready.
struct ServerReady {
  std::string url;              // "http://127.0.0.1:7373", with the port that is really used
  std::string data_dir;         // absolute
  std::string durability_note;  // one clause for a person, "every acknowledged task is on disk";
                                // may be empty
};

/// Runs a server until SIGINT or SIGTERM, calls `on_ready` once, from any thread, and returns the
/// exit status of the process; it prints its own errors, one sentence each.
using ServeFn =
    std::function<int(const ServerOptions&, std::function<void(const ServerReady&)> on_ready)>;

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

/// Runs the command in `argv` and returns the exit status of the process (see `treadle
/// --help`).
int RunCli(int argc, char** argv, ServeFn serve, const DataTools& data_tools);

}  // namespace treadle::cli
