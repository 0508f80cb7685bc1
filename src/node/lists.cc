// Shard: lists. The store has them, once it has what was acknowledged before.

#include <utility>

#include "node/shard.h"

namespace treadle {

void Shard::List(TaskQuery query, Callback<ListReply> done, int64_t wait_ms) {
  if (failed_) return;
  WhenStored(wait_ms, [this, query = std::move(query), done = std::move(done)](bool) {
    ReadList(query, done);
  });
}

void Shard::WhenStored(int64_t wait_ms, std::function<void(bool)> run) {
  const uint64_t wanted = next_frame_ - (effects_.empty() ? 1 : 0);
  if (stored_frame_ >= wanted || wait_ms == 0) return run(stored_frame_ >= wanted);
  auto once = std::make_shared<std::function<void(bool)>>(std::move(run));
  wait_for_store_.push_back({wanted, once});
  Checkpoint();
  env_.shard->PostAfter(wait_ms, [once] {
    if (const auto late = std::exchange(*once, nullptr)) late(false);
  });
}

void Shard::ReadList(TaskQuery query, Callback<ListReply> done) {
  const bool is_current = stored_frame_ + 1 == next_frame_ && effects_.empty();
  const WallTime as_of = is_current ? env_.clock->Wall() : stored_as_of_;
  env_.reader->Post([this, query = std::move(query), done = std::move(done), as_of]() mutable {
    auto page = storage_->store->List(query);
    env_.shard->Post([this, page = std::move(page), done = std::move(done), as_of]() mutable {
      if (failed_) return;
      // What the store holds is durable: nothing to wait for.
      if (!page.ok()) return done(page.status());
      const BatchTime now = Now();
      for (TaskView& view : page->tasks) view.run_at = RunAt(view.task.image, now);
      done(ListReply{std::move(*page), as_of});
    });
  });
}

}  // namespace treadle
