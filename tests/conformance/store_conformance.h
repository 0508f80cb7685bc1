// The suite that every Store must pass. To add a kind of store, instantiate StoreConformance with a
// home for it:
//
//   INSTANTIATE_TEST_SUITE_P(Mine, StoreConformance, testing::Values(StoreKind{"mine",
//   MakeMyHome}), KindName);
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "store/store.h"

namespace treadle {

/// Where one test's store lives, across reopenings.
class StoreHome {
 public:
  virtual ~StoreHome() = default;

  /// Opens the store as it was left; empty at first. The previous Store must be gone.
  virtual Result<std::unique_ptr<Store>> Open() = 0;
  /// While set, nothing more fits on the disk. False: this home cannot do that.
  virtual bool SetDiskFull(bool full) = 0;
  /// Changes a byte of the stored payload or result without the store's knowledge. The store must
  /// not be open.
  virtual void DamagePayload(TaskId id) = 0;
  virtual void DamageResult(TaskId id) = 0;
  /// Describes a mismatch between things that the store keeps twice, such as rows and their index.
  /// Empty: there is none.
  virtual std::string Inconsistency() = 0;
};

struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<StoreHome>()> make;
};

// GoogleTest's hook for the names that ctest shows. Without it they are the bytes of the object.
inline void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }

inline std::string KindName(const testing::TestParamInfo<StoreKind>& info) {
  return info.param.name;
}

/// Everything that ReadAll() reports: live tasks by ID, the others in the order reported.
struct StoreContents {
  std::vector<QueueIsNow> queues;
  std::vector<TypeIsNow> types;
  std::vector<CountersAreNow> counters;
  std::map<IdempotencyId, KeyIsNow> keys;
  std::vector<TaskRecord> live;
  std::vector<TaskImage> ended;
  std::vector<uint32_t> live_bytes;  // of payloads
  std::vector<uint32_t> ended_bytes;
};

class StoreConformance : public testing::TestWithParam<StoreKind> {
 protected:
  StoreConformance() : home_(GetParam().make()) { Reopen(); }

  void Reopen();
  void Write(const StoreChanges& changes);
  void Write(std::vector<TaskChange> tasks);
  /// Queues "queue-1" to "queue-3" and types "type-1" to "type-3".
  void WriteNames();
  StoreContents ReadAll();
  std::vector<TaskRecord> Load(const std::vector<TaskPlace>& places);
  /// The one task at `place`, which must exist.
  TaskRecord LoadOne(const TaskPlace& place);

  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Store> store_;
};

/// The visitor that fills `contents`.
Store::Visitor CollectInto(StoreContents* contents);

std::shared_ptr<const TaskBody> MakeBody(std::string payload);
std::shared_ptr<const TaskResult> MakeResult(std::string bytes);
std::shared_ptr<const TaskError> MakeError(std::string code);

/// A task of queue 1 and type 1 in this state, with every part that such a task has.
TaskRecord MakeTask(uint64_t sequence, TaskState state);
/// A change with all of `now`, or with only the parts that change when the body stays.
TaskChange NewChange(TaskRecord now);
std::vector<TaskChange> AllNew(const std::vector<TaskRecord>& tasks);
TaskChange Change(TaskRecord now);
TaskChange ChangeKeepingBody(TaskRecord now);

/// Same image, parts and holder.
void ExpectSame(const TaskRecord& actual, const TaskRecord& expected);

}  // namespace treadle
