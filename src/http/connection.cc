#include "http/connection.h"

#include <array>
#include <boost/asio/write.hpp>
#include <utility>

#include "http/problem.h"
#include "http/response_head.h"
#include "http/router.h"

namespace treadle::http {
namespace {

namespace asio = boost::asio;

constexpr size_t kRestBytes = 4 * 1024;      // read at once between requests, and during one
constexpr size_t kReadBytes = 32 * 1024;     // read at once while a request arrives
constexpr size_t kReadAheadMax = 64 * 1024;  // kept while a handler has a request
constexpr int64_t kLingerMs = 2'000;
constexpr int64_t kRetryMemoryMs = 1'000;
constexpr int64_t kRetryStartMs = 1'000;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

Response OutOfMemory(const char* what) {
  return ProblemResponse(
      Status(Code::kUnavailable,
             std::string("other requests and responses use all the memory for bodies; ") + what)
          .WithRetryAfter(kRetryMemoryMs));
}

}  // namespace

Connection::Connection(std::shared_ptr<Loop> loop, asio::ip::tcp::socket socket)
    : loop_(std::move(loop)),
      socket_(std::move(socket)),
      parser_({.header_bytes_max = loop_->core().options.header_bytes_max,
               .body_bytes_max = loop_->core().options.body_bytes_max}),
      body_(loop_->bodies()) {}

void Connection::Start() {
  Error error;
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  auto peer = socket_.remote_endpoint(error).address();
  if (peer.is_v6() && peer.to_v6().is_v4_mapped()) {
    peer = asio::ip::make_address_v4(asio::ip::v4_mapped, peer.to_v6());
  }
  peer_is_loopback_ = !error && peer.is_loopback();
  ExpectRequest();
}

void Connection::StartOverLimit() {
  Refuse(ProblemResponse(Status(Code::kUnavailable, "the server has too many open connections")
                             .WithRetryAfter(1'000)));
}

void Connection::FinishUp() {
  const bool idle = state_ == State::kReceiving && !request_started_;
  if (idle || state_ == State::kLingering) Close();
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  state_ = State::kClosed;
  Error ignored;
  socket_.close(ignored);
  loop_->Forget(self);
  if (const auto gone = std::exchange(gone_, nullptr)) gone();
}

void Connection::OnDeadline() {
  if (state_ == State::kReceiving && request_started_ && !continuing_) {
    return Refuse(ProblemResponse(
        408, Status(Code::kDeadlineExceeded, "the whole request did not arrive in time")));
  }
  Close();
}

void Connection::Read() {
  if (reading_) return;
  reading_ = true;
  const bool arriving =
      state_ != State::kHandling && (state_ != State::kReceiving || request_started_);
  const size_t size_max = received_.Space(arriving ? kReadBytes : kRestBytes);
  const auto space = asio::buffer(received_.SpaceBegin(), size_max);
  socket_.async_read_some(space, [self = shared_from_this()](const Error& error, size_t size) {
    self->OnRead(error, size);
  });
}

void Connection::OnRead(const Error& error, size_t size) {
  reading_ = false;
  if (state_ == State::kClosed) return;
  if (error && state_ == State::kWriting) {
    peer_ended_ = true;
    return;
  }
  if (error) return Close();
  LoopCounters::Add(&loop_->counters().bytes_in, size);
  received_.Commit(size);
  switch (state_) {
    case State::kReceiving:
      StartRequestClock();
      if (!continuing_) Parse();
      return;
    case State::kHandling:
      if (received_.size() < kReadAheadMax) Read();
      return;
    case State::kLingering:
      received_.Consume(received_.size());
      return Read();
    case State::kWriting:
    case State::kClosed:
      return;
  }
}

void Connection::ExpectRequest() {
  state_ = State::kReceiving;
  request_started_ = false;
  is_head_ = false;
  if (received_.size() > 0) {
    StartRequestClock();
    return Parse();
  }
  if (!reading_) received_.Shrink(kRestBytes);
  SetDeadlineIn(loop_->core().options.idle_timeout_ms);
  Read();
}

void Connection::StartRequestClock() {
  if (request_started_) return;
  request_started_ = true;
  SetDeadlineIn(loop_->core().options.read_timeout_ms);
}

void Connection::Parse() {
  while (true) {
    size_t consumed = 0;
    const auto progress = parser_.Feed(received_.view(), &consumed);
    received_.Consume(consumed);
    if (!HoldRequest()) return Refuse(OutOfMemory("this request was not accepted"));
    switch (progress) {
      case RequestParser::Progress::kNeedMore:
        return Read();
      case RequestParser::Progress::kHeader:
        if (!Admit()) return;
        break;
      case RequestParser::Progress::kComplete:
        return Handle();
      case RequestParser::Progress::kRefused:
        return Refuse(parser_.refusal());
    }
  }
}

bool Connection::HoldRequest() {
  if (body_.Resize(parser_.request().body.capacity())) return true;
  LoopCounters::Add(&loop_->counters().bodies_refused, 1);
  return false;
}

// An answer that cannot be had again is held whatever it costs: what was asked for is done, and its
// client must learn of it.
bool Connection::HoldAnswer(const Response& response) {
  const size_t size = response.body.size();
  if (!response.can_be_had_again && !is_read_) {
    body_.ResizeAnyway(size);
    return true;
  }
  if (body_.Resize(size)) return true;
  LoopCounters::Add(&loop_->counters().bodies_refused, 1);
  body_.Resize(0);
  return false;
}

// False if the request goes no further for now: it was refused, or its body is asked for.
bool Connection::Admit() {
  Request& request = parser_.request();
  request.peer_is_loopback = peer_is_loopback_;
  keep_alive_ = parser_.keep_alive();
  is_head_ = request.method == Method::kHead;
  is_read_ = is_head_ || request.method == Method::kGet;
  if (const GuardFn& guard = loop_->core().guard) {
    if (auto refusal = guard(request)) {
      keep_alive_ = keep_alive_ && !parser_.has_body();
      Write(*std::move(refusal));
      return false;
    }
  }
  if (!parser_.has_body() || !parser_.expects_continue() || received_.size() > 0) return true;
  Continue();
  return false;
}

void Connection::Continue() {
  continuing_ = true;
  asio::async_write(socket_, asio::buffer(kContinue),
                    [self = shared_from_this()](const Error& error, size_t size) {
                      self->continuing_ = false;
                      LoopCounters::Add(&self->loop_->counters().bytes_out, size);
                      if (self->state_ == State::kClosed) return;
                      error ? self->Close() : self->Parse();
                    });
}

void Connection::Handle() {
  const auto self = shared_from_this();
  state_ = State::kHandling;
  deadline_ms_ = kNoDeadline;
  answered_ = false;
  ++serial_;
  if (!reading_ && received_.size() == 0) received_.Shrink(kRestBytes);
  if (const Router* const router = loop_->core().router.load(std::memory_order_acquire)) {
    router->Dispatch(std::move(parser_.request()), Responder(self, serial_));
  } else {
    Responder(self, serial_)
        .Send(ProblemResponse(
            Status(Code::kUnavailable, "the server is starting").WithRetryAfter(kRetryStartMs)));
  }
  if (state_ == State::kHandling && received_.size() < kReadAheadMax) Read();
}

void Connection::Deliver(uint64_t serial, Response response, Done done) {
  loop_->Execute([self = shared_from_this(), serial, response = std::move(response),
                  done = std::move(done)]() mutable {
    self->Answer(serial, std::move(response), std::move(done));
  });
}

void Connection::WatchDisconnect(uint64_t serial, std::function<void()> gone) {
  loop_->Execute([self = shared_from_this(), serial, gone = std::move(gone)]() mutable {
    if (serial != self->serial_ || self->answered_) return;
    if (self->state_ == State::kClosed) return gone();
    self->gone_ = std::move(gone);
  });
}

void Connection::Answer(uint64_t serial, Response response, Done done) {
  if (state_ != State::kHandling || serial != serial_) {
    if (state_ == State::kClosed) body_.Resize(0);
    if (done) done(false);
    return;
  }
  answered_ = true;
  gone_ = nullptr;
  if (!HoldAnswer(response)) {
    if (done) done(false);
    return Write(OutOfMemory("repeat this request"));
  }
  done_ = std::move(done);
  Write(std::move(response));
}

void Connection::Refuse(Response response) {
  keep_alive_ = false;
  parser_.request().body = std::string();
  body_.Resize(0);
  Write(std::move(response));
}

void Connection::Write(Response response) {
  TREADLE_CHECK(response.status >= 200 && response.status <= 599);
  state_ = State::kWriting;
  SetDeadlineIn(loop_->core().options.write_timeout_ms);
  LoopCounters::Add(&loop_->counters().answers[static_cast<size_t>(response.status / 100)], 1);
  keep_alive_ = keep_alive_ && !loop_->stopping();
  response_ = std::move(response);
  FormatResponseHead(
      response_,
      {.keep_alive = keep_alive_, .is_http_1_0 = parser_.is_http_1_0(), .date = loop_->Date()},
      &head_);
  const bool bodiless = is_head_ || response_.status == 204 || response_.status == 304;
  const std::array<asio::const_buffer, 2> parts = {
      asio::buffer(head_), bodiless ? asio::const_buffer() : asio::buffer(response_.body)};
  asio::async_write(socket_, parts, [self = shared_from_this()](const Error& error, size_t size) {
    self->OnWritten(error, size);
  });
}

void Connection::OnWritten(const Error& error, size_t size) {
  LoopCounters::Add(&loop_->counters().bytes_out, size);
  response_ = Response();
  body_.Resize(0);
  if (const Done done = std::exchange(done_, nullptr)) done(!error);
  if (state_ == State::kClosed) return;
  if (error || peer_ended_) return Close();
  if (loop_->stopping() && received_.size() == 0) return Close();
  if (!keep_alive_ || loop_->stopping()) return Linger();
  parser_.Reset();
  ExpectRequest();
}

void Connection::Linger() {
  Error ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  state_ = State::kLingering;
  SetDeadlineIn(kLingerMs);
  received_.Consume(received_.size());
  Read();
}

}  // namespace treadle::http
