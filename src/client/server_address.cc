#include "client/server_address.h"

#include <charconv>

namespace treadle {
namespace {

// A name and password before an @ are not repeated.
Status Unreadable(std::string_view text, std::string_view why) {
  text.remove_prefix(text.rfind('@') + 1);
  return {Code::kInvalidArgument, "cannot read the server address \"" + std::string(text) +
                                      "\": " + std::string(why) +
                                      "; write http://HOST:PORT or https://HOST:PORT"};
}

bool IsHostCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '-' || c == '_';
}

// IPv6 text, perhaps with a zone ("fe80::1%eth0").
bool IsAddressCharacter(char c) { return IsHostCharacter(c) || c == ':' || c == '%'; }

bool All(std::string_view text, bool (*holds)(char)) {
  for (const char c : text) {
    if (!holds(c)) return false;
  }
  return !text.empty();
}

}  // namespace

std::string ServerAddress::Authority() const {
  const std::string port_text = ":" + std::to_string(port);
  if (host.find(':') == std::string::npos) return host + port_text;
  return "[" + host.substr(0, host.find('%')) + "]" + port_text;
}

Result<ServerAddress> ServerAddress::Parse(std::string_view text) {
  std::string_view rest = text;
  ServerAddress address;
  address.is_tls = rest.starts_with("https://");
  if (address.is_tls) address.port = 443;
  if (address.is_tls || rest.starts_with("http://")) rest.remove_prefix(address.is_tls ? 8 : 7);
  if (rest.ends_with('/')) rest.remove_suffix(1);

  const bool bracketed = rest.starts_with('[');
  const size_t end = bracketed ? rest.find(']') : rest.find(':');
  address.host = rest.substr(bracketed ? 1 : 0, end == rest.npos ? end : end - (bracketed ? 1 : 0));
  if (bracketed && end == rest.npos) return Unreadable(text, "its '[' is not closed");
  if (!All(address.host, bracketed ? IsAddressCharacter : IsHostCharacter))
    return Unreadable(text, "the host is missing");
  if (bracketed && address.host.substr(0, address.host.find('%')).find(':') == std::string::npos)
    return Unreadable(text, "the text in brackets is not an IPv6 address");

  rest = end == rest.npos ? "" : rest.substr(bracketed ? end + 1 : end);
  if (rest.empty()) return address;
  if (!rest.starts_with(':')) return Unreadable(text, "the port after ']' is missing");
  rest.remove_prefix(1);
  const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), address.port);
  if (error != std::errc() || stop != rest.data() + rest.size() || address.port == 0)
    return Unreadable(text, "its port is not a number from 1 to 65535");
  return address;
}

}  // namespace treadle
