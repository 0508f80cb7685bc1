// Tenant: owns one queue. It makes the queue, fills it, tries to delete it while it has tasks,
// opens it, deletes it when it is empty, and makes it again or lets a task do so. It sends one
// request at a time and repeats it until it gets an answer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/producer.h"

namespace treadle::sim {

/// Nobody else enqueues there.
inline constexpr const char* kTenantQueue = "tenant";

class Tenant {
 public:
  explicit Tenant(const Stage& stage) : stage_(stage) {}

  void Start() { Make(); }
  /// Ends once its current queue is deleted.
  void MakePeace() { peace_ = true; }
  bool done() const { return peace_ && is_idle_; }

 private:
  // The steps, in order. Each calls the next.
  void Make();
  void Fill();
  void DeleteTooEarly();
  void Open();
  void Delete();
  void LookThatItIsGone();
  void LetATaskMakeIt();
  void LookAtItsPolicy();

  void Configure(bool paused, void (Tenant::*next)());
  void Enqueue(size_t tasks, void (Tenant::*next)());
  /// Whether at least one task of the queue is untouched, so that the queue must still exist.
  bool IsUntouched() const;

  /// Sends `call`, again if no answer arrives in time or the server is in trouble. Then passes the
  /// answer to `next`.
  using Answer = std::function<void(const Status&)>;
  void Ask(const std::string& what, const std::function<void(Node*, Answer)>& call,
           const Answer& next);
  void Send(const std::string& what, const std::function<void(Node*, Answer)>& call,
            const Answer& next);
  void Later(void (Tenant::*next)());

  Stage stage_;
  uint64_t round_ = 0;  // of requests; answers to older ones are ignored
  bool peace_ = false;
  bool is_idle_ = true;
  bool was_asked_again_ = false;  // an answer may have been lost
  uint64_t keys_ = 0;             // used so far
  std::vector<TaskId> tasks_;     // put into the queue since it was paused
  History::Moment asked_;
};

}  // namespace treadle::sim
