// Shard: what people ask of single tasks.

#include <utility>

#include "node/shard.h"

namespace treadle {
void Shard::Explain(TaskId id, Callback<Explanation> done) {
  if (failed_) return;
  Ask<Explanation>(
      [this, id](Engine& engine, const Loaded* loaded) -> Outcome<Explanation> {
        Outcome<TaskReasons> found = engine.Explain(id, FindIn(loaded, id), loaded != nullptr);
        if (!found.needs.empty()) return Outcome<Explanation>::Need(std::move(found.needs));
        if (!found.reply.ok()) return found.reply.status();
        Explanation explanation{.reasons = *std::move(found.reply)};
        explanation.enqueue_refused = space_->refuses();
        desk_.NoteWorkers(&explanation);
        return explanation;
      },
      std::move(done));
}

}  // namespace treadle
