#include "treadle/client.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <thread>
#include <utility>

#include "base/random.h"
#include "base/thread_annotations.h"
#include "client/backoff.h"
#include "client/client_options.h"
#include "client/key_maker.h"
#include "client/request_sharer.h"
#include "client/task_stream.h"
#include "client/wire.h"

namespace treadle {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kWaitOfOneCall(30'000);
constexpr milliseconds kBetweenLooks(
    100);  // at a server that does not wait, though it was asked to

int64_t MsUntil(SteadyClock::time_point deadline) {
  return std::chrono::ceil<milliseconds>(deadline - SteadyClock::now()).count();
}

Repeat RepeatOf(const std::vector<const EncodedTask*>& tasks) {
  const bool all_have_keys =
      std::all_of(tasks.begin(), tasks.end(), [](const auto* task) { return task->has_key; });
  return all_have_keys ? Repeat::kSafe : Repeat::kOnce;
}

}  // namespace

// Connections to lend, and the loop that repeats a call on them.
class Client::Impl {
 public:
  explicit Impl(ClientOptions options)
      : options_(std::move(options)),
        connection_(ConnectionOf(options_)),
        keys_(options_.timeout),
        sharer_(options_.linger, [this](const auto& tasks) { return Send(tasks); }),
        stream_([this](const auto& tasks) { return Send(tasks); }) {}

  Result<Enqueued> Enqueue(const TaskRequest& task) {
    TREADLE_ASSIGN_OR_RETURN(const EncodedTask encoded, Encode(task));
    return sharer_.Enqueue(encoded);
  }

  void EnqueueAsync(const TaskRequest& task, TaskStream::Done done) {
    Result<EncodedTask> encoded = Encode(task);
    if (!encoded.ok()) return done(encoded.status());
    stream_.Enqueue(*std::move(encoded), std::move(done));
  }
  void Flush() { stream_.Flush(); }

  Result<std::vector<Enqueued>> EnqueueMany(const std::vector<TaskRequest>& tasks) {
    if (tasks.empty() || tasks.size() > wire::kBatchTasksMax)
      return Status(Code::kInvalidArgument, "EnqueueMany takes 1 to 1000 tasks");
    std::vector<EncodedTask> encoded;
    encoded.reserve(tasks.size());
    std::vector<const EncodedTask*> group;
    for (const TaskRequest& task : tasks) {
      TREADLE_ASSIGN_OR_RETURN(EncodedTask one, Encode(task));
      encoded.push_back(std::move(one));
      group.push_back(&encoded.back());
    }
    return Send(group);
  }

  Result<TaskInfo> Get(const std::string& id, milliseconds wait) {
    const auto deadline = SteadyClock::now() + options_.timeout + wait;
    return Repeated<TaskInfo>(Repeat::kSafe, deadline, [&](ServerConnection& server, int64_t) {
      return wire::GetTask(server, id, wait.count());
    });
  }

  // Cancelling a cancelled task changes nothing: it may be asked again.
  Result<std::string> Cancel(const std::string& id, const std::string& reason) {
    return Repeated<std::string>(
        Repeat::kSafe, SteadyClock::now() + options_.timeout,
        [&](ServerConnection& server, int64_t) { return wire::CancelTask(server, id, reason); });
  }

  // A redriven task is ready, and may be redriven again.
  Result<std::string> Redrive(const std::string& id) {
    return Repeated<std::string>(
        Repeat::kSafe, SteadyClock::now() + options_.timeout,
        [&](ServerConnection& server, int64_t) { return wire::RedriveTask(server, id); });
  }

  Result<ListPage> List(const ListOptions& query) {
    return Repeated<ListPage>(
        Repeat::kSafe, SteadyClock::now() + options_.timeout,
        [&](ServerConnection& server, int64_t) { return wire::ListTasks(server, query); });
  }

 private:
  Result<EncodedTask> Encode(const TaskRequest& task) {
    EncodedTask encoded{.has_key = !task.idempotency_key.empty()};
    TREADLE_ASSIGN_OR_RETURN(encoded.json, wire::EncodeTask(task));
    const bool is_about_keys =
        encoded.has_key || !task.unique_while.empty() || !task.on_duplicate.empty();
    if (options_.keys && !is_about_keys) {
      keys_.AddTo(&encoded.json);
      encoded.has_key = true;
    }
    return encoded;
  }

  Result<std::vector<Enqueued>> Send(const std::vector<const EncodedTask*>& tasks) {
    std::vector<std::string_view> texts;
    texts.reserve(tasks.size());
    for (const EncodedTask* task : tasks) texts.push_back(task->json);
    const Repeat repeat = RepeatOf(tasks);
    const auto answers = Repeated<std::vector<Enqueued>>(
        repeat, SteadyClock::now() + options_.timeout,
        [&](ServerConnection& server, int64_t left_ms) {
          return wire::EnqueueEncoded(server, texts, left_ms, repeat);
        });
    // Who enqueues one task did not number it.
    constexpr std::string_view kOnly = "tasks[0].";
    if (tasks.size() > 1 || !answers.status().message().starts_with(kOnly)) return answers;
    const Status& why = answers.status();
    return Status(why.code(), why.message().substr(kOnly.size()))
        .WithRetryAfter(why.retry_after_ms());
  }

  /// Calls until it works, fails for good, may not be repeated, or time is up.
  template <class T, class Call>
  Result<T> Repeated(Repeat repeat, SteadyClock::time_point deadline, Call call) {
    if (!connection_.ok()) return connection_.status();
    Backoff backoff(SystemRandom().Next());
    while (true) {
      TREADLE_ASSIGN_OR_RETURN(std::unique_ptr<ServerConnection> server, Borrow(deadline));
      Result<T> result = call(*server, std::max<int64_t>(MsUntil(deadline), 1));
      const Delivery delivery = server->delivery();
      GiveBack(std::move(server));
      if (result.ok() || result.status().code() != Code::kUnavailable) return result;
      if (delivery == Delivery::kUnknown && repeat == Repeat::kOnce) {
        return Status(Code::kUnavailable,
                      result.status().message() +
                          "; the server may or may not have accepted the request (with an "
                          "idempotency key it would be repeated)");
      }
      const int64_t pause_ms = std::max(backoff.NextMs(), result.status().retry_after_ms());
      if (pause_ms >= MsUntil(deadline)) return result;
      std::this_thread::sleep_for(milliseconds(pause_ms));
    }
  }

  Result<std::unique_ptr<ServerConnection>> Borrow(SteadyClock::time_point deadline) {
    MutexLock lock(mutex_);
    while (idle_.empty() && lent_ == options_.connections) {
      if (returned_.wait_until(mutex_, deadline) == std::cv_status::timeout)
        return Status(Code::kDeadlineExceeded, "all connections were in use until the deadline");
    }
    if (idle_.empty()) {
      TREADLE_ASSIGN_OR_RETURN(auto server, ServerConnection::Make(*connection_));
      ++lent_;
      return server;
    }
    std::unique_ptr<ServerConnection> server = std::move(idle_.back());
    idle_.pop_back();
    ++lent_;
    return server;
  }

  void GiveBack(std::unique_ptr<ServerConnection> server) {
    MutexLock lock(mutex_);
    idle_.push_back(std::move(server));
    --lent_;
    returned_.notify_one();
  }

  const ClientOptions options_;
  const Result<ConnectionOptions> connection_;
  KeyMaker keys_;
  RequestSharer sharer_;
  Mutex mutex_;
  Condition returned_;
  std::vector<std::unique_ptr<ServerConnection>> idle_ TREADLE_GUARDED_BY(mutex_);
  size_t lent_ TREADLE_GUARDED_BY(mutex_) = 0;
  TaskStream stream_;  // last: its thread uses all of the others until its end
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

Result<Enqueued> Client::Enqueue(const TaskRequest& task) { return impl_->Enqueue(task); }

void Client::EnqueueAsync(const TaskRequest& task, std::function<void(Result<Enqueued>)> done) {
  impl_->EnqueueAsync(task, std::move(done));
}

void Client::Flush() { impl_->Flush(); }

Result<std::vector<Enqueued>> Client::EnqueueMany(const std::vector<TaskRequest>& tasks) {
  return impl_->EnqueueMany(tasks);
}

Result<TaskInfo> Client::Get(const std::string& id) { return impl_->Get(id, milliseconds(0)); }

Result<std::string> Client::Cancel(const std::string& id, const std::string& reason) {
  return impl_->Cancel(id, reason);
}

Result<std::string> Client::Redrive(const std::string& id) { return impl_->Redrive(id); }

Result<ListPage> Client::List(const ListOptions& query) { return impl_->List(query); }

Result<TaskInfo> Client::Wait(const std::string& id, milliseconds limit) {
  const auto deadline = SteadyClock::now() + limit;
  while (true) {
    const SteadyClock::time_point asked = SteadyClock::now();
    const milliseconds left(std::max<int64_t>(MsUntil(deadline), 0));
    TREADLE_ASSIGN_OR_RETURN(TaskInfo task, impl_->Get(id, std::min(left, kWaitOfOneCall)));
    if (task.HasEnded()) return task;
    if (SteadyClock::now() >= deadline)
      return Status(Code::kDeadlineExceeded, "task " + id + " is still " + task.state);
    std::this_thread::sleep_until(std::min(asked + kBetweenLooks, deadline));
  }
}

Result<TaskInfo> Client::WaitCompleted(const std::string& id, milliseconds limit) {
  TREADLE_ASSIGN_OR_RETURN(TaskInfo task, Wait(id, limit));
  if (task.state == "completed") return task;
  const std::string why =
      task.error_code.empty() ? "" : ": " + task.error_code + ", " + task.error_message;
  return Status(Code::kFailedPrecondition, "task " + id + " is " + task.state + why);
}

}  // namespace treadle
