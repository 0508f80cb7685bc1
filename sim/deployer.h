// Deployer: someone who registers contracts of a task type, takes them back, and changes its retry
// policy, while all else goes on. One request at a time, asked again until it is answered.
#pragma once

#include <cstdint>
#include <string>

#include "sim/producer.h"

namespace treadle::sim {

class Deployer {
 public:
  explicit Deployer(const Stage& stage) : stage_(stage) {}

  void Start() { Later(); }
  /// No more changes than the one that is under way.
  void MakePeace() { peace_ = true; }
  bool done() const { return peace_ && !is_waiting_; }

 private:
  struct Change {
    uint32_t version = 0;  // of a contract; 0: the retry policy is meant
    bool removes = false;
    uint16_t max_attempts = 0;
  };

  static std::string TextOf(const Change& change);
  void Later();
  void Act();
  void Send(const Change& change);
  void OnReply(const Change& change, const Status& status);

  Stage stage_;
  uint64_t round_ = 0;  // of requests; an answer to an older one is not listened to
  bool peace_ = false;
  bool is_waiting_ = false;
};

}  // namespace treadle::sim
