#include "client/task_stream.h"

#include <algorithm>
#include <utility>

#include "client/wire.h"

namespace treadle {

TaskStream::~TaskStream() {
  std::thread thread;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    more_.notify_one();
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

void TaskStream::Enqueue(EncodedTask task, Done done) {
  MutexLock lock(mutex_);
  while (tasks_ > 0 && (tasks_ >= kTasksMax || bytes_ + task.json.size() > kBytesMax))
    answered_.wait(mutex_);
  ++tasks_;
  ++given_;
  bytes_ += task.json.size();
  waiting_.push_back({std::move(task), std::move(done)});
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  if (std::exchange(sleeps_, false)) more_.notify_one();
}

void TaskStream::Flush() {
  MutexLock lock(mutex_);
  const uint64_t all = given_;
  while (done_ < all) answered_.wait(mutex_);
}

void TaskStream::Run() {
  for (Group group = Next(); !group.empty(); group = Next()) Answer(std::move(group));
}

TaskStream::Group TaskStream::Next() {
  MutexLock lock(mutex_);
  while (waiting_.empty() && !closed_) {
    sleeps_ = true;
    more_.wait(mutex_);
  }
  sleeps_ = false;
  Group group;
  size_t bytes = 0;
  while (!waiting_.empty() && group.size() < wire::kBatchTasksMax && bytes < kRequestBytes) {
    bytes += waiting_.front().task.json.size();
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return group;
}

void TaskStream::Answer(Group group) {
  std::vector<const EncodedTask*> tasks;
  tasks.reserve(group.size());
  size_t bytes = 0;
  for (const Pending& each : group) {
    tasks.push_back(&each.task);
    bytes += each.task.json.size();
  }
  std::vector<Result<Enqueued>> answers = SendApart(send_, tasks);
  for (size_t i = 0; i < group.size(); ++i) group[i].done(std::move(answers[i]));
  MutexLock lock(mutex_);
  tasks_ -= group.size();
  bytes_ -= bytes;
  done_ += group.size();
  answered_.notify_all();
}

}  // namespace treadle
