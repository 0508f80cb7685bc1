// Channel: a connection to a server, with TLS if the server has it.
//
// Waits, errors and threads as of Socket.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <system_error>

#include "base/status.h"
#include "client/server_address.h"
#include "client/socket.h"
#include "client/tls_context.h"
#include "client/tls_stream.h"

namespace treadle {

class Channel {
 public:
  using TimePoint = Socket::TimePoint;

  /// Connects to the first of `addresses` that answers.
  std::error_code Connect(const addrinfo* addresses, TimePoint deadline) {
    Close();
    return socket_.Connect(addresses, deadline);
  }
  /// From here on with TLS: see TlsStream::Handshake(). Closes the connection if that fails.
  Status Secure(const TlsContext& context, const ServerAddress& server, TimePoint deadline);

  std::error_code Send(std::span<iovec> parts, TimePoint deadline) {
    return tls_ ? tls_->Send(parts, deadline) : socket_.Send(parts, deadline);
  }
  std::error_code Receive(std::span<char> space, bool is_likely_there, TimePoint deadline,
                          size_t* received) {
    return tls_ ? tls_->Receive(space, is_likely_there, deadline, received)
                : socket_.Receive(space, is_likely_there, deadline, received);
  }
  bool HasNews() { return tls_ ? tls_->HasNews() : socket_.HasNews(); }

  bool is_open() const { return socket_.is_open(); }
  void Close() {
    tls_.reset();
    socket_.Close();
  }
  void Cancel() { socket_.Cancel(); }
  bool is_cancelled() const { return socket_.is_cancelled(); }

 private:
  Socket socket_;
  std::unique_ptr<TlsStream> tls_;  // null: plain
};

}  // namespace treadle
