// treadle::testing::InProcess: the server's part, played in memory.

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "base/check.h"
#include "client/wire.h"
#include "treadle/testing.h"
#include "worker/task_runner.h"
#include "worker/worker_impl.h"

namespace treadle::testing {
namespace {

constexpr int64_t kMaxAttempts = 20;  // the server's default

constexpr int64_t kMaxAttemptsPatient = 25;

struct Known {
  TaskInfo info;
  Task task;
  RetryOptions retry;
  std::optional<int64_t> attempt_timeout_ms;
  std::map<std::string, Bytes, std::less<>> steps;
  std::optional<Bytes> checkpoint;
};

/// Keeps what attempts save with the task.
class LinkInMemory final : public AttemptLink {
 public:
  explicit LinkInMemory(Known* known) : known_(known) {}

  std::optional<Bytes> FindStep(std::string_view name) override {
    const auto step = known_->steps.find(name);
    return step == known_->steps.end() ? std::nullopt : std::optional(step->second);
  }
  std::map<std::string, Bytes, std::less<>> Steps() override { return known_->steps; }
  Status SaveStep(const std::string& name, const Bytes& result) override {
    known_->steps[name] = result;
    return {};
  }
  std::optional<Bytes> FindCheckpoint() override { return known_->checkpoint; }
  Status SaveCheckpoint(const Bytes& data) override {
    known_->checkpoint = data;
    return {};
  }
  void TellProgress(double fraction, std::string_view message) override {
    known_->info.progress = fraction;
    known_->info.progress_message = message;
  }
  void AppendLog(std::string_view) override {}

 private:
  Known* const known_;
};

bool Holds(const std::vector<std::string>& codes, const std::string& code) {
  return std::ranges::find(codes, code) != codes.end();
}

bool MayRetry(const Known& known, const Failed& failed) {
  if (known.info.attempt >= known.info.max_attempts) return false;
  if (Holds(known.retry.never, failed.code)) return false;
  return failed.retry || Holds(known.retry.always, failed.code);
}

int64_t MaxAttemptsOf(const TaskRequest& request) {
  if (request.max_attempts) return *request.max_attempts;
  if (!request.retry) return kMaxAttempts;
  const bool patient = request.retry->preset == "patient";
  return request.retry->max_attempts.value_or(patient ? kMaxAttemptsPatient : kMaxAttempts);
}

// Handlers see it; it ends nothing here.
int64_t DeadlineMsOf(const TaskRequest& request) {
  if (!request.deadline_ms) return wire::ParseWallTimeMs(request.deadline_at);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count() + *request.deadline_ms;
}

// As the server has them: sorted, each once.
std::vector<std::string> TagsOf(const TaskRequest& request) {
  std::vector<std::string> tags = request.tags;
  std::ranges::sort(tags);
  tags.erase(std::ranges::unique(tags).begin(), tags.end());
  return tags;
}

// What makes two requests the same: a request that is sent again has a span of its own.
Result<std::string> EncodeUntraced(TaskRequest request) {
  request.traceparent.clear();
  return wire::EncodeTask(request);
}

void End(Known* known, const std::string& state) { known->info.state = state; }

void Apply(const Outcome& outcome, Known* known) {
  TaskInfo& info = known->info;
  if (const auto* done = std::get_if<Completed>(&outcome)) {
    info.result = done->result;
    info.result_content_type = done->content_type;
    End(known, "completed");
  } else if (const auto* failed = std::get_if<Failed>(&outcome)) {
    info.error_code = failed->code;
    info.error_message = failed->message;
    End(known, MayRetry(*known, *failed) ? "retrying" : "dead");
  } else if (const auto* discarded = std::get_if<Discarded>(&outcome)) {
    info.error_code = discarded->code;
    info.error_message = discarded->reason;
    End(known, "cancelled");
  } else {
    info.attempt -= 1;  // unspent
    End(known, std::holds_alternative<Snoozed>(outcome) ? "scheduled" : "ready");
  }
}

}  // namespace

class InProcess::Impl {
 public:
  explicit Impl(worker::HandlerSet* set) : set_(set) {
    services_.log = [this](std::string_view line) { log.emplace_back(line); };
    services_.enqueue = [this](const TaskRequest& task) { return Enqueue(task); };
  }

  Result<Enqueued> Enqueue(const TaskRequest& request) {
    if (request.type.empty()) return Status(Code::kInvalidArgument, "type: a task needs a type");
    TREADLE_ASSIGN_OR_RETURN(const std::string json, EncodeUntraced(request));
    const std::string key = request.queue + '\0' + request.idempotency_key;
    const bool has_key = !request.idempotency_key.empty();
    if (const auto taken = keys_.find(key); has_key && taken != keys_.end()) {
      if (taken->second.json == json) return Enqueued{.id = taken->second.id, .duplicate = true};
      return Status(Code::kAlreadyExists, "idempotency_key: \"" + request.idempotency_key +
                                              "\" was already used by another request");
    }
    const std::string id = "1-" + std::to_string(known.size() + 1);
    if (has_key) keys_[key] = {.json = json, .id = id};
    known.push_back(Describe(id, request));
    waiting_.push_back(known.size() - 1);
    return Enqueued{.id = id};
  }

  size_t RunAll(size_t limit) {
    size_t attempts = 0;
    while (!waiting_.empty() && attempts < limit) {
      const size_t index = waiting_.front();
      waiting_.pop_front();
      const auto entry = set_->handlers.find(known[index].task.type);
      if (entry == set_->handlers.end()) continue;
      ++attempts;
      Attempt(index, entry->second);
      if (!known[index].info.HasEnded()) waiting_.push_back(index);
    }
    return attempts;
  }

  std::deque<Known> known;  // in the order of their ids; references stay valid
  std::vector<std::string> log;

 private:
  struct Taken {
    std::string json;
    std::string id;
  };

  static Known Describe(const std::string& id, const TaskRequest& request) {
    const int64_t max_attempts = MaxAttemptsOf(request);
    const bool is_json = request.content_type == wire::kJson;
    return {.info = {.id = id,
                     .type = request.type,
                     .queue = request.queue,
                     .state = "ready",
                     .max_attempts = max_attempts,
                     .tags = TagsOf(request),
                     .traceparent = request.traceparent},
            .task = {.id = id,
                     .type = request.type,
                     .queue = request.queue,
                     .max_attempts = max_attempts,
                     .payload =
                         is_json ? std::string(wire::TrimJson(request.payload)) : request.payload,
                     .content_type = request.content_type,
                     .deadline_at_ms = DeadlineMsOf(request),
                     .sensitive = request.sensitive,
                     .traceparent = request.traceparent},
            .retry = request.retry.value_or(RetryOptions()),
            .attempt_timeout_ms = request.attempt_timeout_ms};
  }

  void Attempt(size_t index, const worker::HandlerSet::Entry& entry) {
    Known& current = known[index];
    current.task.attempt = ++current.info.attempt;
    std::chrono::milliseconds timeout = entry.options.timeout;
    if (current.attempt_timeout_ms)
      timeout = std::min(timeout, std::chrono::milliseconds(*current.attempt_timeout_ms));
    LinkInMemory link(&current);
    timeout = std::min<std::chrono::milliseconds>(timeout, std::chrono::hours(24 * 365));
    Context context(std::stop_token(), Context::Clock::now() + timeout, &current.task, &services_,
                    /*cause=*/nullptr, &link);
    Apply(worker::CallHandler(set_->Wrapped(entry.handler), current.task, context), &current);
  }

  worker::HandlerSet* const set_;
  Context::Services services_;
  std::map<std::string, Taken> keys_;
  std::deque<size_t> waiting_;
};

InProcess::InProcess(Worker* worker) : impl_(std::make_unique<Impl>(&worker->impl_->set)) {}
InProcess::~InProcess() = default;

Result<Enqueued> InProcess::Enqueue(const TaskRequest& task) { return impl_->Enqueue(task); }

size_t InProcess::RunAll(size_t limit) { return impl_->RunAll(limit); }

TaskInfo InProcess::Run(const TaskRequest& task) {
  const Result<Enqueued> enqueued = Enqueue(task);
  if (!enqueued.ok()) AbortOnMisuse(enqueued.status().message().c_str());
  RunAll();
  return *Get(enqueued->id);
}

Result<TaskInfo> InProcess::Get(const std::string& id) const {
  for (const Known& known : impl_->known) {
    if (known.info.id == id) return known.info;
  }
  return Status(Code::kNotFound, "there is no task " + id);
}

std::vector<TaskInfo> InProcess::tasks() const {
  std::vector<TaskInfo> tasks;
  for (const Known& known : impl_->known) tasks.push_back(known.info);
  return tasks;
}

const std::vector<std::string>& InProcess::log() const { return impl_->log; }

}  // namespace treadle::testing
