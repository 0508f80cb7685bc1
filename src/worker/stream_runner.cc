#include "worker/stream_runner.h"

#include <algorithm>
#include <csignal>
#include <optional>
#include <string>
#include <utility>

#include "base/terminal_text.h"
#include "base/utf8.h"
#include "worker/child_process.h"
#include "worker/stream_line.h"

namespace treadle::worker {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kEndPatience(1'000);  // a program that has closed its output
constexpr milliseconds kUnspentWait(1'000);  // of a task whose time is up before it has a program
constexpr size_t kErrorsToldMax = size_t{8} << 10;
constexpr size_t kErrorsLoggedMax = (size_t{64} << 10) - 1;
constexpr size_t kUnreadBytesMax = size_t{256} << 10;  // of answers, beside those in the pipe
constexpr size_t kLineColumns = 200;

// Without white space at its end.
std::string_view Trimmed(std::string_view text) {
  return text.substr(0, text.find_last_not_of(" \r\n") + 1);
}

Failed Because(std::string code, std::string message, std::string_view errors, bool retry = true) {
  if (!errors.empty()) message.append(": ").append(errors);
  return Failed{std::move(code), std::move(message), retry};
}

Failed OutcomeOfEnd(const StreamProgram::End& end, std::string_view errors) {
  if (end.signal == 0) {
    const std::string status = std::to_string(end.exit_status);
    return Because("exit_" + status, "exit status " + status + " before an outcome", errors);
  }
  const std::string name = SignalName(end.signal);
  return Because("signal_" + name, "killed by " + name, errors);
}

/// One task with one program.
class StreamAttempt {
 public:
  StreamAttempt(StreamProgram* program, const StreamPrograms& programs, const Task& task,
                Context& context)
      : program_(*program), programs_(programs), task_(task), context_(context) {}

  /// Nothing: the program has not begun it.
  std::optional<Outcome> Run();

  /// Whether the program can have another task.
  bool is_usable() const { return is_usable_; }
  Clock::time_point kill_at() const { return kill_at_.value_or(programs_.KillTime()); }
  /// Why it has not begun the task.
  const std::string& fault() const { return fault_; }

 private:
  std::optional<Outcome> Converse();
  std::optional<Outcome> Take(std::string_view line);
  void Answer(const Status& saved);
  std::optional<Outcome> End();
  void Interrupt();
  void KillIfLate();
  Outcome Fail(std::string code, std::string message, bool retry = true);
  std::string SendableTask() const;
  std::string_view Errors() const { return Trimmed(Utf8Tail(errors_, kErrorsToldMax)); }

  StreamProgram& program_;
  const StreamPrograms& programs_;
  const Task& task_;
  Context& context_;
  bool is_usable_ = true;
  bool is_deaf_ = false;  // it does not read what is sent to it
  bool is_killed_ = false;
  std::optional<Clock::time_point> kill_at_;
  std::string fault_;
  std::string errors_;
};

std::optional<Outcome> StreamAttempt::Run() {
  const std::stop_callback cancel(context_.stop_token(), [this] { program_.Cancel(); });
  program_.BeginTask(task_.sensitive);
  if (program_.HasOutput()) {
    is_usable_ = false;
    fault_ = "it wrote to its output although it had no task";
    return std::nullopt;
  }
  std::optional<Outcome> outcome = Converse();
  errors_ += program_.TakeErrors();
  if (!errors_.empty()) context_.AppendLog(Utf8Tail(errors_, kErrorsLoggedMax));
  return outcome;
}

std::optional<Outcome> StreamAttempt::Converse() {
  (void)program_.Send(SendableTask());
  while (!is_deaf_) {
    std::string_view line;
    KillIfLate();
    const bool may_be_late = kill_at_ && !is_killed_;
    switch (program_.Wait(may_be_late ? *kill_at_ : Clock::time_point::max(), &line)) {
      case StreamProgram::Event::kLine:
        if (std::optional<Outcome> outcome = Take(line)) return outcome;
        break;
      case StreamProgram::Event::kTooLong:
        return Fail("line_too_long",
                    "the program wrote a line of more than " + std::to_string(kStreamLineBytesMax) +
                        " bytes",
                    /*retry=*/false);
      case StreamProgram::Event::kClosed:
        return End();
      case StreamProgram::Event::kCancelled:
        Interrupt();
        break;
      case StreamProgram::Event::kLate:
        break;
    }
  }
  return Fail("output_closed", "the program does not read the answers to its steps");
}

std::string StreamAttempt::SendableTask() const {
  std::optional<milliseconds> timeout;
  if (context_.deadline() != Clock::time_point::max())
    timeout = std::chrono::ceil<milliseconds>(context_.deadline() - Clock::now());
  AttemptLink* const link = context_.link();
  if (link == nullptr) return StreamTask(task_, timeout, {});
  return StreamTask(task_, timeout, {.steps = link->Steps(), .checkpoint = link->FindCheckpoint()});
}

// Also a program that writes all the time.
void StreamAttempt::KillIfLate() {
  if (!kill_at_ || is_killed_ || Clock::now() < *kill_at_) return;
  is_killed_ = true;
  program_.Kill(SIGKILL);
}

void StreamAttempt::Interrupt() {
  is_usable_ = false;
  kill_at_ = programs_.KillTime();
  program_.Kill(SIGTERM);
}

Outcome StreamAttempt::Fail(std::string code, std::string message, bool retry) {
  is_usable_ = false;
  errors_ = program_.TakeErrors();
  return Because(std::move(code), std::move(message), Errors(), retry);
}

std::optional<Outcome> StreamAttempt::Take(std::string_view line) {
  Result<StreamLine> read = ParseStreamLine(line);
  if (!read.ok()) {
    return Fail("line_invalid", "the program wrote an invalid line: " + read.status().message() +
                                    ": " + Shortened(Printable(line), kLineColumns));
  }
  if (!read->task.empty() && read->task != task_.id)
    return Fail("line_invalid", "the program wrote a line for task " +
                                    Shortened(Printable(read->task), kLineColumns));
  return std::visit(
      Overloaded{[&](const stream::Ready&) -> std::optional<Outcome> {
                   return Fail("line_invalid",
                               "the program wrote \"ready\" although it has a task");
                 },
                 [&](const stream::Log& log) -> std::optional<Outcome> {
                   context_.AppendLog(log.text);
                   return std::nullopt;
                 },
                 [&](const stream::Progress& progress) -> std::optional<Outcome> {
                   context_.Progress(progress.fraction, progress.message);
                   return std::nullopt;
                 },
                 [&](const stream::Step& step) -> std::optional<Outcome> {
                   AttemptLink* const link = context_.link();
                   Answer(link == nullptr ? Status() : link->SaveStep(step.name, step.result));
                   return std::nullopt;
                 },
                 [&](const stream::Checkpoint& checkpoint) -> std::optional<Outcome> {
                   Answer(context_.SaveCheckpoint(checkpoint.data));
                   return std::nullopt;
                 },
                 [&](stream::End& end) -> std::optional<Outcome> {
                   if (program_.HasBuffered())
                     return Fail("line_unexpected", "the program wrote more after its outcome");
                   return std::move(end.outcome);
                 }},
      read->what);
}

void StreamAttempt::Answer(const Status& saved) {
  is_deaf_ = program_.Send(StreamAnswer(saved)) > kUnreadBytesMax;
}

// The program has ended, or will not be heard any more.
std::optional<Outcome> StreamAttempt::End() {
  is_usable_ = false;
  const std::optional<StreamProgram::End> end = program_.AwaitEnd(Clock::now() + kEndPatience);
  if (kill_at_) return Released{};
  if (end && program_.HasReadNothing()) {
    fault_ = "it ended (" +
             (end->signal != 0 ? SignalName(end->signal)
                               : "exit status " + std::to_string(end->exit_status)) +
             ") before it read a task";
    return std::nullopt;
  }
  if (!end) return Fail("output_closed", "the program closed its output or its input");
  errors_ = program_.TakeErrors();
  return OutcomeOfEnd(*end, Errors());
}

// The attempt has not begun, and does not count.
Outcome WithoutProgram(StreamPrograms& programs, const Context& context) {
  if (std::string reason = programs.stop_reason(); !reason.empty())
    return StopWorker{std::move(reason)};
  if (context.cancel_cause() == CancelCause::kTimeout) return Snoozed{kUnspentWait};
  return Released{};
}

Outcome RunWithSome(StreamPrograms& programs, const Task& task, Context& context) {
  while (true) {
    StreamPrograms::Lent lent = programs.Borrow(context.stop_token());
    if (lent == nullptr) return WithoutProgram(programs, context);
    StreamAttempt attempt(&StreamPrograms::ProgramOf(lent), programs, task, context);
    std::optional<Outcome> outcome = attempt.Run();
    // A cancellation may have come at the last moment, and must not meet the next task.
    if (attempt.is_usable() && !context.IsCancelled()) {
      programs.GiveBack(std::move(lent));
    } else {
      programs.Retire(lent, attempt.kill_at(), attempt.fault());
    }
    if (outcome) return *std::move(outcome);
  }
}

}  // namespace

Handler MakeStreamHandler(std::shared_ptr<StreamPrograms> programs) {
  return [programs = std::move(programs)](const Task& task, Context& context) {
    return RunWithSome(*programs, task, context);
  };
}

}  // namespace treadle::worker
