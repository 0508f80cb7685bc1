// TlsStream: TLS 1.2 or 1.3 as a client, on a Socket that is connected.
//
// Waits end as those of the Socket do, and with the same errors. Others are those of the operating
// system, or of OpenSSL. One thread at a time. The socket must outlive it.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include "base/status.h"
#include "client/server_address.h"
#include "client/socket.h"
#include "client/tls_context.h"

struct ssl_st;  // of OpenSSL

namespace treadle {

class TlsStream {
 public:
  using TimePoint = Socket::TimePoint;

  /// Agrees with the server on keys, and checks its certificate and the names in it. INTERNAL: the
  /// server would have to be another one, and the message has the remedy. UNAVAILABLE: another try
  /// may work. CANCELLED.
  static Result<std::unique_ptr<TlsStream>> Handshake(Socket* socket, const TlsContext& context,
                                                      const ServerAddress& server,
                                                      TimePoint deadline);
  /// Says goodbye, without waiting, if the connection still works.
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  /// As those of Socket. An end that the server did not announce is an error, so what was cut off
  /// is never taken for the whole.
  std::error_code Send(std::span<iovec> parts, TimePoint deadline);
  std::error_code Receive(std::span<char> space, bool is_likely_there, TimePoint deadline,
                          size_t* received);
  bool HasNews();

 private:
  TlsStream(Socket* socket, const TlsContext& context);
  bool Expect(const ServerAddress& server);
  template <class Operation>
  std::error_code Do(Operation operation, TimePoint deadline);
  Status HandshakeFailure(std::error_code error, const std::string& url) const;

  friend struct TlsVerification;

  Socket* const socket_;
  const std::string ca_file_;
  std::string host_;       // that the certificate must name
  std::string distrust_;   // why the certificate is refused
  ssl_st* const session_;  // owned; null: no memory
  bool is_broken_ = true;  // no more calls of OpenSSL
};

}  // namespace treadle
