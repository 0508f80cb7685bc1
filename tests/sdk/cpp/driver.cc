// The driver of the C++ SDK for tests/sdk/conformance.py: commands on standard input, answers on
// standard output, one JSON object on each line. `driver worker SERVER QUEUE GRACE_MS` is a worker
// until a signal.
#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <treadle/client.h>
#include <treadle/worker.h>

#include "handlers.h"

namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using treadle::Client;
using treadle::FieldOf;
using treadle::Status;
using treadle::TaskInfo;
using treadle::TaskRequest;

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string ToBase64(std::string_view bytes) {
  std::string out;
  uint32_t bits = 0;
  int held = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    for (held += 8; held >= 6; held -= 6) out += kBase64[bits >> (held - 6) & 63];
  }
  if (held > 0) out += kBase64[bits << (6 - held) & 63];
  while (out.size() % 4 != 0) out += '=';
  return out;
}

std::string FromBase64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = bits << 6 | static_cast<uint32_t>(kBase64.find(c));
    if ((held += 6) >= 8) out += static_cast<char>(bits >> (held -= 8) & 255);
  }
  return out;
}

// What a command failed with, as the answer has it.
struct Refused {
  json error;
};

[[noreturn]] void Refuse(const Status& status) {
  const std::string field = FieldOf(status);
  throw Refused{{{"code", treadle::CodeName(status.code())},
                 {"field", field.empty() ? json() : json(field)},
                 {"retry_after_ms", status.retry_after_ms()},
                 {"detail", status.message()}}};
}

template <class T>
T Checked(treadle::Result<T> result) {
  if (!result.ok()) Refuse(result.status());
  return *std::move(result);
}

void Check(const Status& status) {
  if (!status.ok()) Refuse(status);
}

void SetNumber(const json& options, const char* name, std::optional<int64_t>* number) {
  if (options.contains(name)) *number = options[name].get<int64_t>();
}

treadle::RetryOptions RetryOf(const json& fields) {
  treadle::RetryOptions retry{.backoff = fields.value("backoff", ""),
                              .jitter = fields.value("jitter", ""),
                              .delays_ms = fields.value("delays_ms", std::vector<int64_t>())};
  SetNumber(fields, "backoff_base_ms", &retry.backoff_base_ms);
  SetNumber(fields, "backoff_cap_ms", &retry.backoff_cap_ms);
  SetNumber(fields, "max_attempts", &retry.max_attempts);
  SetNumber(fields, "total_ms", &retry.total_ms);
  return retry;
}

class Driver {
 public:
  ~Driver() { Stop(); }

  json Do(const json& words) {
    const std::string name = words.at("do");
    if (name == "hello") return Hello(words);
    if (name == "work") return Work(words);
    if (name == "stop") return Stop();
    if (name == "runs") return notes_.Runs();
    if (name == "lines") return notes_.Lines();
    if (name == "now") return NowMs();
    if (name == "enqueue") return Checked(client_->Enqueue(RequestOf(words))).id;
    if (name == "enqueue_many") return EnqueueMany(words);
    if (name == "enqueue_nowait") return EnqueueNoWait(words);
    if (name == "enqueue_apart") return EnqueueApart(words);
    if (name == "leave") return Leave(words);
    if (name == "refused") return Refused(words);
    return DoWithTask(name, words);
  }

 private:
  json DoWithTask(const std::string& name, const json& words) {
    if (name == "list") return List(words);
    const std::string task = words.at("task");
    if (name == "result") return ResultOf(task, milliseconds(words.at("timeout_ms")));
    if (name == "get") return Shown(Checked(client_->Get(task)));
    if (name == "cancel") return Checked(client_->Cancel(task));
    if (name == "redrive") return Checked(client_->Redrive(task));
    throw std::runtime_error("unknown command " + name);
  }

  json Hello(const json& words) {
    notes_.Reset();
    server_ = words.at("server");
    queue_ = words.at("queue");
    client_ = std::make_unique<Client>(treadle::ClientOptions{.servers = {server_}});
    return nullptr;
  }

  json Work(const json& words) {
    for (size_t i = words.value("workers", 1); i > 0; --i) {
      workers_.push_back(std::make_unique<treadle::Worker>(
          treadle::WorkerOptions{.client = {.servers = {server_}},
                                 .queues = {queue_},
                                 .concurrency = words.value("concurrency", size_t{10}),
                                 .shutdown_grace = milliseconds(words.value("grace_ms", 25'000)),
                                 .log = [this](std::string_view line) { notes_.Wrote(line); }}));
      AddHandlers(*workers_.back(), queue_, &notes_);
      ended_.push_back(std::async(std::launch::async,
                                  [worker = workers_.back().get()] { return worker->Run(); }));
    }
    return nullptr;
  }

  json Stop() {
    for (const auto& worker : workers_) worker->Stop();
    std::vector<std::future<Status>> ended;
    ended.swap(ended_);
    Status first;
    for (auto& each : ended) {
      if (Status status = each.get(); !status.ok()) first = status;
    }
    workers_.clear();
    Check(first);
    return nullptr;
  }

  static int64_t NowMs() {
    return std::chrono::duration_cast<milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }

  TaskRequest RequestOf(const json& words) const {
    TaskRequest task{.type = words.at("type"), .queue = queue_};
    if (words.contains("payload_base64")) {
      task.payload = FromBase64(words["payload_base64"].get<std::string>());
      task.content_type = words.at("content_type");
    } else {
      task.payload = treadle::ToJson(words.value("payload", json()));
    }
    const json options = words.value("options", json::object());
    task.queue = options.value("queue", queue_);
    SetNumber(options, "priority", &task.priority);
    SetNumber(options, "max_attempts", &task.max_attempts);
    SetNumber(options, "delay_ms", &task.delay_ms);
    SetNumber(options, "expires_ms", &task.expires_ms);
    SetNumber(options, "deadline_ms", &task.deadline_ms);
    SetNumber(options, "attempt_timeout_ms", &task.attempt_timeout_ms);
    SetNumber(options, "contract_version", &task.contract_version);
    task.idempotency_key = options.value("idempotency_key", "");
    task.unique_while = options.value("unique_while", "");
    task.on_duplicate = options.value("on_duplicate", "");
    task.run_at = options.value("run_at", "");
    task.tags = options.value("tags", std::vector<std::string>());
    task.sensitive = options.value("sensitive", false);
    task.traceparent = options.value("traceparent", "");
    if (options.contains("retry")) task.retry = RetryOf(options["retry"]);
    return task;
  }

  std::vector<TaskRequest> RequestsOf(const json& words) const {
    std::vector<TaskRequest> tasks;
    for (const json& payload : words.at("payloads")) {
      tasks.push_back(
          {.type = words.at("type"), .queue = queue_, .payload = treadle::ToJson(payload)});
    }
    return tasks;
  }

  json EnqueueMany(const json& words) {
    json ids = json::array();
    for (const auto& task : Checked(client_->EnqueueMany(RequestsOf(words)))) ids += task.id;
    return ids;
  }

  json EnqueueNoWait(const json& words) {
    const std::vector<TaskRequest> tasks = RequestsOf(words);
    std::vector<treadle::Result<treadle::Enqueued>> answers(tasks.size(),
                                                            Status(treadle::Code::kUnknown, ""));
    for (size_t i = 0; i < tasks.size(); ++i)
      client_->EnqueueAsync(tasks[i], [&answers, i](auto answer) { answers[i] = answer; });
    client_->Flush();
    json ids = json::array();
    for (auto& each : answers) ids += Checked(each).id;
    return ids;
  }

  json EnqueueApart(const json& words) {
    Client client({.servers = {server_}, .linger = std::chrono::microseconds(0)});
    std::vector<std::future<treadle::Result<treadle::Enqueued>>> calls;
    for (TaskRequest& task : RequestsOf(words)) {
      calls.push_back(std::async(
          std::launch::async, [&client, task = std::move(task)] { return client.Enqueue(task); }));
    }
    json ids = json::array();
    for (auto& each : calls) ids += Checked(each.get()).id;
    return ids;
  }

  json Leave(const json& words) {
    for (const TaskRequest& task : RequestsOf(words)) client_->EnqueueAsync(task, [](auto) {});
    return nullptr;
  }

  json Refused(const json& words) {
    const std::string name = words.at("value");
    json value = std::string("\xed\xa0\x80");  // half a surrogate pair
    if (name == "nan") value = std::numeric_limits<double>::quiet_NaN();
    if (name == "infinity") value = std::numeric_limits<double>::infinity();
    const std::string payload = treadle::ToJson(json{{"x", value}});
    return Checked(client_->Enqueue({.type = "refused", .queue = queue_, .payload = payload})).id;
  }

  json ResultOf(const std::string& id, milliseconds limit) {
    const TaskInfo task = Checked(client_->Wait(id, limit));
    if (task.state != "completed") {
      std::string code = task.state;
      std::transform(code.begin(), code.end(), code.begin(), [](char c) { return c - 'a' + 'A'; });
      throw ::Refused{{{"code", code}, {"error_code", task.error_code}}};
    }
    if (task.result_content_type == "application/json" || task.result_content_type.empty())
      return task.result.empty() ? json() : json::parse(task.result);
    return {{"base64", ToBase64(task.result)}, {"content_type", task.result_content_type}};
  }

  static json Shown(const TaskInfo& task) {
    return {{"id", task.id},
            {"type", task.type},
            {"queue", task.queue},
            {"state", task.state},
            {"attempt", task.attempt},
            {"max_attempts", task.max_attempts},
            {"tags", task.tags},
            {"error_code", task.error_code},
            {"error_message", task.error_message},
            {"progress", task.progress ? json(*task.progress) : json()},
            {"progress_message", task.progress_message}};
  }

  json List(const json& words) {
    treadle::ListOptions query{.queue = queue_,
                               .type = words.value("type", ""),
                               .state = words.value("state", ""),
                               .tag = words.value("tag", ""),
                               .limit = 1};
    json ids = json::array();
    do {
      const treadle::ListPage page = Checked(client_->List(query));
      for (const TaskInfo& task : page.tasks) ids += task.id;
      query.cursor = page.next_cursor;
    } while (!query.cursor.empty());
    return ids;
  }

  Notes notes_;
  std::string server_;
  std::string queue_;
  std::unique_ptr<Client> client_;
  std::vector<std::unique_ptr<treadle::Worker>> workers_;
  std::vector<std::future<Status>> ended_;
};

int RunAsProgram(char** words) {
  Notes notes;
  treadle::Worker worker({.client = {.servers = {words[2]}},
                          .queues = {words[3]},
                          .shutdown_grace = milliseconds(std::stoll(words[4]))});
  AddHandlers(worker, words[3], &notes);
  return worker.RunUntilSignal();
}

}  // namespace

int main(int count, char** words) {
  if (count == 5 && std::string_view(words[1]) == "worker") return RunAsProgram(words);
  Driver driver;
  for (std::string line; std::getline(std::cin, line);) {
    json answer;
    try {
      answer["ok"] = driver.Do(json::parse(line));
    } catch (const Refused& refused) {
      answer["error"] = refused.error;
    }
    std::cout << answer.dump() << std::endl;
  }
  return 0;
}
