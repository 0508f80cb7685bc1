#include "console/task_outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/terminal_text.h"
#include "base/time.h"
#include "base/units.h"
#include "console/table.h"

namespace treadle {
namespace {

constexpr int64_t kPollMs = 30'000;
constexpr int64_t kAnswerMs = 10'000;       // beyond the poll itself
constexpr int64_t kUnreachableMs = 30'000;  // how long a restart of the server may take
constexpr int64_t kRetryMs = 500;
constexpr int64_t kPaceMs = 100;  // between looks, at a server that does not wait though it should

}  // namespace

bool IsEnded(std::string_view state) {
  static constexpr std::string_view kOpen[] = {"blocked", "scheduled", "ready", "running",
                                               "retrying"};
  return std::find(std::begin(kOpen), std::end(kOpen), state) == std::end(kOpen);
}

Result<JsonDocument> WaitForTask(Session& session, const std::string& id,
                                 std::optional<int64_t> timeout_ms) {
  SystemClock clock;
  const int64_t start = clock.MonotonicMs();
  int64_t last_answer = start;
  while (true) {
    const int64_t asked = clock.MonotonicMs();
    const int64_t waited = asked - start;
    const int64_t left = timeout_ms ? std::max<int64_t>(*timeout_ms - waited, 0) : kPollMs;
    const int64_t poll = std::min(left, kPollMs);
    Result<JsonDocument> view =
        session.CallJson("GET", fmt::format("/v1/tasks/{}?wait={}ms", id, poll), wire::kTaskShape,
                         {}, poll + kAnswerMs);
    const bool in_time = !timeout_ms || clock.MonotonicMs() - start < *timeout_ms;
    if (view.ok()) {
      const std::string state = view->root.Text("state");
      if (IsEnded(state)) return view;
      const bool is_early = clock.MonotonicMs() - asked < std::min(poll, kPaceMs);
      last_answer = clock.MonotonicMs();
      if (!in_time) {
        return Status(Code::kDeadlineExceeded, fmt::format("task {} is still {} after {}", id,
                                                           state, DurationInWords(*timeout_ms)));
      }
      if (is_early) std::this_thread::sleep_for(std::chrono::milliseconds(kPaceMs));
      continue;
    }
    const bool away = view.status().code() == Code::kUnavailable;
    const bool patient = last_answer != start && clock.MonotonicMs() - last_answer < kUnreachableMs;
    if (!away || !in_time || !patient) return view;
    std::this_thread::sleep_for(std::chrono::milliseconds(kRetryMs));
  }
}

std::string WhyDead(const JsonNode& view) {
  std::string why =
      fmt::format("{} of {} attempts", view.Integer("attempt"), view.Integer("max_attempts"));
  const JsonNode* error = view.Find("error");
  if (error == nullptr) return why;
  const std::string message = error->Text("message");
  return fmt::format("{}: {}: {}", why, error->Text("code"), TellingLine(message));
}

namespace {

// A message of several lines, below the sentence that quotes its last.
void ShowWholeError(Session& session, const JsonNode& view) {
  const JsonNode* const error = view.Find("error");
  const std::string message = error == nullptr ? "" : error->Text("message");
  if (message.find('\n') == std::string::npos) return;
  Table table({{}, {}});
  table.Row({"", message});
  std::string text = table.ToString(session.console());
  text.pop_back();
  session.console().Message(text);
}

}  // namespace

ExitStatus PrintOutcome(Session& session, const JsonNode& view) {
  const std::string id = view.Text("id");
  const std::string state = view.Text("state");
  if (session.json() || session.jsonl()) PrintJson(session, view);
  if (state != "completed") {
    const ExitStatus status = session.Fail(
        ExitStatus::kTaskDied,
        fmt::format("task {} ({}) is {} after {}", id, view.Text("type"), state, WhyDead(view)));
    ShowWholeError(session, view);
    return status;
  }
  if (session.json() || session.jsonl()) return ExitStatus::kOk;
  const Result<ServerAnswer> result = session.CallBytes(fmt::format("/v1/tasks/{}/result", id));
  if (!result.ok()) return session.Fail(result.status());
  PrintBytes(session, result->body);
  return ExitStatus::kOk;
}

void PrintBytes(Session& session, std::string_view bytes) {
  Console& console = session.console();
  if (!console.out_is_terminal()) return console.Out(bytes);
  console.Out(PrintableLines(bytes));
  if (!bytes.ends_with('\n')) console.Out("\n");
}

}  // namespace treadle
