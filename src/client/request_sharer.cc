#include "client/request_sharer.h"

#include <algorithm>
#include <utility>

#include "client/wire.h"

namespace treadle {

Result<Enqueued> RequestSharer::Enqueue(const EncodedTask& task) {
  if (linger_.count() == 0) {
    Result<std::vector<Enqueued>> answers = send_({&task});
    if (!answers.ok()) return answers.status();
    return std::move(answers->front());
  }
  Waiting mine{.task = &task};
  const auto patience = std::chrono::steady_clock::now() + linger_;
  Group group;
  {
    MutexLock lock(mutex_);
    waiting_.push_back(&mine);
    while (!mine.taken && under_way_ > 0 && std::chrono::steady_clock::now() < patience)
      mine.wake.wait_until(mutex_, patience);
    while (mine.taken && !mine.answer) mine.wake.wait(mutex_);
    if (mine.answer) return *std::move(mine.answer);
    group = TakeGroup(&mine);
    ++under_way_;
  }
  std::vector<Result<Enqueued>> answers = SendGroup(group);

  MutexLock lock(mutex_);
  --under_way_;
  for (size_t i = 0; i < group.size(); ++i) {
    group[i]->answer = std::move(answers[i]);
    if (group[i] != &mine) group[i]->wake.notify_one();
  }
  if (!waiting_.empty()) waiting_.front()->wake.notify_one();
  return *std::move(mine.answer);
}

// The caller's own task, and the oldest of the others.
RequestSharer::Group RequestSharer::TakeGroup(Waiting* mine) {
  std::erase(waiting_, mine);
  mine->taken = true;
  Group group{mine};
  size_t bytes = mine->task->json.size();
  while (!waiting_.empty() && group.size() < wire::kBatchTasksMax && bytes < kRequestBytes) {
    bytes += waiting_.front()->task->json.size();
    waiting_.front()->taken = true;
    group.push_back(waiting_.front());
    waiting_.pop_front();
  }
  return group;
}

std::vector<Result<Enqueued>> RequestSharer::SendGroup(const Group& group) const {
  std::vector<const EncodedTask*> tasks;
  tasks.reserve(group.size());
  for (const Waiting* each : group) tasks.push_back(each->task);
  return SendApart(send_, tasks);
}

}  // namespace treadle
