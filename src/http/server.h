// Server: HTTP/1.1 on one port.
//
// Threads: `threads` loops, each one thread with its own event queue. A connection belongs to one
// loop for life, so nothing in it is locked; answers that come from other threads are posted to its
// loop. Handlers run on the loops and must not block. Requests of one connection are handled
// strictly in order: the next one, even if it was already received (pipelining), is looked at when
// the answer before it was handed to the operating system.
//
// Bounds: a connection that rests, or waits for its answer, holds 4 KiB of buffer; one whose
// request arrives, at most about 100 KiB and the body as far as it arrived. The bodies of all
// requests that arrive or are not answered yet, and of all answers that are not written yet, have a
// bound together. Beyond it requests are refused, and so are answers that can be had again; the
// client is to come again a second later. The listener survives running out of descriptors: it
// tries again every 50 ms.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "config/http_options.h"
#include "http/message.h"
#include "http/router.h"

namespace treadle::http {

/// Looks at a request whose body has not been read yet; the answer if it is to be refused, nothing
/// if it may pass. Called by all loops at once.
using GuardFn = std::function<std::optional<Response>(const Request&)>;

/// What the server has counted since its start.
struct ServerStats {
  uint64_t connections_open = 0;  // now
  uint64_t connections_accepted = 0;
  uint64_t connections_refused = 0;  // for connections_max
  uint64_t bodies_refused = 0;       // requests and answers, for bodies_bytes_max
  uint64_t bodies_bytes = 0;         // that count for it now
  uint64_t accept_failures = 0;      // out of descriptors or memory
  std::array<uint64_t, 6>
      answers{};  // by class of status: answers[2] are the 2xx; [0] and [1] stay 0
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
};

class Server {
 public:
  /// Listens and serves until Stop(). `guard` may be empty. FAILED_PRECONDITION when the address is
  /// in use, PERMISSION_DENIED for a port that needs privileges, INVALID_ARGUMENT for a host that
  /// is not an address of this machine.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options,
                                               std::shared_ptr<const Router> router, GuardFn guard);
  /// As Start(), before there is a router: a server that takes minutes to start can report it.
  /// Until Route(), what passes the guard is answered 503.
  static Result<std::unique_ptr<Server>> Listen(ServerOptions options, GuardFn guard);
  ~Server();  // Stop(0), if that was not called
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Serves requests by `router` from now on. Once, after Listen(); any thread.
  void Route(std::shared_ptr<const Router> router);

  uint16_t port() const;

  /// Calls `done` when every loop has come to it: a loop that a handler holds up never does. Any
  /// thread; `done` runs on a loop.
  void Ping(std::function<void()> done) const;

  /// Any thread, any time.
  ServerStats Stats() const;

  /// Stops accepting, closes what rests between requests, waits up to `grace_ms` for the answers to
  /// requests that have begun, closes the rest, and joins the threads. Responders that are still
  /// held stay valid: their answers go nowhere. Idempotent; any thread but a loop's own.
  void Stop(int64_t grace_ms = 5'000);

 private:
  class Impl;

  explicit Server(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace treadle::http
