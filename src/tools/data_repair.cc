#include "tools/data_repair.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/posix_disk.h"
#include "node/data_directory.h"
#include "shard/checkpointer.h"
#include "store/sqlite/repair/store_salvage.h"
#include "store/sqlite/sqlite_store.h"
#include "tools/data_check.h"
#include "tools/directory_copy.h"
#include "tools/repair_plan.h"

namespace treadle::tools {
namespace {

namespace fs = std::filesystem;

constexpr size_t kTransactionBytes = size_t{4} << 20;
// More ids than the frames that a store may lag behind can have given (512 MiB, docs/reference/
// config.md), and more terms than the openings that a lost segment may have seen.
constexpr uint64_t kRepairSkipsIds = uint64_t{1} << 24;
constexpr uint32_t kRepairSkipsTerms = 1'000;

std::string StampNow() {
  std::string stamp = FormatWallTime(SystemClock().Wall()).substr(0, 19);  // to the second
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  return stamp + "Z";
}

/// One repair, once the plan is made. Each step leaves a directory that a server refuses, or one
/// that is repaired.
class Repair {
 public:
  Repair(Disk* disk, const DataDirectory& data, RepairPlan plan)
      : disk_(disk), data_(data), plan_(std::move(plan)) {}

  Result<RepairReport> Run(const std::function<void(const std::string&)>& say) {
    report_.losses = std::move(plan_.losses);
    if (plan_.has_work()) {
      const std::string copy = data_.path() + ".before-repair-" + StampNow();
      say("copying " + data_.path() + " to " + copy);
      TREADLE_RETURN_IF_ERROR(CopyDirectory(disk_, data_.path(), copy));
      report_.copy = copy;
      say("the copy is on disk; repairing " + data_.path());
      if (const Status status = Mend(); !status.ok()) {
        RemoveDrafts();
        return Status(status.code(), "the repair failed: " + status.message() +
                                         "; the copy of the old directory is " + copy);
      }
    }
    TREADLE_ASSIGN_OR_RETURN(report_.after, CheckLocked(data_));
    if (plan_.store_work != RepairPlan::StoreWork::kKeep) TellLostPayloads();
    return std::move(report_);
  }

 private:
  Status Mend() {
    RemoveDrafts();
    TREADLE_RETURN_IF_ERROR(MendStoreFile());
    if (plan_.new_journal) TREADLE_RETURN_IF_ERROR(BeginJournal());
    RemoveDrafts();
    TREADLE_RETURN_IF_ERROR(disk_->SyncDirectory(data_.path()));
    return GiveToOwner(data_.path());
  }

  std::string StoreDraft() const { return data_.path() + "/store.db.repaired"; }
  std::string JournalDraft() const { return data_.path() + "/journal.repaired"; }

  // Also those of a repair that was interrupted.
  void RemoveDrafts() {
    std::error_code ignored;
    for (const char* const suffix : {"", "-wal", "-shm"})
      fs::remove(StoreDraft() + suffix, ignored);
    fs::remove_all(JournalDraft(), ignored);
  }

  Status MendStoreFile() {
    if (plan_.store_work == RepairPlan::StoreWork::kKeep) return CarryOver(data_.store());
    std::optional<StoreSalvage> salvage;
    if (plan_.store_work == RepairPlan::StoreWork::kSalvage) {
      TREADLE_ASSIGN_OR_RETURN(salvage, SalvageStore(data_.store(), StoreDraft(), plan_.identity));
      for (const std::string& loss : salvage->losses) Lost(loss);
      report_.steps.push_back({"store", "copied every readable row to a new file"});
    } else {
      report_.steps.push_back({"store", "rebuilt from the journal"});
    }
    TREADLE_RETURN_IF_ERROR(CarryOver(StoreDraft()));
    if (salvage) {
      TREADLE_ASSIGN_OR_RETURN(const std::vector<std::string> told,
                               MendStore(StoreDraft(), plan_.identity, *salvage));
      for (const std::string& what : told) Lost(what);
    }
    return ReplaceStore();
  }

  void Lost(const std::string& what) { report_.losses.push_back({.where = "store", .what = what}); }

  // The frames of the plan, by the checkpoint; and what the store says of itself.
  Status CarryOver(const std::string& path) {
    TREADLE_ASSIGN_OR_RETURN(
        const auto store, SqliteStore::Open({.path = path, .identity = plan_.identity, .vfs = ""}));
    StoreMeta meta = plan_.meta.value_or(StoreMeta());
    if (plan_.from <= plan_.to) {
      meta.applied = plan_.from - 1;
      SystemClock clock;
      DiskWatch watch;  // nobody looks
      Checkpointer checkpointer(kShard, &plan_.journal, store.get(), &clock, meta, plan_.to,
                                kTransactionBytes, &watch);
      for (uint64_t at = meta.applied; at < plan_.to;) {
        TREADLE_ASSIGN_OR_RETURN(at, checkpointer.Run(plan_.to));
      }
      TREADLE_ASSIGN_OR_RETURN(meta, store->ReadMeta());
      report_.steps.push_back({"store", "frames " + std::to_string(plan_.from) + " to " +
                                            std::to_string(plan_.to) +
                                            " of the journal were applied to it"});
    }
    meta.applied = plan_.end;
    TREADLE_ASSIGN_OR_RETURN(const uint64_t next, NextSequence(store.get(), meta));
    if (plan_.ids_unknown) report_.next_task = TaskId::Of(kShard, next).ToString();
    meta.next_sequence = next;
    return store->Write({.meta = meta});
  }

  // No id is given twice.
  Result<uint64_t> NextSequence(Store* store, const StoreMeta& meta) const {
    uint64_t next = std::max(meta.next_sequence, plan_.next_sequence);
    if (!plan_.ids_unknown) return next;
    const auto note = [&](TaskId id) {
      next = std::max(next, id.sequence() + 1);
      return Status();
    };
    Store::Visitor visit;
    visit.queue = [](const QueueIsNow&) { return Status(); };
    visit.type = [](const TypeIsNow&) { return Status(); };
    visit.counters = [](const CountersAreNow&) { return Status(); };
    visit.key = [&](const KeyIsNow& key) { return note(key.task); };
    visit.task = [&](const TaskRecord& task, uint32_t) { return note(task.image.id); };
    visit.ended = [&](const TaskImage& image, uint32_t) { return note(image.id); };
    TREADLE_RETURN_IF_ERROR(store->ReadAll(visit));
    return std::min(next + kRepairSkipsIds, TaskId::kMaxSequence / 2);
  }

  // The old log first: it must never be read into the new file.
  Status ReplaceStore() {
    for (const char* const suffix : {"-wal", "-shm"}) {
      Status removed = disk_->Remove(data_.store() + suffix);
      if (!removed.ok() && removed.code() != Code::kNotFound) return removed;
    }
    TREADLE_RETURN_IF_ERROR(disk_->SyncDirectory(data_.path()));
    TREADLE_RETURN_IF_ERROR(disk_->Rename(StoreDraft(), data_.store()));
    return disk_->SyncDirectory(data_.path());
  }

  Status BeginJournal() {
    const uint32_t term =
        std::max(plan_.journal.term(), plan_.meta ? plan_.meta->term : 0) + kRepairSkipsTerms;
    TREADLE_RETURN_IF_ERROR(WriteEmptyJournal(disk_, JournalDraft(),
                                              {.number = plan_.journal.last_number() + 1,
                                               .identity = plan_.identity,
                                               .term = term,
                                               .first_sequence = plan_.end + 1}));
    TREADLE_RETURN_IF_ERROR(SwapJournals());
    report_.steps.push_back({"journal", "started a new one, which continues with frame " +
                                            std::to_string(plan_.end + 1)});
    return disk_->SyncDirectory(data_.path());
  }

  // In one step where the file system can, so that there is a journal at any time.
  Status SwapJournals() {
    const std::string draft = JournalDraft();
    const std::string journal = data_.journal();
    if (renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, journal.c_str(), RENAME_EXCHANGE) == 0)
      return {};
    const std::string old = journal + ".damaged";
    std::error_code ignored;
    fs::remove_all(old, ignored);
    Status moved = disk_->Rename(journal, old);
    if (!moved.ok() && moved.code() != Code::kNotFound) return moved;
    TREADLE_RETURN_IF_ERROR(disk_->Rename(draft, journal));
    fs::remove_all(old, ignored);
    return {};
  }

  void TellLostPayloads() {
    for (const DataReport::Finding& finding : report_.after.findings)
      if (finding.is_one_payload) Lost(finding.what);
  }

  Disk* disk_;
  const DataDirectory& data_;
  RepairPlan plan_;
  RepairReport report_;
};

}  // namespace

Result<RepairReport> RepairData(const std::string& directory,
                                const std::function<void(const std::string&)>& say) {
  umask(S_IRWXG | S_IRWXO);  // as a server's: what lies there is nobody else's
  PosixDisk disk;
  TREADLE_ASSIGN_OR_RETURN(const DataDirectory data, DataDirectory::OpenToLook(&disk, directory));
  TREADLE_ASSIGN_OR_RETURN(DataReport before, CheckLocked(data));
  if (before.is_sound()) return RepairReport{.after = std::move(before)};
  TREADLE_ASSIGN_OR_RETURN(RepairPlan plan, PlanRepair(&disk, data));
  return Repair(&disk, data, std::move(plan)).Run(say);
}

}  // namespace treadle::tools
