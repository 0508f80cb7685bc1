// Do: what a person asks of one task. Each kind has its own file; this one finds the
// task.

#include "engine/engine.h"
#include "engine/task_refusal.h"

namespace treadle {
namespace {

using Kind = TaskCommand::Kind;

// An edit rewrites the body, and a deletion gives up the idempotency key that is in it.
bool NeedsBody(Kind kind) { return kind == Kind::kEdit || kind == Kind::kDelete; }

}  // namespace

Outcome<TaskStanding> Engine::Do(const TaskCommand& command, const TaskRecord* loaded,
                                 bool was_loaded) {
  Outcome<TaskRecord> task = Record(command.id, loaded, was_loaded, NeedsBody(command.kind));
  if (!task.needs.empty()) return Outcome<TaskStanding>::Need(std::move(task.needs));
  if (!task.reply.ok()) return task.reply.status();
  const TaskImage& image = task.reply->image;
  if (command.only_in && image.state != *command.only_in)
    return WrongState(image, "it was " + std::string(*TaskStateName(*command.only_in)));
  switch (command.kind) {
    case Kind::kRunNow:
      return RunNow(*task.reply);
    case Kind::kCancel:
      return Cancel(*task.reply, command.reason);
    case Kind::kRedrive:
      return Redrive(*task.reply);
    case Kind::kEdit:
      return Edit(*task.reply, command.edit);
    case Kind::kDelete:
      return Delete(*task.reply);
    case Kind::kRelease:
      return TakeBack(*task.reply, command.reason);
  }
  return Status(Code::kInternal, "no such command");
}

}  // namespace treadle
