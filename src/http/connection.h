// Connection: one client, from accept to close. Inside http/ only.
//
//   receiving -> handling -> writing -> receiving ...
//       |            |          `-> lingering -> closed, without keep-alive
//       |            `-> closed, when the peer goes away: OnDisconnect
//       `-> writing, when the request is refused
//
// While a handler has the request the connection reads on, into a bounded buffer, only to notice
// that the peer has gone; what it finds there is the next request. "Lingering" reads and drops what
// the peer still sends, for a short while, because closing a socket with unread bytes makes the
// system throw away the answer as well.
//
// Everything runs on the loop's thread but ResponderSink's methods. Alive as long as the loop knows
// it, a Responder holds it, or an operation is in progress.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <limits>
#include <memory>
#include <string>

#include "http/loop.h"
#include "http/read_buffer.h"
#include "http/request_parser.h"
#include "http/responder.h"

namespace treadle::http {

class Connection final : public ResponderSink, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Loop> loop, boost::asio::ip::tcp::socket socket);

  void Start();
  /// Answers 503 to whatever comes, and closes.
  void StartOverLimit();
  /// Closes now if no request is in hand, otherwise after its answer.
  void FinishUp();
  void Close();

  int64_t deadline_ms() const { return deadline_ms_; }
  void OnDeadline();

  void Deliver(uint64_t serial, Response response, Done done) override;
  void WatchDisconnect(uint64_t serial, std::function<void()> gone) override;
  void Run(std::function<void()> work) override { loop_->Execute(std::move(work)); }

 private:
  enum class State { kReceiving, kHandling, kWriting, kLingering, kClosed };
  using Error = boost::system::error_code;
  static constexpr int64_t kNoDeadline = std::numeric_limits<int64_t>::max();

  void Read();
  void OnRead(const Error& error, size_t size);
  void ExpectRequest();
  void StartRequestClock();
  void Parse();
  bool Admit();
  void Continue();
  void Handle();
  void Answer(uint64_t serial, Response response, Done done);
  void Refuse(Response response);
  void Write(Response response);
  bool HoldRequest();
  bool HoldAnswer(const Response& response);
  void OnWritten(const Error& error, size_t size);
  void Linger();
  void SetDeadlineIn(int64_t ms) { deadline_ms_ = loop_->NowMs() + ms; }

  const std::shared_ptr<Loop> loop_;
  boost::asio::ip::tcp::socket socket_;
  ReadBuffer received_;
  RequestParser parser_;
  State state_ = State::kReceiving;
  int64_t deadline_ms_ = kNoDeadline;

  bool reading_ = false;          // a read is in progress
  bool continuing_ = false;       // "100 Continue" is being written
  bool request_started_ = false;  // receiving: its first byte is here
  bool peer_is_loopback_ = false;
  bool peer_ended_ = false;  // while writing: the peer sends no more
  bool keep_alive_ = false;  // after the answer in hand
  bool is_head_ = false;     // of the request in hand
  bool is_read_ = false;     // the same: it changes nothing

  uint64_t serial_ = 0;  // of the request in hand
  bool answered_ = false;
  std::function<void()> gone_;
  Done done_;
  std::string head_;
  Response response_;
  MemoryBudget::Share body_;  // of the request, then of the answer
};

}  // namespace treadle::http
