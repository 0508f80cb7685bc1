// Shard: what people ask of single tasks.

#include <utility>

#include "node/shard.h"

namespace treadle {
void Shard::Do(TaskCommand command, Callback<TaskStanding> done) {
  if (failed_) return;
  Ask<TaskStanding>(
      [command = std::move(command)](Engine& engine, const Loaded* loaded) {
        return engine.Do(command, Find(loaded, command.id), loaded != nullptr);
      },
      std::move(done));
}

void Shard::Explain(TaskId id, Callback<Explanation> done) {
  if (failed_) return;
  Ask<Explanation>(
      [this, id](Engine& engine, const Loaded* loaded) -> Outcome<Explanation> {
        Outcome<TaskReasons> found = engine.Explain(id, Find(loaded, id), loaded != nullptr);
        if (!found.needs.empty()) return Outcome<Explanation>::Need(std::move(found.needs));
        if (!found.reply.ok()) return found.reply.status();
        Explanation explanation{.reasons = *std::move(found.reply)};
        explanation.enqueue_refused = space_->refuses();
        desk_.NoteWorkers(&explanation);
        return explanation;
      },
      std::move(done));
}

const TaskRecord* Shard::Find(const Loaded* loaded, TaskId id) {
  if (loaded == nullptr) return nullptr;
  const auto it = loaded->find(id);
  return it == loaded->end() ? nullptr : &it->second;
}

}  // namespace treadle
