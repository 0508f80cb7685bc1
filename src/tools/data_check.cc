#include "tools/data_check.h"

#include <filesystem>
#include <optional>

#include "base/posix_disk.h"
#include "journal/journal_snapshot.h"
#include "shard/recovery.h"
#include "store/sqlite/repair/store_inspection.h"
#include "store/sqlite/sqlite_store.h"
#include "tools/scratch_store.h"

namespace treadle::tools {
namespace {

namespace fs = std::filesystem;

class DataCheck {
 public:
  explicit DataCheck(const DataDirectory& data) : data_(data) {}

  Result<DataReport> Run() {
    LookAtJournal();
    if (!fs::exists(data_.store())) {
      LookForStore();
    } else if (journal_) {
      TREADLE_ASSIGN_OR_RETURN(const ScratchStore copy, ScratchStore::CopyOf(data_.store()));
      if (LookAtStore(copy.path())) TryRecovery(copy.path());
    }
    return std::move(report_);
  }

 private:
  void Note(const char* where, std::string what) {
    report_.findings.push_back({.where = where, .what = std::move(what)});
  }
  void Damage(const char* where, std::string what) {
    report_.findings.push_back({.is_damage = true, .where = where, .what = std::move(what)});
  }
  void Damage(const char* where, const Status& status) {
    if (status.code() == Code::kFailedPrecondition) report_.is_not_understood = true;
    std::string what = status.message();
    if (what.ends_with(kRunDataCheck)) what.resize(what.rfind("; "));  // this is it
    Damage(where, std::move(what));
  }

  void LookAtJournal() {
    const Result<Scan> scan = FollowJournal(&disk_, data_.journal());
    if (!scan.ok()) return Damage("journal", scan.status());
    if (scan->index.streams() > 0)
      return Damage("journal", Status(Code::kFailedPrecondition,
                                      "it has the frames of several shards; this version checks "
                                      "those of one only"));
    if (scan->segments.empty() && fs::exists(data_.store()))
      return Damage("journal", "all its segments are missing, although the store has data from it");
    journal_.emplace(&disk_, data_.journal(), *scan);
    Note("journal", std::to_string(scan->segments.size()) + " segments, frames " +
                        std::to_string(journal_->first_sequence()) + " to " +
                        std::to_string(scan->last_sequence) + ", " +
                        std::to_string(scan->spares.size()) + " spare files");
  }

  void LookForStore() {
    if (journal_ && journal_->first_sequence() > 1)
      return Damage("store", "it is missing: the journal begins at frame " +
                                 std::to_string(journal_->first_sequence()) +
                                 ", and everything before that was only in the store");
    Note("store", "not created yet");
  }

  bool LookAtStore(const std::string& copy) {
    const Result<StoreInspection> seen = InspectStore(copy, journal_->identity());
    if (!seen.ok()) return Damage("store", seen.status()), false;
    for (const std::string& problem : seen->problems) Damage("store", problem);
    for (const TaskPlace& place : seen->damaged_payloads)
      report_.findings.push_back(
          {.is_damage = true,
           .where = "store",
           .what = "the payload of task " + place.id.ToString() + " is damaged",
           .is_one_payload = true});
    Note("store", std::to_string(seen->waiting) + " tasks are waiting or running, " +
                      std::to_string(seen->ended) + " ended ones are kept, in " +
                      std::to_string(seen->queues) + " queues; up to frame " +
                      std::to_string(seen->meta.applied));
    if (seen->meta.applied > journal_->recovered_sequence())
      Damage("journal", "it ends before frame " + std::to_string(seen->meta.applied) +
                            ", which the store already has: its newest part is missing");
    return seen->problems.empty();
  }

  void TryRecovery(const std::string& copy) {
    const auto store =
        SqliteStore::Open({.path = copy, .identity = journal_->identity(), .vfs = ""});
    if (!store.ok()) return Damage("recovery", store.status());
    const Result<Recovered> recovered = Recover(/*shard=*/1, &*journal_, store->get());
    if (!recovered.ok()) return Damage("recovery", recovered.status());
    Note("recovery", "succeeded: " + std::to_string(recovered->replayed) +
                         " frames replayed, the next task is " +
                         recovered->engine->state().next_task().ToString());
  }

  const DataDirectory& data_;
  PosixDisk disk_;
  std::optional<JournalSnapshot> journal_;
  DataReport report_;
};

}  // namespace

Result<DataReport> CheckLocked(const DataDirectory& data) { return DataCheck(data).Run(); }

Status WithDataCheck(const Status& failure, const std::string& directory) {
  if (failure.code() != Code::kDataLoss) return failure;
  const bool says_so = failure.message().ends_with(kRunDataCheck);
  return {Code::kDataLoss,
          failure.message() + (says_so ? "" : "; " + std::string(kRunDataCheck)) + " " + directory};
}

Result<DataReport> CheckData(const std::string& directory) {
  PosixDisk disk;
  TREADLE_ASSIGN_OR_RETURN(const DataDirectory data, DataDirectory::OpenToLook(&disk, directory));
  return CheckLocked(data);
}

}  // namespace treadle::tools
