// What List() finds by the contents of tasks, whatever has happened to the tasks.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/random.h"
#include "model/fingerprint.h"
#include "model/search_text.h"
#include "tests/conformance/store_conformance.h"

namespace treadle {
namespace {

// All pages of `query`, as IDs.
std::vector<TaskId> Ids(Store* store, TaskQuery query) {
  std::vector<TaskId> ids;
  do {
    const Result<TaskPage> page = store->List(query);
    EXPECT_TRUE(page.ok()) << page.status().ToString();
    if (!page.ok()) return ids;
    for (const TaskView& view : page->tasks) ids.push_back(view.task.image.id);
    query.before = page->next;
  } while (query.before.packed != 0);
  return ids;
}

const TaskQuery kNewestFirst;

std::vector<TaskQuery> Questions() {
  std::vector<TaskQuery> questions(18, kNewestFirst);
  questions[0].tag = "red";
  questions[1].idempotency_key = "key-3";
  questions[2].worker = "other";
  questions[3].error_code = "exit_1";
  questions[4].words = {"order", "not"};
  questions[5].words = {"order", "absent"};
  questions[6].fingerprint = ErrorFingerprint("type-2", "exit_1", "Order 5 NOT found");
  questions[7].enqueued_from = WallTime{1'764'000'000'050};
  questions[7].enqueued_to = WallTime{1'764'000'000'090};
  questions[8].finished_from = WallTime{1'764'000'200'000 + 100};
  questions[9].tag = "small", questions[9].state = TaskState::kDead, questions[9].queue = "queue-1";
  questions[10].tag = "red", questions[10].error_code = "exit_0", questions[10].type = "type-1";
  questions[11].payload_words = {"Name", "ADA"};
  questions[12].payload_words = {"größer"};
  questions[13].payload_words = {"ada"}, questions[13].tag = "blue";
  questions[14].payload_words = {"ada"}, questions[14].words = {"7"};
  questions[15].words = {"EXIT-0"};
  questions[16].payload_words = {"end"};  // beyond the searched part
  questions[17].error_code = "exit_0", questions[17].queue = "queue-2";
  return questions;
}

/// A store, and next to it the plain list of its expected contents.
class Shelf {
 public:
  explicit Shelf(uint64_t seed) : random_(seed) {}

  /// Random changes of every kind, to random tasks.
  StoreChanges Next() {
    StoreChanges changes;
    for (uint32_t queue = 1; queue <= 3; ++queue)
      if (random_.OneIn(12)) changes.queues.push_back(Toggle(queue));
    for (int i = 0; i < 8; ++i) changes.tasks.push_back(New());
    for (auto& [id, task] : tasks_)
      if (!touched_.contains(id) && random_.OneIn(4)) changes.tasks.push_back(Touch(&task));
    for (const TaskId id : gone_) tasks_.erase(id);
    if (random_.OneIn(5)) changes.counters.push_back(Retire());
    touched_.clear();
    gone_.clear();
    return changes;
  }

  std::vector<TaskId> Answer(const TaskQuery& query) const {
    std::vector<TaskId> ids;
    for (auto it = tasks_.rbegin(); it != tasks_.rend(); ++it) {
      const auto& [now, searched] = it->second;
      const std::string text =
          searched ? PayloadText(now.body->content_type, now.body->payload) : "";
      if (Matches(query,
                  {now, "queue-" + std::to_string(now.image.queue),
                   "type-" + std::to_string(now.image.type)},
                  text))
        ids.push_back(it->first);
    }
    return ids;
  }

 private:
  struct Kept {
    TaskRecord now;
    bool searched = false;
  };

  // Payloads of sensitive tasks are never searchable.
  bool Searches(const TaskRecord& now) const {
    return searches_[now.image.queue] && !(now.terms && now.terms->sensitive);
  }

  QueueIsNow Toggle(uint32_t queue) {
    searches_[queue] = !searches_[queue];
    return {queue, "queue-" + std::to_string(queue), {.search_payloads = searches_[queue]}};
  }

  std::shared_ptr<const TaskBody> Body() {
    static const char* const kPayloads[] = {R"({"name":"Ada\nLovelace"})",
                                            R"({"name":"Grace","size":"gr\u00f6\u00dfer"})",
                                            R"(["größer"])", "ada is no name here", "\xff\xfe ada"};
    static const char* const kTypes[] = {"", "application/json", "text/plain; charset=utf-8",
                                         "application/octet-stream"};
    TaskBody body{.payload = kPayloads[random_.Below(std::size(kPayloads))],
                  .content_type = kTypes[random_.Below(std::size(kTypes))]};
    if (random_.OneIn(20)) body.payload = std::string(kSearchedPayloadBytes, ' ') + "end";
    body.payload_sha256 = Sha256Of(body.payload);
    if (random_.OneIn(3)) body.tags = {"red", "small"};
    if (random_.OneIn(3)) body.tags = {"blue"};
    if (random_.OneIn(4)) body.idempotency_key = "key-" + std::to_string(random_.Below(5));
    return std::make_shared<TaskBody>(body);
  }

  std::shared_ptr<const TaskError> Error() {
    return std::make_shared<TaskError>(
        TaskError{"exit_" + std::to_string(random_.Below(3)),
                  "Order " + std::to_string(random_.Below(10)) + " NOT found"});
  }

  // Changes the state and every part that depends on it; of failures, the error.
  void Become(TaskState state, TaskRecord* now) {
    TaskRecord next = MakeTask(now->image.id.sequence(), state);
    next.image.queue = now->image.queue;
    next.image.type = now->image.type;
    next.image.priority = now->image.priority;
    if (IsTerminal(state)) next.image.ordinal = next_ordinal_++;
    next.body = now->body;
    next.error = now->error;
    if (next.holder && random_.OneIn(2)) next.holder->worker = "other";
    const bool fails = state == TaskState::kRetrying || state == TaskState::kDead;
    if (fails && random_.OneIn(2)) next.error = Error();
    *now = std::move(next);
  }

  TaskState AnyState() { return kTaskStates[random_.Below(std::size(kTaskStates))]; }

  TaskChange New() {
    TaskRecord now;
    now.image.id = TaskId::Of(1, next_++);
    now.image.queue = 1 + static_cast<QueueId>(random_.Below(3));
    now.image.type = 1 + static_cast<TypeId>(random_.Below(3));
    now.image.priority = static_cast<uint8_t>(random_.Below(3) * 4);
    now.body = Body();
    Become(AnyState(), &now);
    tasks_[now.image.id] = {now, Searches(now)};
    touched_.insert(now.image.id);
    return NewChange(now);
  }

  TaskChange Touch(Kept* kept) {
    TaskRecord& now = kept->now;
    const TaskImage before = now.image;
    switch (random_.Below(5)) {
      case 0:  // deleted
        gone_.push_back(before.id);
        return {.now = {.image = before}, .is_gone = true};
      case 1:  // edited, and perhaps moved
        return Edit(kept);
      case 2: {  // ended too fast for any of it to be kept
        if (!random_.OneIn(3)) break;
        gone_.push_back(before.id);
        Become(TaskState::kCompleted, &now);
        TaskChange change = ChangeKeepingBody(now);
        change.is_gone = true;
        return change;
      }
      default:
        break;
    }
    // Leased, failed, ended or redriven: the body stays, and so does the error unless a new one
    // replaces it.
    const auto error = now.error;
    Become(AnyState(), &now);
    TaskChange change = ChangeKeepingBody(now);
    if (change.now.error == error) change.now.error = nullptr;
    return change;
  }

  TaskChange Edit(Kept* kept) {
    TaskRecord& now = kept->now;
    TaskPlace left = TaskPlace::Of(now.image);
    const bool waits = !IsTerminal(now.image.state);
    if (waits && random_.OneIn(2)) now.image.queue = 1 + now.image.queue % 3;
    if (waits && random_.OneIn(2)) now.image.priority = 9;
    now.body = Body();
    kept->searched = Searches(now);
    TaskChange change = Change(now);
    if (waits) change.left.push_back(left);
    return change;
  }

  CountersAreNow Retire() {
    CountersAreNow counters{.queue = 1 + static_cast<QueueId>(random_.Below(3)), .ended = {}};
    for (EndedRange& range : counters.ended)
      range = {next_ordinal_, next_ordinal_ * (1 + random_.Below(3)) / 3};
    std::erase_if(tasks_, [&](const auto& entry) {
      const TaskImage& image = entry.second.now.image;
      return image.queue == counters.queue && IsTerminal(image.state) &&
             image.ordinal < counters.of(image.state).from;
    });
    return counters;
  }

  SeededRandom random_;
  std::map<TaskId, Kept> tasks_;
  std::set<TaskId> touched_;  // in this round
  std::vector<TaskId> gone_;
  std::array<bool, 4> searches_{};  // by queue
  uint64_t next_ = 1;
  uint64_t next_ordinal_ = 1;
};

TEST_P(StoreConformance, EveryQueryFindsExactlyTheTasksThatMatch) {
  WriteNames();
  const std::vector<TaskQuery> questions = Questions();
  std::vector<size_t> found(questions.size());
  Shelf shelf(9);
  for (int round = 1; round <= 60; ++round) {
    Write(shelf.Next());
    if (round % 20 == 0) Reopen();
    if (round % 4 != 0) continue;
    EXPECT_EQ(home_->Inconsistency(), "") << "round " << round;
    for (size_t i = 0; i < questions.size(); ++i) {
      const std::vector<TaskId> expected = shelf.Answer(questions[i]);
      found[i] += expected.size();
      TaskQuery query = questions[i];
      query.limit = round % 8 == 0 ? 7 : 1000;
      EXPECT_EQ(Ids(store_.get(), query), expected) << "question " << i << ", round " << round;
    }
    if (HasFailure()) return;
  }
  for (size_t i = 0; i < questions.size(); ++i)
    EXPECT_EQ(found[i] == 0, i == 5 || i == 16) << "tasks that match question " << i;
}

TEST_P(StoreConformance, ATaskWrittenAndRemovedInOneWriteIsNotFound) {
  WriteNames();
  TaskRecord plain = MakeTask(1, TaskState::kCompleted);
  plain.error = nullptr;
  plain.body = std::make_shared<TaskBody>();
  StoreChanges changes;
  changes.tasks = {NewChange(plain), NewChange(MakeTask(2, TaskState::kCompleted))};
  changes.counters.push_back({.queue = 1, .ended = {EndedRange{.next = 3, .from = 3}}});
  Write(changes);
  EXPECT_TRUE(Ids(store_.get(), {.tag = "a tag"}).empty());
  EXPECT_EQ(home_->Inconsistency(), "");
}

TEST_P(StoreConformance, PayloadsAreSearchedOnceTheirQueueAllowsIt) {
  WriteNames();
  const TaskQuery query{.payload_words = {"payload"}};
  const auto set = [&](bool searches) {
    StoreChanges changes;
    changes.queues.push_back({1, "queue-1", {.search_payloads = searches}});
    Write(changes);
  };
  Write({NewChange(MakeTask(1, TaskState::kReady))});
  set(true);
  Write({NewChange(MakeTask(2, TaskState::kReady))});
  set(false);
  Write({NewChange(MakeTask(3, TaskState::kReady))});
  EXPECT_EQ(Ids(store_.get(), query), std::vector{TaskId::Of(1, 2)});
  set(true);
  Reopen();
  Write({Change(MakeTask(3, TaskState::kReady))});
  EXPECT_EQ(Ids(store_.get(), query), (std::vector{TaskId::Of(1, 3), TaskId::Of(1, 2)}));
}

}  // namespace
}  // namespace treadle
