#include "http/authority.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "http/message.h"

namespace treadle::http {
namespace {

constexpr size_t kHostBytesMax = 255;

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

bool IsIpv6(std::string_view text) {
  in6_addr address{};
  return text.size() <= kHostBytesMax &&
         inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

// ":80", ":" (no port, says RFC 3986) or nothing.
std::optional<uint16_t> ParsePort(std::string_view text) {
  if (text.empty() || text == ":") return uint16_t{0};
  if (text.front() != ':') return std::nullopt;
  text.remove_prefix(1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

std::optional<Authority> ParseAuthority(std::string_view text) {
  Authority authority;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    authority.host = text.substr(1, end - 1);
    if (!IsIpv6(authority.host)) return std::nullopt;
    text.remove_prefix(end + 1);
  } else {
    authority.host = text.substr(0, text.find(':'));
    if (authority.host.empty() || authority.host.size() > kHostBytesMax ||
        !std::ranges::all_of(authority.host, IsNameByte))
      return std::nullopt;
    text.remove_prefix(authority.host.size());
  }
  const auto port = ParsePort(text);
  if (!port) return std::nullopt;
  authority.port = *port;
  return authority;
}

std::optional<Origin> ParseOrigin(std::string_view text) {
  struct Scheme {
    std::string_view prefix;
    uint16_t port;
  };
  for (const Scheme& scheme : {Scheme{"http://", 80}, Scheme{"https://", 443}}) {
    if (!EqualsIgnoringCase(text.substr(0, scheme.prefix.size()), scheme.prefix)) continue;
    auto authority = ParseAuthority(text.substr(scheme.prefix.size()));
    if (!authority) return std::nullopt;
    if (authority->port == 0) authority->port = scheme.port;
    return Origin{*authority, scheme.port};
  }
  return std::nullopt;
}

bool IsIpAddress(std::string_view host) {
  in_addr address{};
  return IsIpv6(host) || (host.size() <= kHostBytesMax &&
                          inet_pton(AF_INET, std::string(host).c_str(), &address) == 1);
}

}  // namespace treadle::http
