// Tenant: someone with a queue of his own, which he makes, fills, tries to delete while it has
// tasks, opens, deletes when it is empty, and makes again, or lets a task make it again. One
// request at a time, asked again until it is answered.
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
  /// He ends when the queue that he has is deleted.
  void MakePeace() { peace_ = true; }
  bool done() const { return peace_ && is_idle_; }

 private:
  // What he does, one after the other; each calls the next.
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
  /// Whether the queue may be gone although nobody has deleted it in time.
  bool IsUntouched() const;

  /// `call` is sent, again if there is no answer in time or the server is in trouble; then `next`
  /// has the answer.
  using Answer = std::function<void(const Status&)>;
  void Ask(const std::string& what, const std::function<void(Node*, Answer)>& call,
           const Answer& next);
  void Send(const std::string& what, const std::function<void(Node*, Answer)>& call,
            const Answer& next);
  void Later(void (Tenant::*next)());

  Stage stage_;
  uint64_t round_ = 0;  // of requests; an answer to an older one is not listened to
  bool peace_ = false;
  bool is_idle_ = true;
  bool was_asked_again_ = false;  // an answer may have been lost
  uint64_t keys_ = 0;             // that he has used
  std::vector<TaskId> tasks_;     // that he put into the queue since it is paused
  History::Moment asked_;
};

}  // namespace treadle::sim
