// Where a server is: the parts of "https://HOST:PORT". Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace treadle {

struct ServerAddress {
  std::string host;  // a name or a numeric address, IPv6 without brackets
  uint16_t port = 7373;
  bool is_tls = false;  // https

  /// "host:port", IPv6 in brackets: the Host header.
  std::string Authority() const;
  std::string Url() const { return (is_tls ? "https://" : "http://") + Authority(); }

  /// Reads "http://HOST[:PORT]", "https://HOST[:PORT]", "HOST[:PORT]" or "[IPV6]:PORT". Without a
  /// port it is 7373, or 443 with https. INVALID_ARGUMENT names what is wrong.
  static Result<ServerAddress> Parse(std::string_view text);
};

}  // namespace treadle
