#include "shard/parked_exchanges.h"

#include <algorithm>

#include "base/check.h"

namespace treadle {

bool ParkedExchanges::Park(Job job) {
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
  // A newer one of the same worker has ended the older, or that could never be found again.
  TREADLE_CHECK(!by_holder_.contains(job->request.holder) && !parked_.contains(job->ticket));
  by_holder_[job->request.holder] = job->ticket;
  parked_.emplace(job->ticket, std::move(parked));
  return true;
}

ParkedExchanges::Job ParkedExchanges::Take(std::map<uint64_t, Parked>::iterator it) {
  Parked parked = std::move(it->second);
  parked_.erase(it);
  by_holder_.erase(parked.job->request.holder);
  TREADLE_CHECK(places_ >= parked.places.size());
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

ParkedExchanges::Job ParkedExchanges::TakeByTicket(uint64_t ticket) {
  const auto it = parked_.find(ticket);
  return it == parked_.end() ? nullptr : Take(it);
}

ParkedExchanges::Job ParkedExchanges::TakeByHolder(const LeaseHolder& holder) {
  const auto it = by_holder_.find(holder);
  return it == by_holder_.end() ? nullptr : TakeByTicket(it->second);
}

ParkedExchanges::Job ParkedExchanges::TakeByLane(std::string_view queue, std::string_view type) {
  const auto it = lanes_.find({std::string(queue), std::string(type)});
  if (it == lanes_.end() || it->second.empty()) return nullptr;
  return TakeByTicket(it->second.front()->ticket);
}

size_t ParkedExchanges::WaitingFor(std::string_view queue, std::string_view type) const {
  const auto it = lanes_.find({std::string(queue), std::string(type)});
  return it == lanes_.end() ? 0 : it->second.size();
}

bool ParkedExchanges::Waits(const LeaseHolder& holder, const std::string& queue,
                            const std::string& type) const {
  const auto ticket = by_holder_.find(holder);
  if (ticket == by_holder_.end()) return false;
  const ExchangeRequest& request = parked_.at(ticket->second).job->request;
  return request.want > 0 && std::ranges::find(request.queues, queue) != request.queues.end() &&
         std::ranges::find(request.types, type) != request.types.end();
}

std::vector<ParkedExchanges::Job> ParkedExchanges::TakeAll() {
  std::vector<Job> jobs;
  while (!parked_.empty()) jobs.push_back(Take(parked_.begin()));
  TREADLE_CHECK(places_ == 0 && lanes_.empty() && by_holder_.empty());
  return jobs;
}

}  // namespace treadle
