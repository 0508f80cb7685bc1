// Deployer: registers and removes contracts of a task type and changes its retry policy while
// everything else runs. It sends one request at a time and repeats it until it gets an answer.
#pragma once

#include <cstdint>
#include <string>

#include "sim/producer.h"

namespace treadle::sim {

class Deployer {
 public:
  explicit Deployer(const Stage& stage) : stage_(stage) {}

  void Start() { Later(); }
  /// Makes no more changes after the current one.
  void MakePeace() { peace_ = true; }
  bool done() const { return peace_ && !is_waiting_; }

 private:
  struct Change {
    uint32_t version = 0;  // of a contract; 0: change the retry policy instead
    bool removes = false;
    uint16_t max_attempts = 0;
  };

  static std::string TextOf(const Change& change);
  void Later();
  void Act();
  void Send(const Change& change);
  void OnReply(const Change& change, const Status& status);

  Stage stage_;
  uint64_t round_ = 0;  // of requests; answers to older ones are ignored
  bool peace_ = false;
  bool is_waiting_ = false;
};

}  // namespace treadle::sim
