#include "handlers.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <limits>
#include <stdexcept>
#include <thread>
#include <utility>

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;
using treadle::Bytes;
using treadle::Context;
using treadle::Failure;
using treadle::Outcome;
using treadle::Task;

constexpr int64_t kNoWish = std::numeric_limits<int64_t>::min();

struct Fail {
  std::string code;
  std::string message;
  bool retry = true;
  int64_t retry_after_ms = kNoWish;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Fail, code, message, retry, retry_after_ms)

struct Flaky {
  int64_t succeeds_at;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Flaky, succeeds_at)

struct Raise {
  std::string message;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Raise, message)

struct Delay {
  int64_t delay_ms;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Delay, delay_ms)

struct Reason {
  std::string reason;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Reason, reason)

struct Lines {
  std::vector<std::string> lines;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Lines, lines)

struct Time {
  int64_t ms;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Time, ms)

struct Progress {
  double fraction;
  std::string message;
  int64_t ms;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Progress, fraction, message, ms)

struct Counted {
  int64_t count;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Counted, count)

// True once it is cancelled.
bool WaitFor(milliseconds time, const Context& context) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, context.stop_token(), time, [] { return false; });
  return context.IsCancelled();
}

Outcome Wait(milliseconds time, const Context& context) {
  if (WaitFor(time, context)) return treadle::Released{};
  return treadle::Completed{R"("waited")"};
}

std::string Compute(const Time& in) {
  const auto end = Context::Clock::now() + milliseconds(in.ms);
  while (Context::Clock::now() < end) continue;
  return "computed";
}

// In tens of seconds, rounded up.
template <class Duration>
nlohmann::json Tens(Duration left) {
  return std::ceil(std::chrono::duration<double>(left).count() / 10);
}

nlohmann::json TellDeadlines(const Task&, Context& context) {
  nlohmann::json left{{"attempt", nullptr}, {"task", nullptr}};
  if (context.deadline() != Context::Clock::time_point::max())
    left["attempt"] = Tens(context.deadline() - Context::Clock::now());
  if (const auto deadline = context.task_deadline())
    left["task"] = Tens(*deadline - std::chrono::system_clock::now());
  return left;
}

int64_t Resume(const Task&, Context& context) {
  const int64_t found = context.Checkpoint<int64_t>().value_or(0);
  if (context.attempt() >= 3) return found;
  if (const treadle::Status saved = context.SaveCheckpoint(context.attempt()); !saved.ok())
    throw Failure("not_saved", saved.message());
  throw Failure("again", "");
}

void AddEnds(treadle::Worker& worker, Notes* notes) {
  worker.Handle("echo", [](const Task& task) { return Bytes{task.payload, task.content_type}; });
  worker.Handle("fail", [](const Fail& in) {
    return treadle::Failed{in.code, in.message, in.retry,
                           in.retry_after_ms == kNoWish
                               ? std::nullopt
                               : std::optional(milliseconds(in.retry_after_ms))};
  });
  worker.Handle("flaky", [](const Flaky& in, Context& context) {
    if (context.attempt() < in.succeeds_at) throw Failure("flaky", "not yet");
    return context.attempt();
  });
  worker.Handle("traced", [](const Task& task, Context& context) {
    if (context.attempt() == 1) throw Failure("again", "");
    return task.traceparent.empty() ? nlohmann::json() : nlohmann::json(task.traceparent);
  });
  worker.Handle("raise", [](const Raise& in) { throw std::runtime_error(in.message); });
  worker.Handle("snooze", [notes](const Delay& in, Context& context) {
    if (notes->RunsOf(context.task().id) == 1) throw treadle::Snooze(milliseconds(in.delay_ms));
    return context.attempt();
  });
  worker.Handle("release", [notes](const Task& task, Context& context) -> Outcome {
    if (notes->RunsOf(task.id) == 1) return treadle::Released{};
    return treadle::Completed{treadle::ToJson(context.attempt())};
  });
  worker.Handle("discard", [](const Reason& in) { throw treadle::Discard(in.reason); });
  worker.Handle("nan", [](const Task&) { return std::numeric_limits<double>::quiet_NaN(); });
  worker.Handle("chars",
                [](const Counted& in) { return std::string(static_cast<size_t>(in.count), 'x'); });
  worker.Handle("typed", [](const Counted& in) { return in.count; });
}

void AddWork(treadle::Worker& worker, Notes* notes) {
  worker.Handle("steps", [notes](const Task& task, Context& context) {
    const int charged = context.Step("charge", [&] { return notes->RunsOf(task.id); });
    if (context.attempt() == 1) throw Failure("again", "");
    return charged;
  });
  worker.Handle("checkpoint", Resume);
  worker.Handle("logs", [](const Lines& in, Context& context) {
    for (const std::string& line : in.lines) context.Log(line);
  });
  worker.Handle("progress", [](const Progress& in, Context& context) {
    context.Progress(in.fraction, in.message);
    return Wait(milliseconds(in.ms), context);
  });
  worker.Handle("deadlines", TellDeadlines);
}

void AddTime(treadle::Worker& worker, Notes* notes) {
  worker.Handle(
      "wait", [](const Time& in, Context& context) { return Wait(milliseconds(in.ms), context); });
  worker.Handle("deaf", [notes](const Time& in, Context& context) {
    std::this_thread::sleep_for(milliseconds(in.ms));
    return notes->RunsOf(context.task().id);
  });
  worker.Handle("spin", Compute);
}

thread_local std::vector<std::string> entered;  // middlewares, by the attempt that this thread runs

treadle::Middleware Named(std::string name) {
  return [name = std::move(name)](const Task& task, Context&, const auto& next) {
    entered.push_back(name);
    Outcome outcome = next(task);
    entered.pop_back();
    return outcome;
  };
}

constexpr char kAgreed[] =
    R"({"type":"object","properties":{"count":{"type":"integer"}},"required":["count"]})";

}  // namespace

void Notes::Reset() {
  const std::lock_guard lock(mutex_);
  runs_.clear();
  lines_.clear();
}

void Notes::Ran(const std::string& task) {
  const std::lock_guard lock(mutex_);
  ++runs_[task];
}

int Notes::RunsOf(const std::string& task) const {
  const std::lock_guard lock(mutex_);
  const auto found = runs_.find(task);
  return found == runs_.end() ? 0 : found->second;
}

std::map<std::string, int> Notes::Runs() const {
  const std::lock_guard lock(mutex_);
  return runs_;
}

void Notes::Wrote(std::string_view line) {
  const std::lock_guard lock(mutex_);
  lines_.emplace_back(line);
}

std::vector<std::string> Notes::Lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

void AddHandlers(treadle::Worker& worker, const std::string& queue, Notes* notes) {
  worker.Use([notes](const Task& task, Context&, const auto& next) {
    notes->Ran(task.id);
    return next(task);
  });
  worker.Use(Named("outer"));
  worker.Use(Named("inner"));
  AddEnds(worker, notes);
  AddWork(worker, notes);
  AddTime(worker, notes);
  worker.Handle("around", [](const Task&) { return entered; });
  worker.AddPool({.name = "own", .queues = {queue + ".own"}, .concurrency = 1});
  worker.Handle("own", [](const Task& task) { return task.queue; }, {.pool = "own"});
  worker.Handle("agreed", [](const Counted& in) { return in.count; },
                {.contracts = {{.input_schema = kAgreed}}});
}
