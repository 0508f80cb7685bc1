// Network: between the clients and the server. It delays, loses, duplicates and reorders messages.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sim/faults.h"
#include "sim/scheduler.h"
#include "sim/simulated_server.h"

namespace treadle::sim {

class Network {
 public:
  Network(Scheduler* scheduler, SimulatedServer* server, Faults* faults, SimExecutor* executor)
      : scheduler_(scheduler), server_(server), faults_(faults), executor_(executor) {}

  /// How a message may be treated. With kInOrder it is never late or duplicated: it arrives before
  /// the next one of the same sender, or not at all.
  enum class Care { kAny, kInOrder };

  /// Runs `call(node)` after a delay if the server is up by then, unless the message is lost.
  /// Returns the number of copies sent. `note`, from Scheduler::Note(), says who requests what.
  int Send(const std::string& note, std::function<void(Node*)> call, Care care = Care::kAny);
  /// Runs `receive` after a delay. False: the message was lost. `note` says who gets which answer.
  bool Deliver(const std::string& note, std::function<void()> receive, Care care = Care::kAny);

  /// Of the server; null while it is down.
  Node* node() { return server_->node(); }
  Border* border() { return server_->border(); }
  /// Calls that reached a server.
  uint64_t commands() const { return commands_; }

 private:
  int64_t ArrivesAfter(Care care, int64_t* newest);
  void Tell(uint64_t message, const std::string& what);

  Scheduler* scheduler_;
  SimulatedServer* server_;
  Faults* faults_;
  SimExecutor* executor_;
  int64_t newest_request_ms_ = 0;  // when the newest message arrives
  int64_t newest_answer_ms_ = 0;
  int64_t newest_in_order_ms_ = 0;
  uint64_t commands_ = 0;
  uint64_t messages_ = 0;
};

}  // namespace treadle::sim
