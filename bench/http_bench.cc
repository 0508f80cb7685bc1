// The server over HTTP, with clients on the same machine: enqueue, memory, recovery, drain.

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "bench/bench.h"
#include "client/connection.h"
#include "client/wire.h"

namespace treadle::bench {
namespace {

constexpr const char* kListen = "127.0.0.1:7399";
constexpr uint64_t kBatch = 100;
constexpr int kCallers = 4;
constexpr int kWorkers = 2;

std::unique_ptr<ServerConnection> Connect() {
  auto client = ServerConnection::Make({.server = std::string("http://") + kListen});
  if (!client.ok()) Die(client.status());
  return *std::move(client);
}

class Server {
 public:
  explicit Server(const Settings& settings) : settings_(settings) {}
  ~Server() {
    Stop(SIGTERM);
    std::filesystem::remove_all(settings_.directory);
  }

  /// Returns the seconds from exec to the first successful /readyz.
  double Start() {
    const Stopwatch watch;
    const char* arguments[] = {settings_.binary.c_str(),
                               "server",
                               "--data",
                               settings_.directory.c_str(),
                               "--listen",
                               kListen,
                               nullptr};
    if (posix_spawn(&pid_, settings_.binary.c_str(), nullptr, nullptr,
                    const_cast<char**>(arguments), environ) != 0)
      Die({Code::kUnavailable, "cannot start " + settings_.binary});
    const auto client = Connect();
    while (!client->Call("GET", "/readyz", "", 1'000).ok()) {
      if (watch.Seconds() > 60) Die({Code::kUnavailable, "the server does not become ready"});
      usleep(1'000);
    }
    return watch.Seconds();
  }

  void Stop(int signal) {
    if (pid_ == 0) return;
    kill(pid_, signal);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

  uint64_t ResidentBytes() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/statm");
    uint64_t size = 0;
    uint64_t resident = 0;
    status >> size >> resident;
    return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  }

 private:
  Settings settings_;
  pid_t pid_ = 0;
};

void InThreads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

std::string BatchBody(const Settings& settings) {
  std::string body = "{\"tasks\":[";
  const std::string payload = "\"" + std::string(settings.payload_bytes - 2, 'x') + "\"";
  for (uint64_t i = 0; i < kBatch; ++i)
    body += (i ? "," : "") + std::string("{\"type\":\"bench\",\"payload\":") + payload + "}";
  return body + "]}";
}

void Enqueue(const Settings& settings) {
  const std::string body = BatchBody(settings);
  std::atomic<uint64_t> left = settings.tasks / kBatch;
  const Stopwatch watch;
  InThreads(kCallers, [&](int) {
    const auto client = Connect();
    while (left.fetch_sub(1) - 1 < settings.tasks) {
      auto answer = client->Call("POST", "/v1/tasks/batch", body, 30'000);
      while (!answer.ok() && answer.status().code() == Code::kResourceExhausted) {
        usleep(static_cast<useconds_t>(1'000 *
                                       std::max<int64_t>(1, answer.status().retry_after_ms())));
        answer = client->Call("POST", "/v1/tasks/batch", body, 30'000);
      }
      if (!answer.ok()) Die(answer.status());
    }
  });
  Print("http enqueue, batches of 100, 4 callers, fsync", settings.tasks, watch.Seconds());
}

// A worker that does no work: it reports each task in the next exchange.
uint64_t DrainAsWorker(int number, std::atomic<uint64_t>* left) {
  const auto client = Connect();
  wire::ExchangeRequest request;
  request.worker = "bench-" + std::to_string(number);
  request.incarnation = "000000000000000" + std::to_string(number + 1);
  request.queues = {"default"};
  request.types = {"bench"};
  request.want = 500;
  request.wait_ms = 500;
  uint64_t done = 0;
  while (true) {
    ++request.sequence;
    auto answer = client->Call("POST", "/v1/exchange", wire::EncodeExchange(request), 30'000);
    if (!answer.ok()) Die(answer.status());
    auto parsed = wire::ParseExchangeAnswer(std::move(answer->body));
    if (!parsed.ok()) Die(parsed.status());
    done += request.reports.size();
    *left -= std::min<uint64_t>(*left, request.reports.size());
    if (request.reports.empty() && parsed->leases.empty() && *left == 0) return done;
    request.reports.clear();
    for (const wire::Lease& lease : parsed->leases)
      request.reports.push_back(wire::EncodeCompleted(lease.token, "null", "application/json"));
  }
}

void Drain(const Settings& settings) {
  std::atomic<uint64_t> left = settings.tasks;
  const Stopwatch watch;
  double seconds = 0;
  InThreads(kWorkers, [&](int number) { DrainAsWorker(number, &left); });
  seconds = watch.Seconds() - 0.5;  // excludes the last long poll, which waits for nothing
  Print("http drain (lease, report), exchanges of 500, 2 workers, fsync", settings.tasks, seconds);
}

// A list forces a checkpoint. Once one is answered as of now, everything is in the store.
void WaitForCheckpoint() {
  const auto client = Connect();
  for (int i = 0; i < 20; ++i) {
    if (!client->Call("GET", "/v1/tasks?limit=1", "", 30'000).ok()) return;
    usleep(500'000);
  }
}

}  // namespace

void RunHttp(const Settings& settings) {
  std::filesystem::remove_all(settings.directory);
  Server server(settings);
  server.Start();
  const uint64_t before = server.ResidentBytes();
  Enqueue(settings);
  WaitForCheckpoint();
  const uint64_t after = server.ResidentBytes();
  std::printf("{\"workload\":\"memory per queued task, checkpointed\",\"bytes\":%.0f}\n",
              static_cast<double>(after - before) / static_cast<double>(settings.tasks));
  server.Stop(SIGKILL);
  Print("recovery after kill -9, queued tasks", settings.tasks, server.Start());
  const uint64_t recovered = server.ResidentBytes();
  std::printf("{\"workload\":\"memory per queued task, after recovery\",\"bytes\":%.0f}\n",
              static_cast<double>(recovered) / static_cast<double>(settings.tasks));
  Drain(settings);
}

}  // namespace treadle::bench
