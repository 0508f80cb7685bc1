#include "cli/enqueue_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "base/units.h"
#include "client/send_apart.h"
#include "client/wire.h"

namespace treadle::cli {
namespace {

constexpr size_t kLineBytesMax = size_t{16} << 20;  // what the server takes in a request
constexpr int64_t kWindowMs = 600'000;              // longer than any answer is waited for
constexpr int64_t kAwayMs = 30'000;                 // how long a restart of the server may take
constexpr int64_t kAwayPauseMs = 200;
constexpr int64_t kShowMs = 200;

struct Line {
  int64_t number = 0;
  std::string json;
  bool has_key = false;  // so that it may be sent twice
  bool is_plain = true;  // says nothing of keys
};

/// Some lines as one request. Without keys of their own, one of them is given a key that must be
/// new: if the request is sent again although it was taken, all of it is refused.
struct BatchRequest {
  std::string body;
  Repeat repeat = Repeat::kSafe;
  std::optional<size_t> keyed;  // which of the lines was given the key
};

std::string WithKey(std::string json) {
  SystemRandom random;
  const std::string key = fmt::format("treadle-cli-{:016x}{:016x}", random.Next(), random.Next());
  const size_t end = json.rfind('}');
  const bool is_empty = json.find('"') == std::string::npos;
  return json.insert(end, fmt::format(R"({}"idempotency_key":"{}","idempotency_window_ms":{},)"
                                      R"("on_duplicate":"refuse")",
                                      is_empty ? "" : ",", key, kWindowMs));
}

BatchRequest RequestOf(std::span<const Line> lines) {
  BatchRequest request{.body = "{\"tasks\":[", .keyed = {}};
  const bool has_keys = std::ranges::all_of(lines, &Line::has_key);
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool gets_key = !has_keys && !request.keyed && lines[i].is_plain;
    if (gets_key) request.keyed = i;
    request.body += gets_key ? WithKey(lines[i].json) : lines[i].json;
    request.body += ',';
  }
  request.body.back() = ']';
  request.body += '}';
  if (!has_keys && !request.keyed) request.repeat = Repeat::kOnce;
  return request;
}

/// The server's sentence about a request of one line.
std::string WithoutPlace(std::string sentence) {
  for (const std::string_view place : {"tasks[0].", " in tasks[0]"}) {
    const size_t at = sentence.find(place);
    if (at != std::string::npos) sentence.erase(at, place.size());
  }
  return sentence;
}

bool MayBeOneLinesFault(Code code) {
  return code == Code::kInvalidArgument || code == Code::kAlreadyExists ||
         code == Code::kFailedPrecondition || code == Code::kNotFound;
}

bool IsAway(Code code) { return code == Code::kUnavailable || code == Code::kUnknown; }

class FileEnqueuer {
 public:
  FileEnqueuer(Session& session, const FileOfTasks& file)
      : session_(session),
        file_(file),
        name_(file.path == "-" ? "standard input" : file.path),
        shows_(session.console().err_is_terminal()) {}

  ExitStatus Run() {
    std::ifstream opened;
    if (file_.path != "-") {
      std::error_code error;
      if (std::filesystem::is_directory(file_.path, error))
        return session_.Fail(
            InvalidArgument(name_ + " is a directory; name a file with one task per line"));
      opened.open(file_.path, std::ios::binary);
      if (!opened)
        return session_.Fail(
            InvalidArgument(fmt::format("cannot read {} ({})", name_, std::strerror(errno))));
    }
    Status status;
    try {
      status = ReadAll(file_.path == "-" ? *std::cin.rdbuf() : *opened.rdbuf());
    } catch (const std::ios_base::failure& error) {  // a file buffer throws when a read fails
      status = Status(Code::kInternal,
                      fmt::format("cannot read {} ({})", name_, error.code().message()));
    }
    if (status.ok()) status = Flush();
    if (shows_) session_.console().Err("\r\x1b[K");
    PrintEnd();
    if (status.ok()) return ExitStatus::kOk;
    const std::string before =
        taken_line_ == 0
            ? "nothing was enqueued"
            : fmt::format("lines up to {} were enqueued, nothing after that", taken_line_);
    return session_.Fail(Status(status.code(), fmt::format("{}; {}", status.message(), before)));
  }

 private:
  Status ReadAll(std::streambuf& in) {
    std::string text;
    for (int64_t number = 1;; ++number) {
      text.clear();
      int c = 0;
      while ((c = in.sbumpc()) != EOF && c != '\n') {
        text.push_back(static_cast<char>(c));
        if (text.size() > kLineBytesMax)
          return Refused(number, "is longer than 16 MiB, which every server rejects");
      }
      TREADLE_RETURN_IF_ERROR(Take(number, text));
      if (c == EOF) return {};
      if (session_.console().out_is_closed())
        return Status(Code::kInternal, "standard output is closed");
    }
  }

  // Lines before a bad one are sent first.
  Status Refused(int64_t number, std::string_view what) {
    TREADLE_RETURN_IF_ERROR(Flush());
    return InvalidArgument(fmt::format("{}:{}: {}", name_, number, what));
  }

  Status Take(int64_t number, const std::string& text) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) return {};
    if (const auto error = FindJsonError(text)) {
      const std::string what = fmt::format("is not JSON: {}", error->ToString(text));
      return Refused(number, what);
    }
    const Result<JsonDocument> read = ReadJson(text);
    if (!read.ok() || read->root.kind != JsonNode::Kind::kObject)
      return Refused(number, R"(is not an object; write for example {"type":"hello","payload":1})");
    Line line{.number = number, .json = {}};
    TREADLE_RETURN_IF_ERROR(Complete(read->root, &line));
    bytes_ += line.json.size();
    batch_.push_back(std::move(line));
    if (batch_.size() < wire::kBatchTasksMax && bytes_ < kRequestBytes) return {};
    return Flush();
  }

  // With what the line leaves out.
  Status Complete(const JsonNode& object, Line* line) {
    line->has_key = object.Find("idempotency_key") != nullptr;
    for (const std::string_view name :
         {"idempotency_key", "idempotency_window_ms", "on_duplicate", "unique_while"})
      line->is_plain = line->is_plain && object.Find(name) == nullptr;
    if (object.Find("type") == nullptr && file_.type.empty())
      return Refused(line->number, R"(has no "type"; add one, or give TYPE on the command line)");
    JsonObject more;
    if (object.Find("type") == nullptr) more.Text("type", file_.type);
    if (object.Find("queue") == nullptr && !file_.queue.empty()) more.Text("queue", file_.queue);
    if (object.Find("traceparent") == nullptr && !file_.traceparent.empty())
      more.Text("traceparent", file_.traceparent);
    std::string added = more.Done();
    added.pop_back();
    const bool needs_comma = added.size() > 1 && !object.members.empty();
    line->json = added + (needs_comma ? "," : "") + std::string(object.raw.substr(1));
    return {};
  }

  Status Flush() {
    std::vector<Line> batch;
    batch.swap(batch_);
    bytes_ = 0;
    return batch.empty() ? Status() : Send(batch);
  }

  // All of the lines, or all before the one that is to blame.
  Status Send(std::span<const Line> lines) {
    const Status status = SendOnce(lines);
    if (status.ok()) {
      taken_line_ = lines.back().number;
      return Show(), Status();
    }
    if (lines.size() == 1) {
      return {status.code(),
              fmt::format("{}:{}: {}", name_, lines[0].number, WithoutPlace(status.message()))};
    }
    if (!MayBeOneLinesFault(status.code())) {
      return {status.code(), fmt::format("{}:{}-{}: {}", name_, lines.front().number,
                                         lines.back().number, status.message())};
    }
    TREADLE_RETURN_IF_ERROR(Send(lines.first(lines.size() / 2)));
    return Send(lines.subspan(lines.size() / 2));
  }

  Status SendOnce(std::span<const Line> lines) {
    const BatchRequest request = RequestOf(lines);
    const int64_t begin = clock_.MonotonicMs();
    bool was_sent = false;
    while (true) {
      const Result<JsonDocument> answer =
          session_.CallJson("POST", "/v1/tasks/batch", wire::kEnqueuedBatchShape, request.body,
                            kCallMs, request.repeat);
      was_sent = was_sent || session_.was_repeated();
      if (answer.ok()) return Count(answer->root, lines);
      if (was_sent && IsTakenBefore(answer.status(), request, lines)) return CountLost(lines);
      const bool is_lost = answer.status().code() == Code::kUnknown;
      was_sent = was_sent || is_lost;
      if (!IsAway(answer.status().code()) || (is_lost && request.repeat == Repeat::kOnce) ||
          clock_.MonotonicMs() - begin > kAwayMs)
        return answer.status();
      std::this_thread::sleep_for(std::chrono::milliseconds(kAwayPauseMs));
    }
  }

  /// Whether the server refuses because of the key that the request was given: it was taken.
  static bool IsTakenBefore(const Status& status, const BatchRequest& request,
                            std::span<const Line> lines) {
    if (!request.keyed || status.code() != Code::kAlreadyExists) return false;
    return lines.size() == 1 ||
           status.message().find(fmt::format("tasks[{}].idempotency_key", *request.keyed)) == 0;
  }

  Status Count(const JsonNode& answer, std::span<const Line> lines) {
    const std::vector<JsonNode>& tasks = answer.Find("tasks")->items;
    if (tasks.size() != lines.size())
      return {Code::kInternal, fmt::format("the server returned {} tasks instead of {}",
                                           tasks.size(), lines.size())};
    for (size_t i = 0; i < tasks.size(); ++i) {
      const JsonNode* duplicate = tasks[i].Find("duplicate");
      const bool was_there = duplicate != nullptr && duplicate->raw == "true";
      ++(was_there ? duplicates_ : enqueued_);
      if (session_.jsonl())
        session_.console().OutLine(JsonObject()
                                       .Integer("line", lines[i].number)
                                       .Text("id", tasks[i].Text("id"))
                                       .Bool("duplicate", was_there)
                                       .Done());
    }
    return {};
  }

  Status CountLost(std::span<const Line> lines) {
    enqueued_ += static_cast<int64_t>(lines.size());
    if (session_.jsonl())
      session_.console().Message(
          fmt::format("lines {} to {} were enqueued, but the reply with their IDs was lost",
                      lines.front().number, lines.back().number));
    return {};
  }

  void Show() {
    const int64_t now = clock_.MonotonicMs();
    if (!shows_ || now - shown_at_ < kShowMs) return;
    shown_at_ = now;
    session_.console().Err(fmt::format("\r{} enqueued, line {}\x1b[K", WithCommas(enqueued_),
                                       WithCommas(taken_line_)));
  }

  void PrintEnd() {
    if (session_.jsonl()) return;
    if (session_.json()) {
      session_.console().OutLine(
          JsonObject().Integer("enqueued", enqueued_).Integer("duplicates", duplicates_).Done());
      return;
    }
    std::string words = "enqueued " + Counted(enqueued_, "task");
    if (duplicates_ > 0)
      words += fmt::format("; {} already existed (same idempotency key)", WithCommas(duplicates_));
    session_.console().OutLine(words);
  }

  Session& session_;
  const FileOfTasks& file_;
  const std::string name_;
  const bool shows_;
  SystemClock clock_;
  std::vector<Line> batch_;
  size_t bytes_ = 0;        // of it
  int64_t taken_line_ = 0;  // the last one that is enqueued
  int64_t enqueued_ = 0;
  int64_t duplicates_ = 0;
  int64_t shown_at_ = 0;
};

}  // namespace

ExitStatus EnqueueFile(Session& session, const FileOfTasks& file) {
  return FileEnqueuer(session, file).Run();
}

}  // namespace treadle::cli
