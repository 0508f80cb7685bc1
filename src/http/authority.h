// Who a request is addressed to, and which page sent it: `host:port` of the Host header, and the
// Origin header of browsers. Strict, because what is allowed in depends on them. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace treadle::http {

/// Borrows from the text that it was read from.
struct Authority {
  std::string_view host;  // "localhost", "127.0.0.1", "::1" (without brackets)
  uint16_t port = 0;      // 0: none was given
};

/// "localhost:7373", "queue.example", "[::1]:80". Nothing for text with anything else in it: a
/// user's name, a second colon, bytes behind the bracket of an IPv6 address, a port above 65535.
std::optional<Authority> ParseAuthority(std::string_view text);

struct Origin {
  Authority authority;  // with a port: the scheme's own if none was given
  uint16_t default_port = 0;
};

/// "http://localhost:7373" or "https://queue.example". Nothing for "null", for other schemes, and
/// for text with a path.
std::optional<Origin> ParseOrigin(std::string_view text);

/// Whether `host` is an IPv4 or IPv6 address, without brackets.
bool IsIpAddress(std::string_view host);

}  // namespace treadle::http
