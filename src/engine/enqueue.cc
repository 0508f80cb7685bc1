// Enqueue: one task or a batch, all or nothing.

#include <cstring>
#include <limits>
#include <string>

#include "base/check.h"
#include "engine/batch_limits.h"
#include "engine/engine.h"
#include "engine/text_list.h"
#include "model/limits.h"
#include "model/validate.h"

namespace treadle {
namespace {

constexpr uint64_t kTaskBytes = 256;  // in a mailbox, beside its payload

void HashTerms(const NewTask& task, ByteWriter* out) {
  const TaskTerms asked{.expires_at = task.expires_at,
                        .expires = {task.expires_ms.value_or(0)},
                        .deadline_at = task.deadline_at,
                        .deadline = {task.deadline_ms.value_or(0)},
                        .attempt_timeout_ms = task.attempt_timeout_ms,
                        .retry = task.retry,
                        .unique = task.unique,
                        .contract = task.contract_was_asked_for ? task.contract : 0,
                        .sensitive = task.sensitive};
  EncodeTerms(asked, out);
}

// Everything that the producer asked for but the key: two requests are the same if these bytes are.
uint64_t RequestHash(const NewTask& task) {
  TREADLE_CHECK(!task.body->idempotency_key.empty());  // or nobody would ask for it
  std::string asked;
  ByteWriter out(&asked);
  out.Bytes(task.type);
  out.Bytes(task.body->content_type);
  out.Raw(task.body->payload_sha256.view());
  out.U8(task.priority);
  out.U16(task.max_attempts);
  out.Signed(task.run_at.value_or(WallTime{}).ms);
  out.Signed(task.delay_ms.value_or(0));
  if (task.asks_for_terms() || task.contract_was_asked_for) HashTerms(task, &out);
  EncodeTexts(task.body->tags, &out);
  const Sha256 digest = Sha256Of(asked);
  uint64_t hash = 0;
  std::memcpy(&hash, digest.bytes.data(), sizeof hash);
  return hash;
}

size_t BytesOf(const std::vector<std::string>& texts) {
  size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  return bytes;
}

// What a task carries that can be large.
size_t BytesOf(const NewTask& task) {
  const TaskBody& body = *task.body;
  size_t bytes = body.payload.size() + body.content_type.size() + body.idempotency_key.size();
  if (!body.tags.empty()) bytes += BytesOf(body.tags);
  if (task.retry) bytes += BytesOf(task.retry->never) + BytesOf(task.retry->always);
  return bytes;
}

}  // namespace

Result<EnqueueCommand> EnqueueCommand::Make(std::vector<NewTask> tasks) {
  if (tasks.empty()) return Status(Code::kInvalidArgument, "tasks must not be empty");
  if (tasks.size() > limits::kBatchTasks)
    return Status(Code::kInvalidArgument,
                  "tasks must have at most " + std::to_string(limits::kBatchTasks) + " entries");
  EnqueueCommand command;
  command.keys.resize(tasks.size());
  size_t bytes = 0;
  for (size_t i = 0; i < tasks.size(); ++i) {
    const NewTask& task = tasks[i];
    if (Status status = Validate(task); !status.ok())
      return Status(status.code(), PlaceInBatch(tasks, i) + status.message());
    bytes += BytesOf(task);
    command.bytes += task.body->payload.size() + kTaskBytes;
    if (task.body->idempotency_key.empty()) continue;
    command.keys[i] = {IdempotencyIdOf(task.queue, task.body->idempotency_key), RequestHash(task)};
  }
  if (bytes > kBatchBytes)
    return Status(Code::kInvalidArgument, "tasks must carry at most " +
                                              std::to_string(kBatchBytes) +
                                              " bytes in total, not " + std::to_string(bytes) +
                                              ": send them in several requests");
  command.tasks = std::move(tasks);
  return command;
}

Result<EnqueueReply> Engine::Enqueue(const EnqueueCommand& command) {
  TREADLE_CHECK(command.keys.size() == command.tasks.size());  // as Make() made it
  TREADLE_ASSIGN_OR_RETURN(const Admission admission, Admit(command));
  for (const TaskId id : admission.shed) Shed(id);
  EnqueueReply reply;
  reply.tasks.reserve(command.tasks.size());
  for (size_t i = 0; i < command.tasks.size(); ++i) {
    const Admission::Plan& plan = admission.plans[i];
    if (plan.twin) {
      TREADLE_CHECK(*plan.twin < i);
      reply.tasks.push_back({.id = reply.tasks[*plan.twin].id, .duplicate = true});
    } else if (plan.existing != TaskId{}) {
      reply.tasks.push_back({.id = plan.existing, .duplicate = true});
    } else {
      if (plan.replaces != TaskId{}) Replace(plan.replaces);
      const NewTask& task = command.tasks[i];
      const Result<const Queue*> queue = QueueFor(task.queue);
      const Result<TypeId> type = TypeFor(task.type);
      // Admit() has seen to it that there are numbers for all names. An error now would leave half
      // of the batch behind.
      TREADLE_CHECK(queue.ok() && type.ok());
      reply.tasks.push_back(
          {.id = EnqueueOne(task, command.keys[i], **queue, *type), .replaced = plan.replaces});
    }
  }
  for (EnqueueReply::Task& task : reply.tasks)
    if (const TaskSlot* slot = task.duplicate ? state_.Find(task.id) : nullptr)
      task.state = slot->state;
  TREADLE_CHECK(reply.tasks.size() == command.tasks.size());
  return reply;
}

void Engine::Shed(TaskId id) {
  const TaskSlot* const task = state_.Find(id);
  // Only tasks of lanes are chosen, each once: they wait for a worker.
  TREADLE_CHECK(task != nullptr && task->state == TaskState::kReady);
  End(task->image(), TaskState::kCancelled, AttemptOutcome::kCancelled,
      std::make_shared<TaskError>(TaskError{
          "shed", "the queue was full, so this task made room for one of higher priority"}));
}

// Its key is taken over by the task that comes.
void Engine::Replace(TaskId id) {
  const TaskSlot* const task = state_.Find(id);
  // PlanDuplicates() lets no task give way that has begun.
  TREADLE_CHECK(task != nullptr && task->attempt() == 0);
  const TaskImage image = task->image();
  ended_.push_back(id);
  Emit(TaskIsGone{.id = id, .place = QueuePlace::Of(image), .why = Removal::kReplaced});
}

TaskId Engine::EnqueueOne(const NewTask& task, const EnqueueCommand::Key& key, const Queue& queue,
                          TypeId type) {
  TaskImage image;
  image.id = state_.next_task();
  image.queue = queue.id;
  image.type = type;
  image.priority = PriorityOf(task, type);
  image.enqueued_at = time_.wall;
  std::shared_ptr<const TaskTerms> terms;
  if (task.has_terms()) terms = TermsFor(task, key);
  image.has_terms = terms != nullptr;
  image.max_attempts =
      task.max_attempts != 0 ? task.max_attempts : RetryOf(image, terms.get()).max_attempts;
  // A delay is a duration: no wall clock that is set makes it shorter or longer.
  const bool is_due =
      (!task.run_at || *task.run_at <= time_.wall) && task.delay_ms.value_or(0) == 0;
  if (!is_due) {
    image.state = TaskState::kScheduled;
    image.by_shard_time = !task.run_at;
    image.when_ms = task.run_at ? task.run_at->ms : (state_.now() + *task.delay_ms).ms;
  }
  Emit(TaskIsNew{.image = image, .body = task.body, .terms = std::move(terms)});
  if (!task.body->idempotency_key.empty())
    Emit(KeyIsNow{key.id, key.request_hash, image.id, KeyEnd(task, queue)});
  return image.id;
}

// A key that holds as long as its task does is released with the task, never by a timer.
ShardTime Engine::KeyEnd(const NewTask& task, const Queue& queue) const {
  if (task.unique != Unique::kNo) return {std::numeric_limits<int64_t>::max()};
  return state_.now() + (task.idempotency_window_ms != 0 ? task.idempotency_window_ms
                                                         : queue.policy.idempotency_window_ms);
}

void Engine::ReleaseKey(const TaskImage& image, Unique by_now) {
  TREADLE_CHECK(image.has_terms && by_now != Unique::kNo);
  const TaskTerms* const terms = state_.TermsOf(image);
  if (terms == nullptr || terms->unique == Unique::kNo) return;
  if (terms->unique > by_now) return;
  const KeyIsNow* key = state_.keys().Find(terms->unique_key);
  if (key != nullptr && key->task == image.id) Emit(KeyIsGone{terms->unique_key});
}

// What is asked for by the wall clock happens by shard time: both agree now, and only one of them
// cannot jump.
std::shared_ptr<const TaskTerms> Engine::TermsFor(const NewTask& task,
                                                  const EnqueueCommand::Key& key) {
  TREADLE_CHECK(task.has_terms());
  auto terms = std::make_shared<TaskTerms>();
  const auto set = [&](const std::optional<WallTime>& at, const std::optional<int64_t>& in_ms,
                       std::optional<WallTime>* shown, ShardTime* when) {
    if (!at && !in_ms) return;
    *shown = at ? *at : time_.wall + *in_ms;
    *when = state_.now() + (**shown - time_.wall);
  };
  set(task.expires_at, task.expires_ms, &terms->expires_at, &terms->expires);
  set(task.deadline_at, task.deadline_ms, &terms->deadline_at, &terms->deadline);
  terms->attempt_timeout_ms = task.attempt_timeout_ms;
  terms->retry = task.retry;
  terms->unique = task.unique;
  if (task.unique != Unique::kNo) {
    terms->unique_key = key.id;
    terms->request_hash = key.request_hash;
  }
  terms->contract = task.contract;
  terms->sensitive = task.sensitive;
  // Most tasks of a contract have nothing else: they share one record.
  if (task.asks_for_terms()) return terms;
  if (contract_alone_ == nullptr || contract_alone_->contract != task.contract)
    contract_alone_ = std::move(terms);
  return contract_alone_;
}

uint8_t Engine::PriorityOf(const NewTask& task, TypeId type) const {
  if (!task.priority_was_left_open) return task.priority;
  const TypeContract* const contract =
      FindContract(state_.type_policy(type).contracts, task.contract);
  return contract == nullptr ? task.priority : contract->priority.value_or(task.priority);
}

}  // namespace treadle
