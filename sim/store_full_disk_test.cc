// The store on a disk that is full to the last byte.

#include <gtest/gtest.h>

#include "sim/sim_disk.h"
#include "sim/sim_vfs.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle::sim {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;

TaskChange ATask(uint64_t number, bool is_gone) {
  TaskChange change;
  change.now.image.id = TaskId::Of(1, number);
  change.now.image.queue = change.now.image.type = 1;
  change.is_new = !is_gone;
  change.is_gone = is_gone;
  if (is_gone) return change;
  auto body = std::make_shared<TaskBody>();
  body->payload.assign(20'000, static_cast<char>('a' + number % 26));
  body->payload_sha256 = Sha256Of(body->payload);
  body->tags = {"tag" + std::to_string(number)};  // so that the search index grows as well
  change.now.body = std::move(body);
  return change;
}

StoreChanges Tasks(uint64_t from, uint64_t to, bool is_gone) {
  StoreChanges changes;
  for (uint64_t number = from; number < to; ++number)
    changes.tasks.push_back(ATask(number, is_gone));
  return changes;
}

// However the file and the log of the store share what there is.
TEST(StoreOnAFullDisk, TasksCanStillBeRemovedAndThenAdded) {
  constexpr uint64_t kTasksAtOnce = 40;
  for (uint64_t capacity = 5 * kMib; capacity < 12 * kMib; capacity += 300'000) {
    SCOPED_TRACE(capacity);
    SimDisk disk(1);
    const SimVfs vfs(&disk, "store-full-disk");
    ASSERT_TRUE(disk.CreateDirectory("/d").ok());
    const auto store = *SqliteStore::Open({"/d/store.db", 1, vfs.name()});
    disk.SetCapacity(capacity);
    uint64_t next = 1;
    Status status;
    while ((status = store->Write(Tasks(next, next + kTasksAtOnce, false))).ok())
      next += kTasksAtOnce;
    ASSERT_EQ(status.code(), Code::kResourceExhausted) << status.ToString();
    ASSERT_GT(next, 1U);
    disk.SetCapacity(disk.used());
    for (uint64_t from = 1; from < next; from += 8) {
      status = store->Write(Tasks(from, std::min(from + 8, next), true));
      ASSERT_TRUE(status.ok()) << "after " << from << " of " << next << ": " << status.ToString();
    }
    status = store->Write(Tasks(next, next + 8, false));
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
}

}  // namespace
}  // namespace treadle::sim
