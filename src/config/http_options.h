// Where an HTTP server listens, and its limits: see http/server.h. Plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace treadle::http {

struct ServerOptions {
  std::string host = "127.0.0.1";  // an address or a name; IPv6 with or without brackets
  uint16_t port = 0;               // 0: any free one, see Server::port()
  int threads = 1;
  size_t header_bytes_max = 16 * 1024;
  size_t body_bytes_max = 16 * 1024 * 1024;
  int64_t idle_timeout_ms = 75'000;   // between requests
  int64_t read_timeout_ms = 30'000;   // from the first byte of a request to its last
  int64_t write_timeout_ms = 30'000;  // of one answer, from its first byte to its last
  size_t connections_max = 10'000;    // those beyond it are answered 503 and closed
  size_t refusals_max = 64;  // that are in progress at once; others are closed without a response
  size_t bodies_bytes_max = 256 * 1024 * 1024;  // of all in-flight requests and responses
};

}  // namespace treadle::http
