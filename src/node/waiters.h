// Waiters: who is waiting for what. Workers' exchanges that are parked until there is something to
// report, and callers who wait for a task to end. Memory only; on the shard's lane.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "node/exchange.h"

namespace treadle {

/// One exchange on its way through the shard.
struct ExchangeJob {
  uint64_t ticket = 0;
  ExchangeRequest request;
  std::function<void(Result<ExchangeReply>)> done;
  ExchangeReply reply;
  std::vector<size_t> unreported;  // places of the reports that are not applied yet
  bool asked_store = false;        // for what the reports need
  bool renewed = false;
  std::optional<int64_t> until_ms;  // its wait ends, however often it is parked
};

class Waiters {
 public:
  using Job = std::shared_ptr<ExchangeJob>;

  /// Pairs of queue and type in which all parked exchanges wait together; each takes some 50 bytes.
  static constexpr size_t kLanesMax = 1'000'000;

  /// Parks the exchange: it will be found by its lanes, its holder and its ticket. False if there
  /// is no room for its lanes.
  bool Park(Job job);
  /// Takes a parked exchange out; null if it is not parked.
  Job TakeByTicket(uint64_t ticket);
  Job TakeByHolder(const LeaseHolder& holder);
  /// The exchange that has waited longest for this queue and type.
  Job TakeByLane(std::string_view queue, std::string_view type);
  std::vector<Job> TakeAll();
  size_t parked() const { return parked_.size(); }
  /// Exchanges that wait for this queue and type.
  size_t WaitingFor(std::string_view queue, std::string_view type) const;
  /// Whether a parked exchange of this worker waits for it.
  bool Waits(const LeaseHolder& holder, const std::string& queue, const std::string& type) const;

  /// A caller that waits for a task to end.
  void Watch(TaskId task, uint64_t ticket, std::function<void()> wake);
  std::vector<std::function<void()>> TakeWatchers(TaskId task);
  std::function<void()> TakeWatcher(TaskId task, uint64_t ticket);
  std::vector<std::function<void()>> TakeAllWatchers();

 private:
  using Lane = std::pair<std::string, std::string>;
  struct LaneHash {
    size_t operator()(const Lane& lane) const {
      return std::hash<std::string>()(lane.first) * 31 + std::hash<std::string>()(lane.second);
    }
  };
  using Line = std::list<Job>;
  struct Parked {
    Job job;
    std::vector<std::pair<Line*, Line::iterator>> places;
  };

  Job Take(std::map<uint64_t, Parked>::iterator it);

  std::map<uint64_t, Parked> parked_;  // by ticket
  std::map<LeaseHolder, uint64_t> by_holder_;
  std::unordered_map<Lane, Line, LaneHash> lanes_;
  size_t places_ = 0;  // in all lines
  std::map<std::pair<TaskId, uint64_t>, std::function<void()>> watchers_;
};

}  // namespace treadle
