// ParkedExchanges: workers' exchanges that wait until there is something to report. Found by their
// ticket, their worker, and the lanes that they wait for. Memory only; on the shard's executor.
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

#include "shard/exchange.h"

namespace treadle {

/// One exchange on its way through the shard.
struct ExchangeJob {
  /// Each is entered again after the store was asked, or another batch has begun; the last one also
  /// when there is news for a parked exchange.
  enum class Step : uint8_t { kReport, kRenew, kLease };

  uint64_t ticket = 0;
  ExchangeRequest request;
  std::function<void(Result<ExchangeReply>)> done;
  ExchangeReply reply;
  Step step = Step::kReport;
  std::vector<size_t> unreported;   // places of the reports that are not applied yet
  std::optional<int64_t> until_ms;  // its wait ends, however often it is parked
};

class ParkedExchanges {
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
  size_t size() const { return parked_.size(); }
  /// Exchanges that wait for this queue and type.
  size_t WaitingFor(std::string_view queue, std::string_view type) const;
  /// Whether a parked exchange of this worker waits for it.
  bool Waits(const LeaseHolder& holder, const std::string& queue, const std::string& type) const;

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
};

}  // namespace treadle
