// Where a server is: the parts of "http://HOST:PORT". Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace treadle {

struct ServerAddress {
  std::string host;  // a name or a numeric address, IPv6 without brackets
  uint16_t port = 7373;

  /// "host:port", IPv6 in brackets: the Host header.
  std::string Authority() const;
  std::string Url() const { return "http://" + Authority(); }

  /// Reads "http://HOST[:PORT]", "HOST[:PORT]" or "[IPV6]:PORT". INVALID_ARGUMENT names what is
  /// wrong.
  static Result<ServerAddress> Parse(std::string_view text);
};

}  // namespace treadle
