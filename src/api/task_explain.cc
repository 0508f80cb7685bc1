// Explain: why a task is not running, in one sentence, and what would change that.

#include <string>

#include "api/handlers.h"
#include "api/text_in.h"
#include "json/writer.h"

namespace treadle::api {
namespace {

struct Answer {
  std::string_view reason;  // stable, for programs
  std::string summary;      // for people
  std::string next;         // what would change it; empty: nothing
};

std::string Counted(uint64_t n, const std::string& thing) {
  return std::to_string(n) + " " + thing + (n == 1 ? "" : "s");
}

std::string ErrorOf(const TaskRecord& task) {
  if (!task.error) return "";
  return ": " + task.error->code + (task.error->message.empty() ? "" : ": " + task.error->message);
}

std::string AttemptOf(const TaskImage& image) {
  return "attempt " + std::to_string(image.spent()) + " of " + std::to_string(image.max_attempts);
}

Answer WaitsForItsTime(const TaskView& view, const std::string& id) {
  return {"not_due",
          "It is not due until " + FormatWallTime(view.run_at.value_or(WallTime{})) + ".",
          "treadle task run-now " + id + " makes it ready now."};
}

Answer WaitsForItsBackoff(const TaskView& view, const std::string& id) {
  return {"backing_off",
          "Its " + AttemptOf(view.task.image) + " failed" + ErrorOf(view.task) +
              "; the next attempt begins after " + FormatWallTime(view.next_attempt_at) + ".",
          "treadle task run-now " + id + " skips the wait."};
}

Answer Runs(const TaskReasons& reasons, const std::string& id) {
  const TaskRecord& task = reasons.view.task;
  const std::string who = "worker " + task.holder->worker;
  if (task.image.cancel_requested)
    return {"cancelling",
            "It is being cancelled. The server notified " + who + ", whose lease ends at " +
                FormatWallTime(reasons.lease_ends) + " unless the attempt ends earlier.",
            ""};
  std::string limit;
  if (reasons.revoked_at)
    limit = " The attempt must end by " + FormatWallTime(*reasons.revoked_at) + " (" +
            reasons.timeout_setting + ").";
  return {"running",
          "It is running: " + who + " began " + AttemptOf(task.image) + " at " +
              FormatWallTime(task.image.started_at) + ". The lease ends at " +
              FormatWallTime(reasons.lease_ends) + " unless it is renewed." + limit,
          "treadle task cancel " + id + " asks the worker to stop."};
}

std::string WhoLeft(const Explanation& facts) {
  if (!facts.departure) return "";
  return " The last one, " + facts.departure->worker + ", stopped " +
         std::to_string(facts.departed_ms_ago / 1'000) + " s ago: " + facts.departure->reason + ".";
}

std::string Ahead(const TaskReasons& reasons) {
  if (reasons.ahead == 0) return "No task is ahead of this one.";
  return (reasons.more_ahead ? "More than " : "") + Counted(reasons.ahead, "task") +
         (reasons.ahead == 1 && !reasons.more_ahead ? " is" : " are") + " ahead of this one.";
}

Answer WaitsForAWorker(const Explanation& facts, const std::string& id) {
  const TaskReasons& reasons = facts.reasons;
  const std::string what = "tasks of type " + reasons.view.type + " in queue " + reasons.view.queue;
  if (facts.workers == 0)
    return {"no_worker", "No worker asks for " + what + "." + WhoLeft(facts),
            "Start one, for example: treadle worker exec " + reasons.view.type + " --queue " +
                reasons.view.queue + " -- PROGRAM"};
  if (reasons.apart)
    return {"runs_apart",
            "A worker was lost while it ran this task. The task may have crashed it, so it waits "
            "for a worker that runs nothing else.",
            "It starts on the next worker that is idle. treadle task errors shows what happened."};
  if (facts.workers_free > 0)
    return {"about_to_start", "A worker is free and will start it in a moment.", ""};
  const std::string busy =
      (facts.workers == 1 ? "The only worker for "
                          : "All " + std::to_string(facts.workers) + " workers for ") +
      reasons.view.type + " in queue " + reasons.view.queue +
      (facts.workers == 1 ? " is busy. " : " are busy. ");
  return {"workers_busy", busy + Ahead(reasons),
          "Add workers, raise their concurrency, or raise the priority: treadle task edit " + id +
              " --priority 9"};
}

Answer HasEnded(const TaskView& view, const std::string& id) {
  const TaskImage& image = view.task.image;
  const std::string at = " at " + FormatWallTime(image.finished_at);
  if (image.state == TaskState::kCompleted)
    return {"completed", "It completed" + at + ".",
            "treadle task result " + id + " prints what it returned."};
  const std::string next = "treadle task redrive " + id + " runs it again.";
  if (image.state == TaskState::kDead)
    return {"dead",
            "It is dead: its " + AttemptOf(image) + " failed" + at + ErrorOf(view.task) + ".",
            next};
  if (image.state == TaskState::kExpired)
    return {"expired", "It expired" + at + ErrorOf(view.task) + ".", next};
  return {"cancelled", "It was cancelled" + at + ErrorOf(view.task) + ".", next};
}

Answer Because(const Explanation& facts) {
  const TaskReasons& reasons = facts.reasons;
  const TaskImage& image = reasons.view.task.image;
  const std::string id = image.id.ToString();
  if (IsTerminal(image.state)) return HasEnded(reasons.view, id);
  if (image.state == TaskState::kRunning) return Runs(reasons, id);
  if (image.state == TaskState::kScheduled) return WaitsForItsTime(reasons.view, id);
  if (image.state == TaskState::kRetrying) return WaitsForItsBackoff(reasons.view, id);
  if (reasons.paused)
    return {"queue_paused", "Its queue " + reasons.view.queue + " is paused.",
            "treadle queue resume " + reasons.view.queue + " resumes it."};
  return WaitsForAWorker(facts, id);
}

// What holds besides, and would still hold after `answer.next`.
void AddWhatElse(const Explanation& facts, Answer* answer) {
  const TaskState state = facts.reasons.view.task.image.state;
  if (facts.reasons.paused && (state == TaskState::kScheduled || state == TaskState::kRetrying))
    answer->summary += " Its queue is also paused.";
  if (facts.enqueue_refused)
    answer->summary += " The server's disk is nearly full, so it accepts no new tasks.";
}

http::Response Why(const Explanation& facts) {
  Answer answer = Because(facts);
  AddWhatElse(facts, &answer);
  const TaskView& view = facts.reasons.view;
  std::string body;
  JsonWriter out(&body);
  out.Open('{').Key("id").PlainText(view.task.image.id.Text().view());
  out.Key("state").PlainText(*TaskStateName(view.task.image.state));
  out.Key("queue").PlainText(view.queue).Key("type").PlainText(view.type);
  out.Key("reason").PlainText(answer.reason).Key("summary").Text(answer.summary);
  if (!answer.next.empty()) out.Key("next").Text(answer.next);
  out.Key("queue_paused").Flag(facts.reasons.paused);
  out.Key("ahead").Number(facts.reasons.ahead).Key("more_ahead").Flag(facts.reasons.more_ahead);
  out.Key("workers").Number(facts.workers).Key("workers_free").Number(facts.workers_free);
  out.Close('}');
  return JsonResponse(200, std::move(body));
}

Result<TaskId> ReadTarget(const http::RequestContext& context) {
  TREADLE_RETURN_IF_ERROR(ReadQuery(context.request, {}).status());
  return TaskIdOf(context);
}

}  // namespace

void ExplainTask(const Api& api, http::RequestContext& context, http::Responder responder) {
  const Result<TaskId> id = ReadTarget(context);
  if (!id.ok()) return responder.Send(http::ProblemResponse(id.status()));
  api.node->Do(treadle::ExplainTask{*id}, Answering(std::move(responder), Why));
}

}  // namespace treadle::api
