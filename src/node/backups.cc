#include "node/backups.h"

#include <algorithm>
#include <utility>

#include "node/node.h"
#include "shard/shard.h"

namespace treadle {
namespace {

constexpr int64_t kStoreWaitMs = 60'000;     // for the store to have what was acknowledged
constexpr int64_t kUnevenRetryMs = 100;      // until an interrupted checkpoint is repaired
constexpr int64_t kFailedRetryMs = 600'000;  // after a scheduled one that failed
constexpr int64_t kSettleMs = 1'000;         // after a start, before one that is due
constexpr int64_t kTurnMsMin = 20;           // how long a turn on the checkpoint's executor takes
constexpr int64_t kTurnMsMax = 250;

constexpr size_t kAskedMax = 4;  // of backups that are asked for within this time:
constexpr int64_t kAskedWindowMs = 300'000;
constexpr std::string_view kManualSuffix = "-manual.backup";

// "treadle-20261124T175148.123Z.backup", or "….123Z-manual.backup": in the order of time.
std::string NameAt(WallTime time, std::string_view suffix) {
  std::string stamp = FormatWallTime(time);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  return "treadle-" + stamp + std::string(suffix);
}

bool IsManual(std::string_view name) { return name.ends_with(kManualSuffix); }

BackupView ViewOf(const std::string& name, const BackupLabel& label) {
  const uint64_t bytes = label.store_bytes + kBackupLabelBytes;
  return {.name = name,
          .state = BackupView::State::kDone,
          .bytes_total = bytes,
          .bytes_done = bytes,
          .frame = label.frame,
          .taken_at = label.taken_at,
          .error = ""};
}

// Only by its label: `treadle backup verify` reads the rest.
Result<BackupLabel> ReadLabel(Disk* disk, const std::string& path) {
  TREADLE_ASSIGN_OR_RETURN(const auto file, disk->Open(path, Disk::Mode::kRead));
  return ReadBackupLabel(file.get());
}

// Newest first. A file that cannot be read as a backup is listed as such.
Result<std::vector<BackupView>> ReadDirectory(Disk* disk, const std::string& directory) {
  const auto names = disk->List(directory);
  if (names.status().code() == Code::kNotFound) return std::vector<BackupView>();
  if (!names.ok()) return names.status();
  std::vector<BackupView> views;
  for (const std::string& name : *names) {
    if (!name.ends_with(kBackupSuffix)) continue;
    const Result<BackupLabel> label = ReadLabel(disk, directory + "/" + name);
    views.push_back(label.ok() ? ViewOf(name, *label)
                               : BackupView{.name = name,
                                            .state = BackupView::State::kFailed,
                                            .error = label.status().message()});
  }
  std::ranges::stable_sort(views, std::greater(), &BackupView::taken_at);
  return views;
}

void RemoveDrafts(Disk* disk, const std::string& directory) {
  const auto names = disk->List(directory);
  if (!names.ok()) return;
  const std::string ending = std::string(kBackupSuffix) + std::string(BackupMaker::kDraftSuffix);
  for (const std::string& name : *names)
    if (name.ends_with(ending)) (void)disk->Remove(directory + "/" + name);
}

// All but the `keep` newest of those that are whole and of this kind.
void RemoveOldest(Disk* disk, const std::string& directory, bool is_manual, size_t keep) {
  const auto views = ReadDirectory(disk, directory);
  if (!views.ok()) return;
  size_t whole = 0;
  for (const BackupView& view : *views)
    if (view.state == BackupView::State::kDone && IsManual(view.name) == is_manual &&
        ++whole > keep)
      (void)disk->Remove(directory + "/" + view.name);
}

}  // namespace

Backups::Backups(const NodeOptions& options, const NodeEnvironment& environment, Shard* shard,
                 const BackupMaker::Tools& tools)
    : directory_(options.backup_directory),
      every_ms_(options.backup_every_ms),
      keep_(options.backups_kept),
      keep_manual_(options.manual_backups_kept),
      env_(environment),
      shard_(shard),
      tools_(tools) {}

Backups::~Backups() = default;

void Backups::Begin() {
  if (directory_.empty()) return;
  env_.reader->Post([this] {
    RemoveDrafts(env_.disk, directory_);
    const auto views = ReadDirectory(env_.disk, directory_);
    WallTime last;
    WallTime last_scheduled;
    for (const BackupView& view : views.ok() ? *views : std::vector<BackupView>()) {
      if (view.state != BackupView::State::kDone) continue;
      last = std::max(last, view.taken_at);
      if (!IsManual(view.name)) last_scheduled = std::max(last_scheduled, view.taken_at);
    }
    env_.shard->Post([this, last, last_scheduled] {
      stats_.last_taken_at = last;
      last_scheduled_at_ = last_scheduled;
      PlanNext();
    });
  });
}

void Backups::PlanNext() {
  const int64_t due_in = last_scheduled_at_ + every_ms_ - env_.clock->Wall();
  Plan(std::clamp(due_in, kSettleMs, std::max(every_ms_, kSettleMs)));
}

void Backups::Plan(int64_t delay_ms) {
  if (every_ms_ == 0 || stopped_) return;
  env_.shard->PostAfter(delay_ms, [this, plan = ++plan_] {
    if (plan == plan_) StartScheduled();
  });
}

// Another one may be in progress: its end plans this one again.
void Backups::StartScheduled() {
  if (stopped_ || directory_.empty()) return;
  if (current_.state == BackupView::State::kRunning && !current_.name.empty()) return;
  Launch(NameAt(env_.clock->Wall(), kBackupSuffix));
}

Status Backups::TakeTurnOfAsking() {
  const int64_t now_ms = env_.clock->MonotonicMs();
  while (!asked_ms_.empty() && asked_ms_.front() <= now_ms - kAskedWindowMs) asked_ms_.pop_front();
  if (asked_ms_.size() < kAskedMax) {
    asked_ms_.push_back(now_ms);
    return {};
  }
  const int64_t wait_ms = asked_ms_.front() + kAskedWindowMs - now_ms;
  return Status(Code::kResourceExhausted,
                "at most " + std::to_string(kAskedMax) + " backups can be requested in " +
                    std::to_string(kAskedWindowMs / 60'000) + " minutes; ask again in " +
                    std::to_string(wait_ms / 1'000 + 1) + " s, or set backup.every")
      .WithRetryAfter(wait_ms);
}

void Backups::Do(const StartBackup&, Callback<BackupView> done) {
  if (stopped_) return done(Status(Code::kUnavailable, "the server is stopping"));
  if (directory_.empty())
    return done(Status(Code::kFailedPrecondition, "this node has no directory for backups"));
  if (current_.state == BackupView::State::kRunning && !current_.name.empty())
    return done(
        Status(Code::kFailedPrecondition, "backup " + current_.name + " is still in progress"));
  if (Status refusal = TakeTurnOfAsking(); !refusal.ok()) return done(std::move(refusal));
  Launch(NameAt(env_.clock->Wall(), kManualSuffix));
  done(current_);
}

void Backups::Launch(const std::string& name) {
  ++plan_;  // one that is planned comes after this one
  current_ = {.name = name, .taken_at = env_.clock->Wall()};
  shard_->WhenStored(kStoreWaitMs, [this](bool is_stored) {
    if (!is_stored) return OnFailed({Code::kUnavailable, "no checkpoint ended within a minute"});
    env_.checkpoint->Post([this, name = current_.name] { Make(name); });
  });
}

void Backups::Make(const std::string& name) {
  Status status = env_.disk->CreateDirectory(directory_);
  if (status.ok() && env_.disk->Open(directory_ + "/" + name, Disk::Mode::kRead).ok())
    status = {Code::kAlreadyExists, directory_ + "/" + name + " already exists"};
  if (!status.ok()) return env_.shard->Post([this, status] { OnFailed(status); });
  maker_ = std::make_unique<BackupMaker>(tools_, directory_, name);
  Step();
}

// Half as long as all else has taken since the last turn: under full load, when checkpoints follow
// each other, a third of the executor's time is left to the backup, and it keeps up with a store
// that grows.
Result<BackupMaker::Next> Backups::TakeTurn() {
  const int64_t begun_ms = env_.clock->MonotonicMs();
  const int64_t turn_ms = std::clamp((begun_ms - turn_ended_ms_) / 2, kTurnMsMin, kTurnMsMax);
  Result<BackupMaker::Next> next = maker_->Advance();
  while (next.ok() && *next == BackupMaker::Next::kAgain && !stopped_ &&
         env_.clock->MonotonicMs() - begun_ms < turn_ms)
    next = maker_->Advance();
  turn_ended_ms_ = env_.clock->MonotonicMs();
  return next;
}

void Backups::Step() {
  if (stopped_) return maker_.reset();
  const Result<BackupMaker::Next> next = TakeTurn();
  if (!next.ok()) {
    maker_.reset();
    return env_.shard->Post([this, status = next.status()] { OnFailed(status); });
  }
  if (*next == BackupMaker::Next::kLater)
    return env_.checkpoint->PostAfter(kUnevenRetryMs, [this] { Step(); });
  if (*next == BackupMaker::Next::kDone) {
    env_.shard->Post([this, label = maker_->label()] { OnDone(label); });
    return maker_.reset();  // its file stays open no longer than that
  }
  env_.shard->Post([this, done = maker_->bytes_done(), total = maker_->bytes_total()] {
    current_.bytes_done = done;
    current_.bytes_total = total;
  });
  env_.checkpoint->Post([this] { Step(); });
}

void Backups::OnDone(const BackupLabel& label) {
  current_ = ViewOf(current_.name, label);
  ++stats_.made;
  stats_.last_taken_at = label.taken_at;
  env_.log("backup " + directory_ + "/" + current_.name +
           " is complete: " + std::to_string(current_.bytes_total >> 10) + " KiB, up to frame " +
           std::to_string(label.frame));
  const bool is_manual = IsManual(current_.name);
  if (!is_manual) last_scheduled_at_ = label.taken_at;
  if (const size_t keep = is_manual ? keep_manual_ : keep_; keep > 0)
    env_.reader->Post(
        [this, is_manual, keep] { RemoveOldest(env_.disk, directory_, is_manual, keep); });
  PlanNext();
}

void Backups::OnFailed(const Status& status) {
  current_.state = BackupView::State::kFailed;
  current_.error = status.message();
  ++stats_.failed;
  env_.log("backup " + current_.name + " failed: " + status.message());
  IsManual(current_.name) ? PlanNext() : Plan(std::min(every_ms_, kFailedRetryMs));
}

void Backups::Do(const ListBackups&, Callback<BackupList> done) {
  env_.reader->Post([this, done = std::move(done)]() mutable {
    auto views = ReadDirectory(env_.disk, directory_);
    env_.shard->Post([this, views = std::move(views), done = std::move(done)]() mutable {
      if (!views.ok()) return done(views.status());
      // A file may be whole before OnDone: until then its backup is in progress here as in Start.
      const auto listed = std::ranges::find(*views, current_.name, &BackupView::name);
      if (listed != views->end())
        *listed = current_;
      else if (!current_.name.empty())
        views->insert(views->begin(), current_);
      done(BackupList{directory_, *std::move(views)});
    });
  });
}

void Backups::Do(const GetBackup& question, Callback<BackupView> done) {
  const std::string& name = question.name;
  if (name == current_.name) return done(current_);
  Do(ListBackups{}, [name, done = std::move(done)](const Result<BackupList>& list) {
    if (!list.ok()) return done(list.status());
    for (const BackupView& view : list->backups)
      if (view.name == name) return done(view);
    done(Status(Code::kNotFound, "there is no backup " + name));
  });
}

void Backups::Stop() { stopped_ = true; }

}  // namespace treadle
