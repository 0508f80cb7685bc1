#include "workloads.h"

#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <thread>

namespace peers {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr int kProducers = 4;  // at a steady rate
constexpr int kConsumers = 4;
constexpr int kWaitMs = 100;          // of a consumer for the next task
constexpr double kLongestDelayS = 5;  // of a task behind the end of a measurement of latency

std::int64_t NowNs() { return nanoseconds(Clock::now().time_since_epoch()).count(); }
std::int64_t InNs(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

// A number first, which makes it unlike all others, then dots.
std::string PayloadOf(std::int64_t number, std::size_t bytes) {
  std::string payload = std::to_string(number) + " ";
  payload.resize(std::max(payload.size(), bytes), '.');
  return payload;
}

// Runs one function on each of `count` threads, with a connection of its own; the clock starts when
// all are connected. Returns when it started.
template <typename Function>
std::int64_t OnThreads(int count, const NewCaller& new_caller, const Function& function) {
  std::int64_t begun_ns = 0;
  std::barrier together(count, [&]() noexcept { begun_ns = NowNs(); });
  std::vector<std::jthread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  for (int number = 0; number < count; ++number) {
    threads.emplace_back([&, number] {
      const std::unique_ptr<Caller> caller = new_caller(number);
      together.arrive_and_wait();
      function(*caller, number, begun_ns);
    });
  }
  threads.clear();
  return begun_ns;
}

void Raise(std::atomic<std::int64_t>& highest, std::int64_t value) {
  std::int64_t seen = highest.load();
  while (seen < value && !highest.compare_exchange_weak(seen, value)) {
  }
}

std::string Answer(std::int64_t tasks, std::int64_t duration_ns) {
  return "{\"tasks\":" + std::to_string(tasks) +
         ",\"seconds\":" + std::to_string(static_cast<double>(duration_ns) / 1e9) + "}";
}

}  // namespace

std::string Enqueue(const NewCaller& new_caller, const Work& work) {
  std::atomic<std::int64_t> claimed = 0;
  std::atomic<std::int64_t> done = 0;
  std::atomic<std::int64_t> ended_ns = 0;
  const std::int64_t begun_ns =
      OnThreads(work.callers, new_caller, [&](Caller& caller, int, std::int64_t begun) {
        Payloads payloads(static_cast<std::size_t>(work.batch));
        while (NowNs() < begun + InNs(work.seconds)) {
          const std::int64_t first = claimed.fetch_add(work.batch);
          if (work.tasks > 0 && first >= work.tasks) break;
          for (int i = 0; i < work.batch; ++i) {
            payloads[static_cast<std::size_t>(i)] = PayloadOf(first + i, work.payload);
          }
          caller.Enqueue(payloads);
          done += work.batch;
        }
        Raise(ended_ns, NowNs());
      });
  return Answer(done, ended_ns - begun_ns);
}

// Ends when all are taken, or time is over; what was taken is acknowledged in any case, and only
// that counts.
std::string Drain(const NewCaller& new_caller, const Work& work) {
  std::atomic<std::int64_t> taken = 0;
  std::atomic<std::int64_t> acknowledged_ns = 0;
  const std::int64_t begun_ns =
      OnThreads(work.callers, new_caller, [&](Caller& caller, int, std::int64_t begun) {
        std::size_t held = 0;
        bool more = true;
        while (more || held > 0) {
          const std::size_t had = held;
          held = caller.Exchange(more ? static_cast<std::size_t>(work.batch) : 0, 0).size();
          if (had > 0) Raise(acknowledged_ns, NowNs());
          taken += static_cast<std::int64_t>(held);
          more = taken < work.tasks && NowNs() < begun + InNs(work.seconds);
        }
      });
  return Answer(taken, acknowledged_ns - begun_ns);
}

namespace {

// What producers and consumers of a steady rate share.
struct Steady {
  std::int64_t tasks = 0;
  std::int64_t due_ns = 0;  // when the last one is to be sent
  std::atomic<std::int64_t> started = 0;
  std::atomic<std::int64_t> started_ns = 0;  // the last one's
};

// Sends every kProducers-th task at the time it is due, or as soon as it can after that. The
// payload tells when it was due.
void Produce(Caller& caller, int number, std::int64_t begun_ns, const Work& work,
             const Steady& steady) {
  ::prctl(PR_SET_TIMERSLACK, 1);  // else each begins up to 50 us late, which would count as latency
  for (std::int64_t task = number; task < steady.tasks; task += kProducers) {
    const std::int64_t due_ns = begun_ns + task * 1'000'000'000 / work.rate;
    std::this_thread::sleep_until(Clock::time_point(nanoseconds(due_ns)));
    caller.Enqueue({PayloadOf(due_ns, work.payload)});
  }
}

// Takes one task after the other until all have come, or the last one is long overdue.
void Consume(Caller& caller, Steady& steady, std::vector<std::int64_t>& latencies_us) {
  while (steady.started < steady.tasks && NowNs() < steady.due_ns + InNs(kLongestDelayS)) {
    for (const std::string& payload : caller.Exchange(1, kWaitMs)) {
      const std::int64_t now_ns = NowNs();
      latencies_us.push_back((now_ns - std::stoll(payload)) / 1000);
      Raise(steady.started_ns, now_ns);
      ++steady.started;
    }
  }
  caller.Exchange(0, 0);
}

}  // namespace

std::string Latency(const NewCaller& new_caller, const Work& work) {
  Steady steady;
  steady.tasks = static_cast<std::int64_t>(work.seconds * work.rate);
  steady.due_ns = NowNs() + InNs(work.seconds);
  std::vector<std::vector<std::int64_t>> latencies_us(kConsumers);
  const std::int64_t begun_ns = OnThreads(
      kProducers + kConsumers, new_caller, [&](Caller& caller, int number, std::int64_t begun) {
        if (number < kProducers) {
          Produce(caller, number, begun, work, steady);
        } else {
          Consume(caller, steady, latencies_us[static_cast<std::size_t>(number - kProducers)]);
        }
      });
  std::string numbers;
  for (const std::vector<std::int64_t>& of_one : latencies_us) {
    for (const std::int64_t each : of_one)
      numbers += (numbers.empty() ? "" : ",") + std::to_string(each);
  }
  std::string answer = Answer(steady.started, steady.started_ns - begun_ns);
  answer.insert(answer.size() - 1, ",\"latencies_us\":[" + numbers + "]");
  return answer;
}

}  // namespace peers
