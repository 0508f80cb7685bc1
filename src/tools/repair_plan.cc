#include "tools/repair_plan.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <utility>

#include "engine/effects.h"
#include "journal/journal_snapshot.h"
#include "shard/recovery.h"
#include "store/sqlite/repair/store_inspection.h"
#include "store/sqlite/repair/store_salvage.h"
#include "store/sqlite/sqlite_store.h"
#include "tools/scratch_store.h"

namespace treadle::tools {
namespace {

Status Refusal(std::string why) { return {Code::kFailedPrecondition, std::move(why)}; }

/// What the frames of a range do, without doing it.
struct FramesSeen {
  uint64_t frames = 0;
  uint64_t next_sequence = 0;
  std::set<TaskId> new_tasks;
  uint64_t ends = 0;  // of tasks
};

class Planner {
 public:
  Planner(Disk* disk, const DataDirectory& data, JournalSalvage journal)
      : disk_(disk), data_(data), plan_{.journal = std::move(journal)} {}

  Result<RepairPlan> Run() {
    runs_ = plan_.journal.runs();
    has_store_ = std::filesystem::exists(data_.store());
    if (has_store_) TREADLE_RETURN_IF_ERROR(LookAtStore());
    TREADLE_RETURN_IF_ERROR(ChooseIdentity());
    TREADLE_RETURN_IF_ERROR(JudgeJournal());
    if (has_store_ && plan_.meta) TREADLE_RETURN_IF_ERROR(JudgeStore());
    TREADLE_RETURN_IF_ERROR(ChooseFrames());
    TREADLE_RETURN_IF_ERROR(CheckFramesAreUnderstood());
    ChooseJournal();
    TREADLE_RETURN_IF_ERROR(CountLostFrames());
    TellLostPayloads();
    return std::move(plan_);
  }

 private:
  Status LookAtStore() {
    TREADLE_ASSIGN_OR_RETURN(ScratchStore copy, ScratchStore::CopyOf(data_.store()));
    copy_.emplace(std::move(copy));
    const Result<StoreMarks> marks = ReadStoreMarks(copy_->path());
    if (marks.status().code() == Code::kFailedPrecondition) return marks.status();
    if (!marks.ok()) return {};
    store_identity_ = marks->identity;
    plan_.meta = marks->meta;
    return {};
  }

  // A server that was started without its journal has made a new one before it was refused.
  Status ChooseIdentity() {
    std::optional<uint64_t> journal = plan_.journal.identity();
    if (journal && store_identity_ && *journal != *store_identity_) {
      if (plan_.journal.last_known_sequence() > 0)
        return Refusal(
            "the journal and the store belong to different data directories; put the right files "
            "together, or restore a backup");
      journal_is_foreign_ = true;
      journal.reset();
    }
    if (!journal && !store_identity_)
      return Refusal("neither the journal nor the store can be read; restore a backup");
    plan_.identity = journal ? *journal : *store_identity_;
    return {};
  }

  Status JudgeJournal() {
    const Result<Scan> scan = FollowJournal(disk_, data_.journal());
    if (scan.status().code() == Code::kFailedPrecondition) return scan.status();
    if (scan.ok() && !scan->segments.empty() && !journal_is_foreign_)
      sound_.emplace(disk_, data_.journal(), *scan);
    return {};
  }

  // With a payload apart, the store is as it should be or it is salvaged.
  Status JudgeStore() {
    const Result<StoreInspection> seen = InspectStore(copy_->path(), plan_.identity);
    if (seen.status().code() == Code::kFailedPrecondition) return seen.status();
    const bool is_sound = seen.ok() && seen->problems.empty() && !RecoveryFailsOnRows();
    if (seen.ok()) damaged_payloads_ = seen->damaged_payloads;
    if (!is_sound) plan_.store_work = RepairPlan::StoreWork::kSalvage;
    return {};
  }

  bool Fits() const {
    return sound_ && plan_.meta->applied <= sound_->recovered_sequence() &&
           sound_->first_sequence() <= plan_.meta->applied + 1 && plan_.meta->term < sound_->term();
  }

  bool RecoveryFailsOnRows() {
    if (!Fits()) return false;
    const auto store =
        SqliteStore::Open({.path = copy_->path(), .identity = plan_.identity, .vfs = ""});
    return !store.ok() || !Recover(kShard, &*sound_, store->get()).ok();
  }

  Status ChooseFrames() {
    if (plan_.meta && has_store_) return ContinueStore(plan_.meta->applied);
    if (!runs_.empty() && runs_.front().first == 1) {
      plan_.store_work = RepairPlan::StoreWork::kRebuild;
      plan_.to = plan_.end = runs_.front().last;
      plan_.ids_unknown = has_store_ && !sound_;
      return {};
    }
    if (!has_store_)
      return Refusal(
          "the store is missing, and the journal does not reach back to the beginning; restore a "
          "backup");
    if (!sound_ || runs_.empty() || !CanSalvageStore(copy_->path()))
      return Refusal(
          "the store cannot be read, and the journal does not have its contents; restore a backup");
    plan_.store_work = RepairPlan::StoreWork::kSalvage;
    plan_.ids_unknown = true;
    plan_.from = runs_.front().first;
    plan_.to = plan_.end = runs_.front().last;
    return {};
  }

  // The frames that follow the store's last one; earlier ones too where they may bring something
  // back. Frames that do not reach as far as the store would take it back in time.
  Status ContinueStore(uint64_t applied) {
    plan_.end = applied;
    for (const JournalSalvage::Run& run : runs_) {
      if (run.first > applied + 1 || run.last < applied) continue;
      TREADLE_ASSIGN_OR_RETURN(const bool brings_back, BringsBack(run));
      plan_.from = brings_back ? run.first : applied + 1;
      plan_.to = run.last;
      plan_.end = std::max(applied, run.last);
    }
    // A sound store and a sound journal are left to the server.
    const bool is_needed = plan_.from <= applied || !Fits();
    if (plan_.store_work == RepairPlan::StoreWork::kKeep && !is_needed) plan_.from = plan_.to + 1;
    return {};
  }

  Result<bool> BringsBack(const JournalSalvage::Run& run) {
    if (plan_.store_work == RepairPlan::StoreWork::kSalvage) return true;
    TREADLE_ASSIGN_OR_RETURN(const FramesSeen seen, LookAtFrames(run.first, run.last));
    const auto is_there = [&](const TaskPlace& place) { return seen.new_tasks.contains(place.id); };
    const size_t restored = std::erase_if(damaged_payloads_, is_there);
    return restored > 0;
  }

  Result<FramesSeen> LookAtFrames(uint64_t from, uint64_t to) {
    FramesSeen seen;
    TREADLE_RETURN_IF_ERROR(plan_.journal.Read(from, to, [&](const Frame& frame) -> Status {
      ++seen.frames;
      EffectReader reader(kShard, frame.effects);
      while (true) {
        TREADLE_ASSIGN_OR_RETURN(const std::optional<Effect> effect, reader.Next());
        if (!effect) return {};
        if (const auto* const task = std::get_if<TaskIsNew>(&*effect)) {
          seen.new_tasks.insert(task->image.id);
          seen.next_sequence = std::max(seen.next_sequence, task->image.id.sequence() + 1);
        } else if (const auto* const now = std::get_if<TaskIsNow>(&*effect)) {
          seen.ends += IsTerminal(now->image.state) ? 1 : 0;
        }
      }
    }));
    return seen;
  }

  // A frame whose checksum holds is as it was written; if it cannot be read, somebody else wrote
  // it.
  Status CheckFramesAreUnderstood() {
    if (plan_.from > plan_.to) return {};
    Status status = LookAtFrames(plan_.from, plan_.to).status();
    if (status.code() != Code::kDataLoss) return status;
    return Refusal("the journal contains something that this version does not support (" +
                   status.message() + "); use a newer version");
  }

  void ChooseJournal() {
    plan_.new_journal = !sound_ || sound_->recovered_sequence() != plan_.end ||
                        sound_->first_sequence() > plan_.end + 1 ||
                        (plan_.meta && plan_.meta->term >= sound_->term());
    if (plan_.store_work == RepairPlan::StoreWork::kKeep && plan_.from > plan_.to && sound_ &&
        plan_.meta && Fits())
      plan_.new_journal = false;
  }

  Status CountLostFrames() {
    const JournalSalvage& journal = plan_.journal;
    const uint64_t known = journal_is_foreign_ ? 0 : journal.last_known_sequence();
    const bool end_is_open = journal_is_foreign_ || !journal.has_newest() || plan_.end > known;
    if (known <= plan_.end && !(end_is_open && plan_.new_journal)) return {};
    plan_.ids_unknown = true;
    RepairReport::Loss loss{.where = "journal", .first_frame = plan_.end + 1};
    loss.what = "frames from " + std::to_string(plan_.end + 1) + " on";
    if (!end_is_open) {
      loss.last_frame = known;
      loss.what = "frames " + std::to_string(plan_.end + 1) + " to " + std::to_string(known);
    }
    loss.what += known > plan_.end ? " are lost" : " may be lost: the newest part is missing";
    TREADLE_RETURN_IF_ERROR(TellOfReadableFrames(&loss));
    loss.what += "; tasks enqueued in them are gone, and tasks that ended in them run again";
    plan_.losses.push_back(std::move(loss));
    return {};
  }

  Status TellOfReadableFrames(RepairReport::Loss* loss) {
    FramesSeen all;
    for (const JournalSalvage::Run& run : runs_) {
      if (run.last <= plan_.end) continue;
      const auto seen = LookAtFrames(std::max(run.first, plan_.end + 1), run.last);
      if (seen.status().code() == Code::kDataLoss) continue;  // it is dropped, not interpreted
      if (!seen.ok()) return seen.status();
      all.frames += seen->frames;
      all.ends += seen->ends;
      all.new_tasks.insert(seen->new_tasks.begin(), seen->new_tasks.end());
      all.next_sequence = std::max(all.next_sequence, seen->next_sequence);
    }
    if (all.frames == 0) return {};
    plan_.next_sequence = all.next_sequence;
    loss->tasks = all.new_tasks.size();
    for (const TaskId id : all.new_tasks) loss->ids.push_back(id.ToString());
    loss->what += "; " + std::to_string(all.frames) +
                  " of them are readable but come after the damage, with " +
                  std::to_string(all.new_tasks.size()) + " new tasks and " +
                  std::to_string(all.ends) + " ends of tasks";
    return {};
  }

  void TellLostPayloads() {
    if (plan_.store_work != RepairPlan::StoreWork::kKeep) return;
    for (const TaskPlace& place : damaged_payloads_) {
      const std::string id = place.id.ToString();
      const bool waits = place.queue != 0;
      plan_.losses.push_back(
          {.where = "store",
           .what = "the payload of task " + id + " is damaged, and the journal " +
                   "no longer has it; " +
                   (waits ? "the server moves the task to the dead letters when its turn comes"
                          : "the task has ended and stays as it is"),
           .tasks = 1,
           .ids = {id}});
    }
  }

  Disk* disk_;
  const DataDirectory& data_;
  RepairPlan plan_;
  std::vector<JournalSalvage::Run> runs_;
  bool has_store_ = false;
  bool journal_is_foreign_ = false;
  std::optional<ScratchStore> copy_;
  std::optional<uint64_t> store_identity_;
  std::optional<JournalSnapshot> sound_;  // if it is
  std::vector<TaskPlace> damaged_payloads_;
};

}  // namespace

Result<RepairPlan> PlanRepair(Disk* disk, const DataDirectory& data) {
  TREADLE_ASSIGN_OR_RETURN(JournalSalvage journal, JournalSalvage::Survey(disk, data.journal()));
  return Planner(disk, data, std::move(journal)).Run();
}

}  // namespace treadle::tools
