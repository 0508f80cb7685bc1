#include "shard/shard.h"

#include <utility>

#include "base/check.h"

namespace treadle {

Shard::Shard(const NodeOptions& options, const ShardEnvironment& environment, Recovered recovered)
    : options_(options),
      env_(environment),
      engine_(std::move(recovered.engine)),
      clock_(this, this, env_, recovered.now),
      frames_(this, this, env_, options_),
      checkpoints_(this, this, env_, options_, &frames_, recovered.meta),
      pressure_(this, env_, options_, &checkpoints_),
      loader_(this, env_.store, env_.reader, env_.log),
      exchanges_(this),
      enqueues_(this, &checkpoints_, &pressure_),
      questions_(this, env_, &checkpoints_, &exchanges_, &progress_) {
  engine_->mutable_state()->parts_bytes_max = options.payload_memory_bytes;
  engine_->strict_queues = options.strict_queues;
}

void Shard::Start() {
  pressure_.Begin();
  checkpoints_.BeginLater();
  clock_.TickLater();
}

void Shard::Take(EnqueueCommand command, Callback<EnqueueReply> done) {
  enqueues_.Do(std::move(command), std::move(done));
}

void Shard::Take(SaveAttempt command, Callback<AttemptStanding> done) {
  if (Status refusal = command.save.empty() ? Status() : pressure_.RefuseSave(); !refusal.ok())
    return Answer<AttemptStanding>(std::move(done), std::move(refusal));
  Ask<AttemptStanding>(
      [this, command = std::move(command)](Engine& engine, const Loaded*) {
        Outcome<AttemptStanding> outcome = engine.Save(command.save);
        if (outcome.reply.ok() && command.progress)
          progress_.Note(command.save.token, *command.progress, env_.clock->Wall());
        return outcome;
      },
      std::move(done));
}

void Shard::Take(const GetShardStats&, const Callback<ShardStats>& done) {
  ShardStats stats = stats_;
  stats.journal_backlog_bytes = checkpoints_.backlog_bytes();
  stats.payload_memory_bytes = engine_->state().parts_bytes();
  stats.exchanges_parked = exchanges_.parked();
  stats.enqueue_refused = pressure_.refuses();
  stats.checkpoint_age_ms = checkpoints_.AgeMs();
  const int64_t now_ms = clock_.MonotonicMs();
  stats.journal_write_age_ms = env_.watch->AgeMs(DiskWatch::Kind::kJournal, now_ms);
  stats.store_write_age_ms = env_.watch->AgeMs(DiskWatch::Kind::kStore, now_ms);
  stats.uptime_ms = clock_.UptimeMs();
  done(stats);
}

void Shard::Exchange(const ExchangeDesk::Job& job) {
  if (!has_failed()) exchanges_.Begin(job);
}

void Shard::Abandon(uint64_t ticket) {
  if (!has_failed()) exchanges_.Abandon(ticket);
}

void Shard::Undelivered(const LeaseHolder& holder, const ExchangeReply& reply) {
  if (!has_failed()) exchanges_.Undelivered(holder, reply);
}

void Shard::OnTurn() {
  exchanges_.WakeWaiters();
  questions_.WakeForEnded();
  frames_.EndTurn();
  clock_.TickLater();
  CloseIfIdle();
}

void Shard::OnDurable(uint64_t sequence, uint64_t bytes) {
  ++stats_.frames;
  stats_.journal_bytes += bytes;
  checkpoints_.Add(sequence, bytes);
  checkpoints_.BeginLater();
  pressure_.NoteWritten();
  CloseIfIdle();
}

void Shard::OnTick() {
  if (exchanges_.ForgetIdleSessions()) progress_.Sweep(*engine_);
}

void Shard::After(int64_t delay_ms, std::function<void()> work) {
  auto run = [this, work = std::move(work)] {
    if (!has_failed()) work();
  };
  delay_ms == 0 ? env_.loop->Post(std::move(run)) : env_.loop->PostAfter(delay_ms, std::move(run));
}

void Shard::Fail(const Status& status) {
  if (std::exchange(life_, Life::kFailed) == Life::kFailed) return;
  // A file that someone takes away makes all kinds of errors; this one says what happened.
  const Status files = env_.checkpointer->CheckFiles();
  env_.on_fatal(files.ok() ? status : files);
}

void Shard::Close(std::function<void()> closed) {
  if (has_failed()) return;
  life_ = Life::kClosing;
  closed_ = std::move(closed);
  exchanges_.EndAll();
  questions_.EndAll();
  checkpoints_.StopWaitingForRoom();
  env_.loop->Post([this] { CloseIfIdle(); });
}

void Shard::CloseIfIdle() {
  if (!is_closing() || !closed_ || !frames_.is_idle() || checkpoints_.is_running()) return;
  const bool has_more = checkpoints_.stored() < frames_.durable();
  // On a full disk, the journal has it all.
  if (has_more && !checkpoints_.is_pausing()) return checkpoints_.Begin();
  std::exchange(closed_, nullptr)();
}

}  // namespace treadle
