#include "sim/network.h"

#include <algorithm>
#include <utility>

namespace treadle::sim {
namespace {

constexpr uint64_t kUsualDelayMs = 20;
constexpr uint64_t kLongDelayMs = 15'000;

}  // namespace

int64_t Network::ArrivesAfter(Care care, int64_t* newest) {
  auto delay = static_cast<int64_t>(scheduler_->random.Below(kUsualDelayMs));
  if (care == Care::kAny && faults_->Happens(Fault::kDelayed))
    delay += static_cast<int64_t>(scheduler_->random.Below(kLongDelayMs));
  int64_t arrival = scheduler_->MonotonicMs() + delay;
  if (care == Care::kInOrder) {
    arrival = newest_in_order_ms_ = std::max(newest_in_order_ms_, arrival);
    return arrival - scheduler_->MonotonicMs();
  }
  if (arrival < *newest) faults_->Count(Fault::kReordered);
  *newest = std::max(*newest, arrival);
  return delay;
}

void Network::Tell(uint64_t message, const std::string& what) {
  scheduler_->Tell([&] { return '#' + std::to_string(message) + ' ' + what; });
}

int Network::Send(const std::string& note, std::function<void(Node*)> call, Care care) {
  const uint64_t message = ++messages_;
  Tell(message, note);
  if (faults_->Happens(Fault::kRequestLost)) return scheduler_->Fold("request lost"), 0;
  const auto arrive = [this, message, call = std::move(call)] {
    Node* const node = server_->node();
    if (node == nullptr || !server_->border()->is_open()) return Tell(message, "finds no server");
    ++commands_;
    Tell(message, "comes in");
    call(node);
  };
  const int copies = care == Care::kAny && faults_->Happens(Fault::kDoubled) ? 2 : 1;
  for (int i = 0; i < copies; ++i)
    executor_->PostAfter(ArrivesAfter(care, &newest_request_ms_), arrive);
  return copies;
}

bool Network::Deliver(const std::string& note, std::function<void()> receive, Care care) {
  const uint64_t message = ++messages_;
  Tell(message, note);
  if (faults_->Happens(Fault::kReplyLost)) return scheduler_->Fold("answer lost"), false;
  executor_->PostAfter(ArrivesAfter(care, &newest_answer_ms_), [this, message, receive] {
    Tell(message, "is heard");
    receive();
  });
  return true;
}

}  // namespace treadle::sim
