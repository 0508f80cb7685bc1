// Enqueue: one task or a batch, all or nothing.

#include <cstring>
#include <map>
#include <string>

#include "engine/engine.h"
#include "engine/text_list.h"
#include "model/limits.h"
#include "model/validate.h"

namespace treadle {
namespace {

constexpr size_t kKeysMax = 5'000'000;

void HashTerms(const NewTask& task, ByteWriter* out) {
  const TaskTerms asked{.expires_at = task.expires_at,
                        .expires = {task.expires_ms},
                        .deadline_at = task.deadline_at,
                        .deadline = {task.deadline_ms},
                        .attempt_timeout_ms = task.attempt_timeout_ms,
                        .retry = task.retry};
  EncodeTerms(asked, out);
}

// Everything that the producer asked for but the key: two requests are the same if these bytes are.
uint64_t RequestHash(const NewTask& task) {
  std::string asked;
  ByteWriter out(&asked);
  out.Bytes(task.type);
  out.Bytes(task.body->content_type);
  out.Raw(task.body->payload_sha256.view());
  out.U8(task.priority);
  out.U16(task.max_attempts);
  out.Signed(task.run_at.ms);
  out.Signed(task.delay_ms);
  if (task.has_terms()) HashTerms(task, &out);
  EncodeTexts(task.body->tags, &out);
  const Sha256 digest = Sha256Of(asked);
  uint64_t hash = 0;
  std::memcpy(&hash, digest.bytes.data(), sizeof hash);
  return hash;
}

std::string Place(const std::vector<NewTask>& tasks, size_t i) {
  return tasks.size() == 1 ? std::string() : "tasks[" + std::to_string(i) + "].";
}

Status KeyIsTaken(const EnqueueCommand& command, size_t i, TaskId holder) {
  return {Code::kAlreadyExists, Place(command.tasks, i) + "idempotency_key is taken by task " +
                                    holder.ToString() + ", which was asked for differently"};
}

}  // namespace

Result<EnqueueCommand> EnqueueCommand::Make(std::vector<NewTask> tasks) {
  if (tasks.empty()) return Status(Code::kInvalidArgument, "tasks must not be empty");
  if (tasks.size() > limits::kBatchTasks)
    return Status(Code::kInvalidArgument,
                  "tasks must have at most " + std::to_string(limits::kBatchTasks) + " entries");
  EnqueueCommand command;
  command.keys.resize(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) {
    const NewTask& task = tasks[i];
    if (Status status = Validate(task); !status.ok())
      return Status(status.code(), Place(tasks, i) + status.message());
    if (task.body->idempotency_key.empty()) continue;
    command.keys[i] = {IdempotencyIdOf(task.queue, task.body->idempotency_key), RequestHash(task)};
  }
  command.tasks = std::move(tasks);
  return command;
}

Result<EnqueueReply> Engine::Enqueue(const EnqueueCommand& command) {
  TREADLE_ASSIGN_OR_RETURN(std::vector<EnqueueReply::Task> found, FindDuplicates(command));
  std::map<IdempotencyId, TaskId> own;  // keys that this very batch has taken
  for (size_t i = 0; i < command.tasks.size(); ++i) {
    const NewTask& task = command.tasks[i];
    if (found[i].duplicate) {
      if (found[i].id == TaskId{}) found[i].id = own.at(command.keys[i].id);
      continue;
    }
    TREADLE_ASSIGN_OR_RETURN(const Queue* const queue, QueueFor(task.queue));
    TREADLE_ASSIGN_OR_RETURN(const TypeId type, TypeFor(task.type));
    found[i].id = EnqueueOne(task, command.keys[i], *queue, type);
    if (!task.body->idempotency_key.empty()) own.emplace(command.keys[i].id, found[i].id);
  }
  return EnqueueReply{std::move(found)};
}

// Which tasks of the batch are there already. One whose twin stands earlier in the batch has no id
// yet. Refuses whatever would make the batch fail half way: a key taken by another request, and
// every capacity.
Result<std::vector<EnqueueReply::Task>> Engine::FindDuplicates(
    const EnqueueCommand& command) const {
  std::vector<EnqueueReply::Task> found(command.tasks.size());
  std::map<IdempotencyId, uint64_t> own;
  size_t new_keys = 0;
  for (size_t i = 0; i < command.tasks.size(); ++i) {
    if (command.tasks[i].body->idempotency_key.empty()) continue;
    const EnqueueCommand::Key& key = command.keys[i];
    if (const KeyIsNow* taken = state_.keys().Find(key.id);
        taken && taken->expires > state_.now()) {
      if (taken->request_hash != key.request_hash) return KeyIsTaken(command, i, taken->task);
      found[i] = {taken->task, true};
      continue;
    }
    const auto [it, is_first] = own.emplace(key.id, key.request_hash);
    if (!is_first && it->second != key.request_hash)
      return Status(Code::kAlreadyExists,
                    Place(command.tasks, i) + "idempotency_key is used twice, for different tasks");
    found[i].duplicate = !is_first;
    new_keys += is_first;
  }
  if (state_.keys().size() + new_keys > kKeysMax)
    return Status(Code::kResourceExhausted, "too many idempotency keys are within their window")
        .WithRetryAfter(60'000);
  // Every new queue or type of a batch costs at most one each per task.
  if (state_.queues() + command.tasks.size() > limits::kQueues ||
      state_.types() + command.tasks.size() > limits::kTypes) {
    for (const NewTask& task : command.tasks)
      if (state_.FindQueue(task.queue) == nullptr || state_.FindType(task.type) == 0)
        return Status(Code::kResourceExhausted, "too many queues or task types: cannot add queue " +
                                                    task.queue + " with type " + task.type);
  }
  return found;
}

TaskId Engine::EnqueueOne(const NewTask& task, const EnqueueCommand::Key& key, const Queue& queue,
                          TypeId type) {
  TaskImage image;
  image.id = state_.next_task();
  image.queue = queue.id;
  image.type = type;
  image.priority = task.priority;
  image.enqueued_at = time_.wall;
  std::shared_ptr<const TaskTerms> terms;
  if (task.has_terms()) terms = TermsFor(task);
  image.has_terms = terms != nullptr;
  image.max_attempts =
      task.max_attempts != 0 ? task.max_attempts : RetryOf(image, terms.get()).max_attempts;
  const WallTime due = task.delay_ms > 0 ? time_.wall + task.delay_ms : task.run_at;
  if (due > time_.wall) {
    image.state = TaskState::kScheduled;
    image.when_ms = due.ms;
  }
  Emit(TaskIsNew{.image = image, .body = task.body, .terms = std::move(terms)});
  if (!task.body->idempotency_key.empty())
    Emit(KeyIsNow{key.id, key.request_hash, image.id,
                  state_.now() + queue.policy.idempotency_window_ms});
  return image.id;
}

// What is asked for by the wall clock happens by shard time: both agree now, and only one of them
// cannot jump.
std::shared_ptr<const TaskTerms> Engine::TermsFor(const NewTask& task) const {
  auto terms = std::make_shared<TaskTerms>();
  const auto set = [&](WallTime at, int64_t in_ms, WallTime* shown, ShardTime* when) {
    if (at.ms == 0 && in_ms == 0) return;
    *shown = at.ms != 0 ? at : time_.wall + in_ms;
    *when = state_.now() + (*shown - time_.wall);
  };
  set(task.expires_at, task.expires_ms, &terms->expires_at, &terms->expires);
  set(task.deadline_at, task.deadline_ms, &terms->deadline_at, &terms->deadline);
  terms->attempt_timeout_ms = task.attempt_timeout_ms;
  terms->retry = task.retry;
  return terms;
}

Result<const Queue*> Engine::QueueFor(const std::string& name) {
  if (const Queue* queue = state_.FindQueue(name)) return queue;
  if (state_.queues() >= limits::kQueues)
    return Status(Code::kResourceExhausted, "there are too many queues to add " + name);
  Emit(QueueIsNow{.id = state_.queues() + 1, .name = name, .policy = {}});
  return state_.FindQueue(name);
}

Result<TypeId> Engine::TypeFor(const std::string& name) {
  if (const TypeId type = state_.FindType(name)) return type;
  Emit(TypeIsNow{.id = state_.types() + 1, .name = name});
  return state_.types();
}

}  // namespace treadle
