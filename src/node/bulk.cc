#include "node/bulk.h"

#include <algorithm>
#include <utility>

#include "shard/shard.h"

namespace treadle {
namespace {

constexpr size_t kPage = 500;       // tasks; their commands join one batch
constexpr size_t kPagesMax = 4;     // in progress at once, of all jobs
constexpr size_t kJobsMax = 1'000;  // that have not ended
constexpr size_t kKept = 100;       // jobs that are remembered
constexpr int64_t kPagesPerSecond = 10;
constexpr int64_t kCheckpointWaitMs = 60'000;  // for a checkpoint; longer, and the disk is full

size_t PageSize(int64_t rate) {
  if (rate == 0) return kPage;
  return static_cast<size_t>(std::clamp<int64_t>(rate / kPagesPerSecond, 1, kPage));
}

}  // namespace

Result<BulkView> BulkActions::Run(StartBulk command) {
  const auto open = std::ranges::count_if(
      jobs_, [](const auto& entry) { return !entry.second->view.has_ended(); });
  if (static_cast<size_t>(open) >= kJobsMax)
    return Status(Code::kResourceExhausted,
                  "there are " + std::to_string(kJobsMax) +
                      " bulk actions running, which is the limit: wait, or stop one (treadle bulk "
                      "list, treadle bulk stop ID)");
  auto job = std::make_shared<Job>();
  job->view.id = next_id_++;
  job->view.request = std::move(command.request);
  job->view.started_at = clock_->Wall();
  jobs_.emplace(job->view.id, job);
  ForgetOldest();
  Queue(job);
  return job->view;
}

Result<BulkView> BulkActions::Run(const GetBulk& question) const {
  const auto it = jobs_.find(question.id);
  if (it == jobs_.end())
    return Status(Code::kNotFound, "there is no bulk action " + std::to_string(question.id) +
                                       ", or the server has restarted since");
  return it->second->view;
}

std::vector<BulkView> BulkActions::Run(const ListBulk&) const {
  std::vector<BulkView> views;
  for (auto it = jobs_.rbegin(); it != jobs_.rend(); ++it) views.push_back(it->second->view);
  return views;
}

Result<BulkView> BulkActions::Run(const StopBulk& command) {
  TREADLE_RETURN_IF_ERROR(Run(GetBulk{command.id}).status());
  const JobPtr& job = jobs_.at(command.id);
  if (!job->view.has_ended()) End(job, BulkView::State::kStopped);
  return job->view;
}

void BulkActions::StopAll() {
  for (const auto& [id, job] : jobs_)
    if (!job->view.has_ended()) End(job, BulkView::State::kStopped);
}

void BulkActions::Queue(const JobPtr& job) {
  line_.push_back(job);
  GiveTurns();
}

void BulkActions::GiveTurns() {
  while (turns_ < kPagesMax && !line_.empty()) {
    const JobPtr job = std::move(line_.front());
    line_.pop_front();
    if (job->view.has_ended()) continue;
    job->view.state = BulkView::State::kRunning;
    job->has_turn = true;
    ++turns_;
    BeginPage(job);
  }
}

void BulkActions::EndTurn(const JobPtr& job) {
  if (!std::exchange(job->has_turn, false)) return;
  --turns_;
  GiveTurns();
}

void BulkActions::BeginPage(const JobPtr& job) {
  job->page_at_ms = clock_->MonotonicMs();
  TaskQuery query = job->view.request.tasks;
  query.before = job->before;
  query.limit = job->view.request.count_only ? kPage : PageSize(job->view.request.rate);
  query.with_results = false;
  // It is about all that was there when it began, and about nothing that came later.
  const int64_t wait_ms = job->before == TaskId{} ? kCheckpointWaitMs : 0;
  shard_->Do(ListTasks{std::move(query), wait_ms}, [this, job](const Result<ListReply>& list) {
    if (!list.ok()) return End(job, BulkView::State::kFailed, list.status().message());
    OnPage(job, list->page);
  });
}

void BulkActions::OnPage(const JobPtr& job, const TaskPage& page) {
  if (job->view.has_ended()) return EndTurn(job);
  job->before = page.next;
  job->is_last_page = page.next == TaskId{};
  job->view.found += page.tasks.size();
  if (job->view.request.count_only || page.tasks.empty()) return EndPage(job);
  job->under_way = page.tasks.size();
  for (const TaskView& task : page.tasks) {
    TaskCommand command = job->view.request.command;
    command.id = task.task.image.id;
    command.only_in = task.task.image.state;
    shard_->Do(std::move(command),
               [this, job](const Result<TaskStanding>& answer) { OnAnswer(job, answer); });
  }
}

void BulkActions::OnAnswer(const JobPtr& job, const Result<TaskStanding>& answer) {
  ++(answer.ok() && answer->changed ? job->view.changed : job->view.skipped);
  if (--job->under_way == 0) EndPage(job);
}

void BulkActions::EndPage(const JobPtr& job) {
  if (job->view.has_ended()) return EndTurn(job);
  if (job->is_last_page) return End(job, BulkView::State::kDone);
  const BulkRequest& request = job->view.request;
  int64_t wait_ms = 0;
  if (request.rate > 0 && !request.count_only) {
    const int64_t page_ms = static_cast<int64_t>(PageSize(request.rate)) * 1'000 / request.rate;
    wait_ms = page_ms - (clock_->MonotonicMs() - job->page_at_ms);
  }
  EndTurn(job);
  if (wait_ms > 0) return loop_->PostAfter(wait_ms, [this, job] { Queue(job); });
  loop_->Post([this, job] { Queue(job); });
}

void BulkActions::End(const JobPtr& job, BulkView::State state, std::string error) {
  job->view.state = state;
  job->view.error = std::move(error);
  job->view.finished_at = clock_->Wall();
  // Commands of its page in progress keep the turn: they are also work.
  if (job->under_way == 0) EndTurn(job);
}

void BulkActions::ForgetOldest() {
  for (auto it = jobs_.begin(); it != jobs_.end() && jobs_.size() > kKept;)
    it = it->second->view.has_ended() ? jobs_.erase(it) : std::next(it);
}

}  // namespace treadle
