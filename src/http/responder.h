// Responder: the right and the duty to answer one request.
//
// A handler gets it with the request, may keep it as long as it likes (a long poll) and may answer
// from any thread. Move-only; one thread at a time. One that is destroyed unsent answers 500, so
// that no client waits for ever.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "http/message.h"

namespace treadle::http {

/// Where answers go: a connection of the server, or a test's double. Any thread.
class ResponderSink {
 public:
  /// `written` is whether the operating system accepted the whole response.
  using Done = std::function<void(bool written)>;

  virtual ~ResponderSink() = default;
  /// The answer to request number `serial`; `done` may be empty and is called exactly once
  /// otherwise.
  virtual void Deliver(uint64_t serial, Response response, Done done) = 0;
  virtual void WatchDisconnect(uint64_t serial, std::function<void()> gone) = 0;
  virtual void Run(std::function<void()> work) = 0;
};

class Responder {
 public:
  using Done = ResponderSink::Done;

  /// Shares `sink`, which numbers its requests as it likes.
  Responder(std::shared_ptr<ResponderSink> sink, uint64_t serial);
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) noexcept;
  ~Responder();

  /// Answers; the Responder is spent by it, and a second call aborts. `done` is called exactly
  /// once: true when the operating system took the whole answer (which does not mean that the peer
  /// has read it), false when the connection was gone or writing failed. It runs on a thread of the
  /// server, or on the calling one when the server has ended.
  void Send(Response response, Done done = nullptr);

  /// `gone` is called at most once, when the connection ends before Send(): the peer closed it, or
  /// the server stops. A peer that closes only its sending half counts as gone. The duty to Send()
  /// stays, with `done(false)` to come. Same threads as `done`, so it may run while another thread
  /// is about to Send(). A peer that pipelines more than 64 KiB behind a waiting request is not
  /// watched.
  void OnDisconnect(std::function<void()> gone);

  /// Runs `work` on the server's thread of this connection, for callbacks that come on a thread
  /// that must not be kept; on the calling one when the server has ended.
  void Run(std::function<void()> work);

 private:
  void SendUnanswered();

  std::shared_ptr<ResponderSink> sink_;  // empty once spent
  uint64_t serial_;
};

}  // namespace treadle::http
