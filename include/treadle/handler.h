// Handlers: functions that run tasks. Any of these shapes, as a lambda, a function or an object
// with one operator():
//
//   Out     (const In&)                typed: In is made from the payload, Out becomes the result,
//   Out     (const In&, Context&)      both by json.h
//   Outcome (const Task&, Context&)    raw: the payload's bytes, and every way to end
//
// Out may be a struct of json.h, void, Bytes, Status, Result<struct>, or Outcome. The outcomes:
//
//   a value, OK or void    completed
//   Status, not OK         failed, its code's name as error code; INVALID_ARGUMENT, OUT_OF_RANGE
//                          and UNIMPLEMENTED go to the dead letters at once, all others retry
//   Snoozed, Discarded     scheduled for later, unspent; or cancelled
//   throw Failure(…)       failed with its code; it also says whether to retry
//   throw Snooze(…)        like Snoozed; throw Discard(…): like Discarded
//   any other throw        failed as "exception", and retried
//   a payload that does not fit In: dead at once, code "payload_invalid"
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "treadle/json.h"
#include "treadle/status.h"
#include "treadle/task.h"

namespace treadle {

/// One line for people, without a line end, payloads or secrets. Called from several threads.
using LogFn = std::function<void(std::string_view line)>;

/// What a handler throws to say how it failed.
class Failure : public std::exception {
 public:
  Failure(std::string code, std::string message, bool retry = true)
      : failed_{std::move(code), std::move(message), retry} {}
  /// Retried after `retry_after`, whatever the retry policy is.
  Failure(std::string code, std::string message, std::chrono::milliseconds retry_after)
      : failed_{std::move(code), std::move(message), /*retry=*/true, retry_after} {}
  const char* what() const noexcept override { return failed_.message.c_str(); }
  const Failed& failed() const { return failed_; }

 private:
  Failed failed_;
};

/// What a handler throws instead of returning Snoozed.
class Snooze : public std::exception {
 public:
  explicit Snooze(std::chrono::milliseconds delay) : snoozed_{delay} {}
  const char* what() const noexcept override { return "the task is to run later"; }
  const Snoozed& snoozed() const { return snoozed_; }

 private:
  Snoozed snoozed_;
};

/// What a handler throws instead of returning Discarded.
class Discard : public std::exception {
 public:
  explicit Discard(std::string reason) : discarded_{.reason = std::move(reason)} {}
  const char* what() const noexcept override { return discarded_.reason.c_str(); }
  const Discarded& discarded() const { return discarded_; }

 private:
  Discarded discarded_;
};

/// Why a context is cancelled; of several reasons, the first.
enum class CancelCause : uint8_t {
  kNone,       // it is not
  kRequested,  // someone cancelled the task. It is then cancelled whatever the handler returns,
               // except Completed
  kLeaseLost,  // the server gave the task to another worker, or ended it: the handler's outcome
               // is ignored
  kTimeout,    // the attempt's time is up: it has failed, as "timeout"
  kShutdown,   // the worker stops and its grace is over: the attempt does not count
};

/// Sends the steps, checkpoints, progress and log of one attempt to the server. Any thread.
class AttemptLink {
 public:
  virtual ~AttemptLink() = default;
  /// Nothing: no attempt of this task has finished a step with that name.
  virtual std::optional<Bytes> FindStep(std::string_view name) = 0;
  /// All finished steps by name.
  virtual std::map<std::string, Bytes, std::less<>> Steps() = 0;
  virtual Status SaveStep(const std::string& name, const Bytes& result) = 0;
  virtual std::optional<Bytes> FindCheckpoint() = 0;
  virtual Status SaveCheckpoint(const Bytes& data) = 0;
  virtual void TellProgress(double fraction, std::string_view message) = 0;
  virtual void AppendLog(std::string_view text) = 0;
};

/// What a handler can use during one attempt. Valid during the handler's call; any thread.
class Context {
 public:
  using Clock = std::chrono::steady_clock;

  /// What a worker lends to its handlers; empty functions do nothing, or fail.
  struct Services {
    LogFn log;
    std::function<Result<Enqueued>(const TaskRequest&)> enqueue;
  };

  /// `task`, `services`, `cause` and `link` are borrowed, and may be null.
  explicit Context(std::stop_token cancelled, Clock::time_point deadline = Clock::time_point::max(),
                   const Task* task = nullptr, const Services* services = nullptr,
                   const std::atomic<CancelCause>* cause = nullptr, AttemptLink* link = nullptr)
      : cancelled_(std::move(cancelled)),
        deadline_(deadline),
        task_(task),
        services_(services),
        cause_(cause),
        link_(link) {}

  /// The number of this attempt, from 1, and the whole task.
  int64_t attempt() const { return task_ == nullptr ? 1 : task_->attempt; }
  const Task& task() const;

  /// When the attempt is cut off: by HandleOptions::timeout, or by the server (the attempt timeout
  /// of the task, its type or its queue, or the task's own deadline), whichever is earlier.
  Clock::time_point deadline() const { return deadline_; }
  /// When the task must have ended, with all its attempts; nothing if it has no deadline.
  /// deadline() is never later.
  std::optional<std::chrono::system_clock::time_point> task_deadline() const;
  /// True when the work is no longer wanted: someone cancelled the task, the lease was lost, the
  /// deadline has passed, or the worker stops and its grace is over. cancel_cause() has the reason.
  /// Once true, it stays true. A handler should check it often and then return soon.
  bool IsCancelled() const { return cancelled_.stop_requested(); }
  /// kNone until IsCancelled().
  CancelCause cancel_cause() const;
  /// For std::stop_callback and std::condition_variable_any; callbacks run on a thread of the
  /// worker and must be quick.
  const std::stop_token& stop_token() const { return cancelled_; }

  /// Runs `fn` and saves its result, or returns the saved result if an attempt of this task has
  /// finished the step `name` before. `fn` runs at least once, and never again once its result is
  /// saved. The result is a value of json.h, Bytes, or nothing (void). A name has at most 128
  /// bytes; all results and the checkpoint have at most 1 MiB in total.
  ///
  ///   const std::string charge = context.Step("charge", [&] { return Charge(order); });
  ///
  /// If `fn` throws, nothing is saved and the exception passes through. Throws Failure:
  /// "step_not_saved" if the result could not be saved (retried, unless it is too large or not
  /// JSON); "step_invalid" if the saved result has another type (not retried).
  template <class Fn>
  auto Step(const std::string& name, Fn fn) const -> decltype(fn());

  /// The last value that SaveCheckpoint() saved, in this attempt or an earlier one. T is a value of
  /// json.h, or Bytes. If it does not fit T, throws Failure("checkpoint_invalid"), not retried.
  template <class T>
  std::optional<T> Checkpoint() const;
  /// Replaces the saved checkpoint; durable on return. LEASE_LOST: another worker has the task.
  /// RESOURCE_EXHAUSTED: more than 1 MiB with all steps. UNAVAILABLE.
  template <class T>
  Status SaveCheckpoint(const T& value) const;

  /// Reports progress from 0 to 1, for people who look at the task while it runs. May be called
  /// often: it is sent about twice a second. The server forgets it when the attempt ends or the
  /// server restarts.
  void Progress(double fraction, std::string_view message = {}) const;

  /// Writes a line to the worker's log, after the task's ID (except for a sensitive task), and
  /// calls AppendLog().
  void Log(std::string_view text) const;
  /// Adds lines to the saved log of this attempt: `treadle task log ID`. Only the first 64 KiB are
  /// kept. May block until the server replies.
  void AppendLog(std::string_view text) const;
  /// Enqueues another task with the worker's own client. An attempt can be repeated, so give the
  /// task an idempotency key that is derived from this task's ID. Unless it has a traceparent, it
  /// gets that of this task.
  Result<Enqueued> Enqueue(const TaskRequest& task) const;

  /// For handlers that run a task elsewhere, in another program for example; null if nothing is
  /// saved.
  AttemptLink* link() const { return link_; }

 private:
  std::optional<Bytes> FindStep(const std::string& name) const;
  void KeepStep(const std::string& name, const Bytes& result) const;
  std::optional<Bytes> FindCheckpoint() const;
  Status KeepCheckpoint(const Bytes& data) const;

  std::stop_token cancelled_;
  Clock::time_point deadline_;
  const Task* task_;
  const Services* services_;
  const std::atomic<CancelCause>* cause_;
  AttemptLink* link_;
};

/// Called on several threads at once. It should return soon after its context was cancelled. Its
/// outcome then counts only if it is Completed, Snoozed or Discarded; see CancelCause.
using Handler = std::function<Outcome(const Task&, Context&)>;

/// Wraps handlers: may do anything before and after next(task), or not call it.
using Middleware =
    std::function<Outcome(const Task&, Context&, const std::function<Outcome(const Task&)>& next)>;

/// How a Status ends an attempt.
Outcome OutcomeOf(const Status& status);

namespace detail {

template <class T>
concept Ending =
    std::is_same_v<T, Outcome> || std::is_same_v<T, Completed> || std::is_same_v<T, Failed> ||
    std::is_same_v<T, Released> || std::is_same_v<T, Snoozed> || std::is_same_v<T, Discarded> ||
    std::is_same_v<T, StopWorker>;

template <Ending T>
Outcome ToOutcome(T ending) {
  return ending;
}
inline Outcome ToOutcome(Bytes bytes) {
  return Completed{std::move(bytes.data), std::move(bytes.content_type)};
}
inline Outcome ToOutcome(const Status& status) { return OutcomeOf(status); }

template <class T>
  requires(!Ending<T>)
Outcome ToOutcome(const T& value) {
  return Completed{ToJson(value)};
}

template <class T>
Outcome ToOutcome(const Result<T>& result) {
  return result.ok() ? ToOutcome(*result) : OutcomeOf(result.status());
}

template <class In, bool kWithContext, class Fn>
Handler MakeTyped(Fn fn) {
  return [fn = std::move(fn)](const Task& task, Context& context) mutable -> Outcome {
    const auto run = [&](const In& in) -> Outcome {
      const auto call = [&]() -> decltype(auto) {
        if constexpr (kWithContext) {
          return fn(in, context);
        } else {
          return fn(in);
        }
      };
      if constexpr (std::is_void_v<decltype(call())>) {
        call();
        return Completed{};
      } else {
        return ToOutcome(call());
      }
    };
    if constexpr (std::is_same_v<In, Task>) {
      return run(task);
    } else {
      const Result<In> in = FromJson<In>(task.payload);
      if (!in.ok()) return Failed{"payload_invalid", in.status().message(), /*retry=*/false};
      return run(*in);
    }
  };
}

/// The parameters of a callable, found by way of std::function's deduction guides.
template <class Signature>
struct Shape;
template <class R, class In>
struct Shape<std::function<R(In)>> {
  using Input = std::remove_cvref_t<In>;
  static constexpr bool kWithContext = false;
};
template <class R, class In>
struct Shape<std::function<R(In, Context&)>> {
  using Input = std::remove_cvref_t<In>;
  static constexpr bool kWithContext = true;
};

}  // namespace detail

namespace detail {

template <class T>
Bytes ToBytes(const T& value) {
  if constexpr (std::is_same_v<T, Bytes>) {
    return value;
  } else {
    return {ToJson(value), "application/json"};
  }
}

/// Throws Failure(code).
template <class T>
T FromBytes(Bytes bytes, const char* code) {
  if constexpr (std::is_same_v<T, Bytes>) {
    return bytes;
  } else {
    Result<T> value = FromJson<T>(bytes.data);
    if (!value.ok()) throw Failure(code, value.status().message(), /*retry=*/false);
    return *std::move(value);
  }
}

}  // namespace detail

template <class Fn>
auto Context::Step(const std::string& name, Fn fn) const -> decltype(fn()) {
  using T = decltype(fn());
  std::optional<Bytes> kept = FindStep(name);
  if constexpr (std::is_void_v<T>) {
    if (kept) return;
    fn();
    KeepStep(name, {"null", "application/json"});
  } else {
    if (kept) return detail::FromBytes<T>(*std::move(kept), "step_invalid");
    T result = fn();
    KeepStep(name, detail::ToBytes(result));
    return result;
  }
}

template <class T>
std::optional<T> Context::Checkpoint() const {
  std::optional<Bytes> kept = FindCheckpoint();
  if (!kept) return std::nullopt;
  return detail::FromBytes<T>(*std::move(kept), "checkpoint_invalid");
}

template <class T>
Status Context::SaveCheckpoint(const T& value) const {
  return KeepCheckpoint(detail::ToBytes(value));
}

namespace detail {

template <class Fn>
bool IsEmpty(const Fn&) {
  return false;
}
template <class Signature>
bool IsEmpty(const std::function<Signature>& fn) {
  return fn == nullptr;
}
template <class R, class... In>
bool IsEmpty(R (*const& fn)(In...)) {
  return fn == nullptr;
}

}  // namespace detail

/// A Handler from a function of any of the shapes above; empty if that is.
template <class Fn>
Handler MakeHandler(Fn fn) {
  if constexpr (std::is_convertible_v<Fn, Handler>) {
    return fn;
  } else {
    if (detail::IsEmpty(fn)) return nullptr;
    using Shape = detail::Shape<decltype(std::function(fn))>;
    return detail::MakeTyped<typename Shape::Input, Shape::kWithContext>(std::move(fn));
  }
}

}  // namespace treadle
