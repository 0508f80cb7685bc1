#include "client/request_sharer.h"

#include <algorithm>
#include <utility>

#include "client/wire.h"

namespace treadle {
namespace {

constexpr size_t kGroupBytesMax = size_t{4} << 20;  // a quarter of what the server takes

// The fault may lie with one task of the request, and the others may pass without it.
bool MayBeOneTasksFault(Code code) {
  return code == Code::kInvalidArgument || code == Code::kAlreadyExists ||
         code == Code::kFailedPrecondition;
}

}  // namespace

Result<Enqueued> RequestSharer::Enqueue(const EncodedTask& task) {
  if (linger_.count() == 0) {
    Answers answers = send_({&task});
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
  std::vector<Result<Enqueued>> answers;
  SendGroup(group, 0, group.size(), &answers);

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
  while (!waiting_.empty() && group.size() < wire::kBatchTasksMax && bytes < kGroupBytesMax) {
    bytes += waiting_.front()->task->json.size();
    waiting_.front()->taken = true;
    group.push_back(waiting_.front());
    waiting_.pop_front();
  }
  return group;
}

void RequestSharer::SendGroup(const Group& group, size_t begin, size_t end,
                              std::vector<Result<Enqueued>>* answers) const {
  std::vector<const EncodedTask*> tasks;
  for (size_t i = begin; i < end; ++i) tasks.push_back(group[i]->task);
  Answers sent = send_(tasks);
  if (sent.ok()) {
    for (Enqueued& task : *sent) answers->push_back(std::move(task));
  } else if (end - begin > 1 && MayBeOneTasksFault(sent.status().code())) {
    const size_t middle = begin + (end - begin) / 2;
    SendGroup(group, begin, middle, answers);
    SendGroup(group, middle, end, answers);
  } else {
    for (size_t i = begin; i < end; ++i) answers->push_back(sent.status());
  }
}

}  // namespace treadle
