// Load() and List() over what Write() stored.
#include <algorithm>

#include "base/random.h"
#include "tests/conformance/store_conformance.h"

namespace treadle {
namespace {

// Tasks 1 to `n`, spread at random over queues, types, priorities and states.
std::vector<TaskRecord> Mixture(uint64_t n) {
  SeededRandom random(n);
  std::vector<TaskRecord> tasks;
  for (uint64_t i = 1; i <= n; ++i) {
    TaskRecord task = MakeTask(i, kTaskStates[random.Below(std::size(kTaskStates))]);
    task.image.queue = 1 + static_cast<QueueId>(random.Below(3));
    task.image.type = 1 + static_cast<TypeId>(random.Below(3));
    task.image.priority = static_cast<uint8_t>(random.Below(3) * 4);
    tasks.push_back(std::move(task));
  }
  return tasks;
}

bool Matches(const TaskRecord& task, const TaskQuery& query) {
  const auto named = [](const std::optional<std::string>& name, const char* kind, uint32_t id) {
    return !name || *name == kind + std::to_string(id);
  };
  return named(query.queue, "queue-", task.image.queue) &&
         named(query.type, "type-", task.image.type) &&
         (!query.state || *query.state == task.image.state);
}

// A task as a list shows it.
TaskRecord Listed(TaskRecord task, bool with_result) {
  TaskBody body = *task.body;
  body.payload.clear();
  task.body = std::make_shared<TaskBody>(std::move(body));
  if (!with_result) task.result = nullptr;
  return task;
}

// Walks all pages of `query` and compares them with the expected tasks.
void ExpectPages(Store* store, TaskQuery query, const std::vector<TaskRecord>& tasks) {
  auto expected = tasks.rbegin();
  const auto skip = [&] {
    while (expected != tasks.rend() && !Matches(*expected, query)) ++expected;
  };
  while (true) {
    const Result<TaskPage> page = store->List(query);
    ASSERT_TRUE(page.ok()) << page.status().ToString();
    ASSERT_LE(page->tasks.size(), query.limit);
    for (const TaskView& view : page->tasks) {
      skip();
      ASSERT_NE(expected, tasks.rend());
      ExpectSame(view.task, Listed(*expected, query.with_results));
      EXPECT_EQ(view.queue, "queue-" + std::to_string(expected->image.queue));
      EXPECT_EQ(view.type, "type-" + std::to_string(expected->image.type));
      ++expected;
    }
    skip();
    EXPECT_EQ(page->next.packed == 0, expected == tasks.rend());
    if (page->next.packed == 0 || testing::Test::HasFailure()) return;
    query.before = page->next;
  }
}

TEST_P(StoreConformance, LoadFindsDenseScatteredEndedAndUnknownPlaces) {
  const std::vector<TaskRecord> tasks = Mixture(600);
  Write(AllNew(tasks));
  SeededRandom random(1);
  for (const uint64_t one_in : {1, 2, 7, 50}) {
    std::vector<TaskPlace> places;
    size_t known = 0;
    for (const TaskRecord& task : tasks) {
      if (!random.OneIn(one_in)) continue;
      TaskPlace place = TaskPlace::Of(task.image);
      if (IsTerminal(task.image.state) && random.OneIn(2)) place = {task.image.id};
      places.push_back(place);
      ++known;
      place.id = TaskId::Of(1, task.image.id.sequence() + 10'000);
      if (random.OneIn(3)) places.push_back(place);
    }
    std::reverse(places.begin(), places.end());
    const std::vector<TaskRecord> loaded = Load(places);
    ASSERT_EQ(loaded.size(), known);
    for (const TaskRecord& task : loaded) ExpectSame(task, tasks[task.image.id.sequence() - 1]);
  }
}

TEST_P(StoreConformance, LoadingNothingReturnsNothing) { EXPECT_TRUE(Load({}).empty()); }

TEST_P(StoreConformance, ADamagedPartIsReportedAndTheRestLoads) {
  Write({NewChange(MakeTask(1, TaskState::kReady)), NewChange(MakeTask(2, TaskState::kCompleted)),
         NewChange(MakeTask(3, TaskState::kCompleted))});
  store_.reset();
  home_->DamagePayload(TaskId::Of(1, 1));
  home_->DamagePayload(TaskId::Of(1, 2));
  home_->DamageResult(TaskId::Of(1, 3));
  Reopen();
  TaskRecord expected = MakeTask(1, TaskState::kReady);
  expected.body = nullptr;
  ExpectSame(LoadOne(TaskPlace::Of(expected.image)), expected);
  expected = MakeTask(2, TaskState::kCompleted);
  expected.body = nullptr;
  ExpectSame(LoadOne({expected.image.id}), expected);
  expected = MakeTask(3, TaskState::kCompleted);
  expected.result = nullptr;
  ExpectSame(LoadOne({expected.image.id}), expected);
}

TEST_P(StoreConformance, AVisitorsErrorStopsTheReadingAndTheStoreStaysUsable) {
  WriteNames();
  Write(AllNew(Mixture(20)));
  StoreContents contents;
  Store::Visitor visitor = CollectInto(&contents);
  visitor.task = [](const TaskRecord&, uint32_t) { return Status(Code::kAborted, "enough"); };
  EXPECT_EQ(store_->ReadAll(visitor).code(), Code::kAborted);
  Write({NewChange(MakeTask(21, TaskState::kReady))});
  EXPECT_EQ(ReadAll().live.size() + ReadAll().ended.size(), 21u);
}

TEST_P(StoreConformance, EveryFilterAndCursorShowsWhatMatchesNewestFirst) {
  WriteNames();
  const std::vector<TaskRecord> tasks = Mixture(250);
  Write(AllNew(tasks));
  for (const bool by_queue : {false, true})
    for (const bool by_type : {false, true})
      for (size_t state = 0; state <= std::size(kTaskStates); ++state)
        for (const size_t limit : {3, 50, 1000}) {
          SCOPED_TRACE(testing::Message() << by_queue << by_type << state << " limit " << limit);
          TaskQuery query{.limit = limit, .with_results = limit == 50};
          if (by_queue) query.queue = "queue-2";
          if (by_type) query.type = "type-3";
          if (state > 0) query.state = static_cast<TaskState>(state);
          ExpectPages(store_.get(), query, tasks);
          if (HasFailure()) return;
        }
}

TEST_P(StoreConformance, ACursorNeedNotBeATask) {
  WriteNames();
  Write(AllNew(Mixture(10)));
  EXPECT_EQ(store_->List({.before = TaskId::Of(1, 5)})->tasks.size(), 4u);
  EXPECT_EQ(store_->List({.before = TaskId::Of(1, 1)})->tasks.size(), 0u);
  EXPECT_EQ(store_->List({.before = TaskId::Of(1, 999)})->tasks.size(), 10u);
}

TEST_P(StoreConformance, AnUnknownNameListsNothing) {
  WriteNames();
  Write(AllNew(Mixture(10)));
  EXPECT_TRUE(store_->List({.queue = "nowhere"})->tasks.empty());
  EXPECT_TRUE(store_->List({.type = "nothing"})->tasks.empty());
  EXPECT_EQ(store_->List({.queue = "nowhere"})->next.packed, 0u);
}

TEST_P(StoreConformance, APageOfLargeResultsIsShortAndContinues) {
  WriteNames();
  const auto large = MakeResult(std::string(size_t{1} << 20, 'r'));
  std::vector<TaskChange> changes;
  for (uint64_t i = 1; i <= 12; ++i) {
    changes.push_back(NewChange(MakeTask(i, TaskState::kCompleted)));
    changes.back().now.result = large;
  }
  Write(changes);
  EXPECT_EQ(store_->List({.limit = 20})->tasks.size(), 12u);
  const Result<TaskPage> page = store_->List({.limit = 20, .with_results = true});
  ASSERT_LT(page->tasks.size(), 10u);
  ASSERT_NE(page->next.packed, 0u);
  const Result<TaskPage> rest =
      store_->List({.before = page->next, .limit = 20, .with_results = true});
  EXPECT_EQ(page->tasks.size() + rest->tasks.size(), 12u);
}

}  // namespace
}  // namespace treadle
