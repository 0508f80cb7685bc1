// Renew: leases are extended. Memory only: a renewal promises nothing across a crash, where every
// lease starts over.

#include "engine/engine.h"

namespace treadle {

std::vector<Token> Engine::Renew(const std::vector<Token>& tokens) {
  std::vector<Token> lost;
  for (const Token& token : tokens) {
    const TaskSlot* task = state_.Find(token.task);
    if (task == nullptr || task->state != TaskState::kRunning || task->token() != token) {
      lost.push_back(token);
      continue;
    }
    state_.RenewLease(token.task);
  }
  return lost;
}

}  // namespace treadle
