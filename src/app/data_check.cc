#include "app/data_check.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "app/data_directory.h"
#include "base/posix_disk.h"
#include "journal/journal_snapshot.h"
#include "node/recovery.h"
#include "store/sqlite_store.h"
#include "store/store_inspection.h"

namespace treadle::app {
namespace {

namespace fs = std::filesystem;

/// A directory of its own for temporary files, removed at the end.
class Scratch {
 public:
  static Result<Scratch> Make() {
    std::error_code error;
    std::string path = (fs::temp_directory_path(error) / "treadle-check-XXXXXX").string();
    if (error || mkdtemp(path.data()) == nullptr)
      return Status(Code::kUnavailable, "cannot make a directory for temporary files in $TMPDIR");
    return Scratch(std::move(path));
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// The store and its log, so that SQLite may do with them as it likes.
Result<std::string> CopyStore(const std::string& store, const Scratch& scratch) {
  const std::string copy = scratch.path() + "/store.db";
  for (const char* const suffix : {"", "-wal"}) {
    std::error_code error;
    if (!fs::exists(store + suffix, error)) continue;
    fs::copy_file(store + suffix, copy + suffix, error);
    if (error)
      return Status(Code::kResourceExhausted, "cannot copy " + store + suffix + " to " +
                                                  scratch.path() + ": " + error.message() +
                                                  "; name a roomier place by TMPDIR");
  }
  return copy;
}

class DataCheck {
 public:
  explicit DataCheck(const DataDirectory& data) : data_(data) {}

  Result<cli::DataReport> Run() {
    LookAtJournal();
    if (!fs::exists(data_.store())) {
      Note("store", "there is none yet");
    } else if (journal_) {
      TREADLE_ASSIGN_OR_RETURN(const Scratch scratch, Scratch::Make());
      TREADLE_ASSIGN_OR_RETURN(const std::string copy, CopyStore(data_.store(), scratch));
      if (LookAtStore(copy)) TryRecovery(copy);
    }
    return std::move(report_);
  }

 private:
  void Note(const char* where, std::string what) {
    report_.findings.push_back({.is_damage = false, .where = where, .what = std::move(what)});
  }
  void Damage(const char* where, std::string what) {
    report_.findings.push_back({.is_damage = true, .where = where, .what = std::move(what)});
  }

  void LookAtJournal() {
    const Result<Scan> scan = FollowJournal(&disk_, data_.journal());
    if (!scan.ok()) return Damage("journal", scan.status().message());
    journal_.emplace(&disk_, data_.journal(), *scan);
    Note("journal", std::to_string(scan->segments.size()) + " segments, frames " +
                        std::to_string(journal_->first_sequence()) + " to " +
                        std::to_string(scan->last_sequence) + ", " +
                        std::to_string(scan->spares.size()) + " spare files");
  }

  bool LookAtStore(const std::string& copy) {
    const Result<StoreInspection> seen = InspectStore(copy, journal_->identity());
    if (!seen.ok()) return Damage("store", seen.status().message()), false;
    for (const std::string& problem : seen->problems) Damage("store", problem);
    for (const TaskPlace& place : seen->damaged_payloads)
      Damage("store", "the payload of task " + place.id.ToString() + " is damaged");
    Note("store", std::to_string(seen->waiting) + " tasks wait or run, " +
                      std::to_string(seen->ended) + " ended ones are kept, in " +
                      std::to_string(seen->queues) + " queues; all up to frame " +
                      std::to_string(seen->meta.applied));
    if (seen->meta.applied > journal_->recovered_sequence())
      Damage("journal", "it ends before frame " + std::to_string(seen->meta.applied) +
                            ", which the store has: its newest part is missing");
    return seen->problems.empty() && seen->damaged_payloads.empty();
  }

  void TryRecovery(const std::string& copy) {
    const auto store =
        SqliteStore::Open({.path = copy, .identity = journal_->identity(), .vfs = ""});
    if (!store.ok()) return Damage("recovery", store.status().message());
    const Result<Recovered> recovered =
        Recover(/*shard=*/1, &*journal_, store->get(), SystemClock().Wall());
    if (!recovered.ok()) return Damage("recovery", recovered.status().message());
    Note("recovery", "works: " + std::to_string(recovered->replayed) +
                         " frames replayed, the next task is " +
                         recovered->engine->state().next_task().ToString());
  }

  const DataDirectory& data_;
  PosixDisk disk_;
  std::optional<JournalSnapshot> journal_;
  cli::DataReport report_;
};

}  // namespace

Result<cli::DataReport> CheckData(const std::string& directory) {
  PosixDisk disk;
  TREADLE_ASSIGN_OR_RETURN(const DataDirectory data, DataDirectory::OpenToLook(&disk, directory));
  return DataCheck(data).Run();
}

}  // namespace treadle::app
