// ServerConnection: one connection to a Treadle server, kept alive and made again when it breaks.
//
// Calls block. One thread at a time per ServerConnection, except Cancel(), which any thread may
// call; make one ServerConnection per thread. No Boost type shows here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace treadle {

class TlsContext;

struct ConnectionOptions {
  /// http://HOST:PORT or https://HOST:PORT; a missing scheme means http. Several, with commas
  /// between, are tried in this order when a connection has to be made, beginning with the last one
  /// that worked.
  std::string server = "http://127.0.0.1:7373";
  std::string token;                   // sent as a bearer token; empty: none
  int64_t connect_timeout_ms = 5'000;  // with the handshake of TLS
  std::string ca_file;  // PEM: whom to trust in place of the system's store; empty: that store
  /// What ca_file holds, for connections that share it (ShareTls()). Null: each reads it.
  std::shared_ptr<const TlsContext> tls;
};

/// Reads whom to trust, once for all connections with these options, if a server has https.
/// INVALID_ARGUMENT: an address or the CA file cannot be read.
Status ShareTls(ConnectionOptions* options);

struct ServerAnswer {
  int http_status = 0;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
};

/// Whether a request may reach the server twice. kSafe: a kept-alive connection that breaks before
/// any byte of an answer is made again once, and the request sent again. kOnce: never.
enum class Repeat { kSafe, kOnce };

enum class Delivery {
  kNotSent,   // no server has it
  kAnswered,  // a server answered, with a refusal perhaps
  kUnknown,   // it was sent, and no answer came
};

class ServerConnection {
 public:
  /// INVALID_ARGUMENT if the server's address or the CA file cannot be read. Does not connect yet.
  static Result<std::unique_ptr<ServerConnection>> Make(ConnectionOptions options);
  ~ServerConnection();

  /// Sends one request and waits for its answer, at most `timeout_ms`. `body` empty: none; else it
  /// is sent as JSON. An answer of 400 and above comes back as a Status with the problem's code,
  /// detail and retry_after_ms; one of 300 to 399, which Treadle never gives, is INTERNAL.
  /// UNAVAILABLE: no connection ("cannot reach a Treadle server at
  /// http://…: Connection refused"); INTERNAL: the server does not speak TLS and should, or the
  /// other way round, or its certificate cannot be trusted; DEADLINE_EXCEEDED: no answer in time;
  /// CANCELLED: Cancel() was called.
  Result<ServerAnswer> Call(std::string_view method, std::string_view target, std::string_view body,
                            int64_t timeout_ms, Repeat repeat = Repeat::kSafe);

  /// What became of the last call's request.
  Delivery delivery() const;

  /// Of the server of the last call, or of the next: "http://HOST:PORT" or "https://HOST:PORT".
  std::string url() const;

  /// Ends the current call, if any, and makes all later ones fail with CANCELLED.
  void Cancel();

 private:
  class Impl;
  explicit ServerConnection(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace treadle
