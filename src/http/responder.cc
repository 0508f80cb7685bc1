#include "http/responder.h"

#include <utility>

#include "base/check.h"
#include "http/problem.h"

namespace treadle::http {

Responder::Responder(std::shared_ptr<ResponderSink> sink, uint64_t serial)
    : sink_(std::move(sink)), serial_(serial) {
  TREADLE_CHECK(sink_ != nullptr);
}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this == &other) return *this;
  SendUnanswered();
  sink_ = std::move(other.sink_);
  serial_ = other.serial_;
  return *this;
}

Responder::~Responder() { SendUnanswered(); }

void Responder::Send(Response response, Done done) {
  TREADLE_CHECK(sink_ != nullptr);
  const auto sink = std::move(sink_);
  sink->Deliver(serial_, std::move(response), std::move(done));
}

void Responder::OnDisconnect(std::function<void()> gone) {
  TREADLE_CHECK(sink_ != nullptr);
  sink_->WatchDisconnect(serial_, std::move(gone));
}

void Responder::Run(std::function<void()> work) {
  TREADLE_CHECK(sink_ != nullptr);
  sink_->Run(std::move(work));
}

void Responder::SendUnanswered() {
  if (sink_ == nullptr) return;
  Send(ProblemResponse(
      Status(Code::kInternal, "the server dropped this request without a response")));
}

}  // namespace treadle::http
