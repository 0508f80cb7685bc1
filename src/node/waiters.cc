#include "node/waiters.h"

#include <algorithm>

#include "base/check.h"

namespace treadle {

bool Waiters::Park(Job job) {
  Parked parked{.job = job, .places = {}};
  if (job->request.want > 0) {
    const size_t places = job->request.queues.size() * job->request.types.size();
    if (places_ + places > kLanesMax) return false;
    places_ += places;
    parked.places.reserve(places);
    for (const std::string& queue : job->request.queues) {
      for (const std::string& type : job->request.types) {
        Line& line = lanes_[{queue, type}];
        line.push_back(job);
        parked.places.emplace_back(&line, std::prev(line.end()));
      }
    }
  }
  by_holder_[job->request.holder] = job->ticket;
  parked_.emplace(job->ticket, std::move(parked));
  return true;
}

Waiters::Job Waiters::Take(std::map<uint64_t, Parked>::iterator it) {
  Parked parked = std::move(it->second);
  parked_.erase(it);
  by_holder_.erase(parked.job->request.holder);
  places_ -= parked.places.size();
  for (auto& [line, place] : parked.places) line->erase(place);
  // Names come from outside: an empty line must not stay.
  for (const std::string& queue : parked.job->request.queues)
    for (const std::string& type : parked.job->request.types)
      if (const auto lane = lanes_.find({queue, type});
          lane != lanes_.end() && lane->second.empty())
        lanes_.erase(lane);
  return parked.job;
}

Waiters::Job Waiters::TakeByTicket(uint64_t ticket) {
  const auto it = parked_.find(ticket);
  return it == parked_.end() ? nullptr : Take(it);
}

Waiters::Job Waiters::TakeByHolder(const LeaseHolder& holder) {
  const auto it = by_holder_.find(holder);
  return it == by_holder_.end() ? nullptr : TakeByTicket(it->second);
}

Waiters::Job Waiters::TakeByLane(std::string_view queue, std::string_view type) {
  const auto it = lanes_.find({std::string(queue), std::string(type)});
  if (it == lanes_.end() || it->second.empty()) return nullptr;
  return TakeByTicket(it->second.front()->ticket);
}

size_t Waiters::WaitingFor(std::string_view queue, std::string_view type) const {
  const auto it = lanes_.find({std::string(queue), std::string(type)});
  return it == lanes_.end() ? 0 : it->second.size();
}

bool Waiters::Waits(const LeaseHolder& holder, const std::string& queue,
                    const std::string& type) const {
  const auto ticket = by_holder_.find(holder);
  if (ticket == by_holder_.end()) return false;
  const ExchangeRequest& request = parked_.at(ticket->second).job->request;
  return request.want > 0 && std::ranges::find(request.queues, queue) != request.queues.end() &&
         std::ranges::find(request.types, type) != request.types.end();
}

std::vector<Waiters::Job> Waiters::TakeAll() {
  std::vector<Job> jobs;
  while (!parked_.empty()) jobs.push_back(Take(parked_.begin()));
  return jobs;
}

void Waiters::Watch(TaskId task, uint64_t ticket, std::function<void()> wake) {
  watchers_.emplace(std::pair(task, ticket), std::move(wake));
}

std::vector<std::function<void()>> Waiters::TakeWatchers(TaskId task) {
  std::vector<std::function<void()>> wakes;
  auto it = watchers_.lower_bound({task, 0});
  while (it != watchers_.end() && it->first.first == task) {
    wakes.push_back(std::move(it->second));
    it = watchers_.erase(it);
  }
  return wakes;
}

std::function<void()> Waiters::TakeWatcher(TaskId task, uint64_t ticket) {
  const auto it = watchers_.find({task, ticket});
  if (it == watchers_.end()) return nullptr;
  std::function<void()> wake = std::move(it->second);
  watchers_.erase(it);
  return wake;
}

std::vector<std::function<void()>> Waiters::TakeAllWatchers() {
  std::vector<std::function<void()>> wakes;
  for (auto& [key, wake] : watchers_) wakes.push_back(std::move(wake));
  watchers_.clear();
  return wakes;
}

}  // namespace treadle
