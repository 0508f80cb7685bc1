#include "http/guard.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/hash.h"
#include "http/problem.h"

namespace treadle::http {
namespace {

// "[::1]:80" is "::1", "localhost:80" and "localhost" are "localhost".
std::string_view WithoutPort(std::string_view authority) {
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    return end == std::string_view::npos ? authority : authority.substr(1, end - 1);
  }
  const size_t colon = authority.find(':');
  const bool is_bare_ipv6 = colon != authority.rfind(':');
  return is_bare_ipv6 ? authority : authority.substr(0, colon);
}

// "http://localhost:80" is "localhost"; empty for "null" and for what is no origin of the web.
std::string_view HostOfOrigin(std::string_view origin) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.size() > scheme.size() &&
        EqualsIgnoringCase(origin.substr(0, scheme.size()), scheme)) {
      return WithoutPort(origin.substr(scheme.size()));
    }
  }
  return {};
}

bool IsWildcard(std::string_view host) {
  return host.empty() || host == "0.0.0.0" || host == "::" || host == "*";
}

Response Refusal(std::string message) {
  return ProblemResponse(Status(Code::kPermissionDenied, std::move(message)));
}

}  // namespace

bool IsLoopbackHost(std::string_view host) {
  const std::string name(WithoutPort(host));
  if (EqualsIgnoringCase(name, "localhost")) return true;
  in_addr v4{};
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, name.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Guard::Guard(GuardOptions options) : token_(std::move(options.token)) {
  const bool is_loopback = IsLoopbackHost(options.listen_host);
  if (!is_loopback && options.allowed_hosts.empty()) return;
  if (is_loopback) hosts_ = {"localhost", "127.0.0.1", "::1"};
  if (!IsWildcard(options.listen_host)) hosts_.emplace_back(WithoutPort(options.listen_host));
  for (const std::string& host : options.allowed_hosts) hosts_.emplace_back(WithoutPort(host));
}

bool Guard::IsAllowed(std::string_view host) const {
  return std::ranges::any_of(hosts_,
                             [&](const auto& ours) { return EqualsIgnoringCase(ours, host); });
}

bool Guard::HasToken(const Request& request) const {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view sent = request.Header("Authorization");
  return sent.size() > kScheme.size() &&
         EqualsIgnoringCase(sent.substr(0, kScheme.size()), kScheme) &&
         EqualInConstantTime(sent.substr(kScheme.size()), token_);
}

std::optional<Response> Guard::Check(const Request& request) const {
  const std::string_view host = WithoutPort(request.Header("Host"));
  if (!hosts_.empty() && !IsAllowed(host)) {
    return Refusal("the Host '" + std::string(host) +
                   "' is not one of this server's names; use the address that it listens on");
  }
  if (request.headers.Count("Origin") > 0) {
    const std::string_view origin = HostOfOrigin(request.Header("Origin"));
    const bool is_own = hosts_.empty() ? EqualsIgnoringCase(origin, host) : IsAllowed(origin);
    if (origin.empty() || !is_own) {
      return Refusal("requests from pages of '" + std::string(request.Header("Origin")) +
                     "' are refused: this server answers only its own");
    }
  }
  const bool is_probe = request.path() == "/livez" || request.path() == "/readyz";
  if (token_.empty() || is_probe || HasToken(request)) return std::nullopt;
  Response refusal = ProblemResponse(Status(
      Code::kUnauthenticated, "this server asks for its token: 'Authorization: Bearer TOKEN'"));
  refusal.headers.push_back({"WWW-Authenticate", "Bearer realm=\"treadle\""});
  return refusal;
}

Status CheckListenPolicy(std::string_view host, bool has_token, bool allow_unauthenticated) {
  if (IsLoopbackHost(host) || has_token || allow_unauthenticated) return Status::Ok();
  return Status(Code::kFailedPrecondition,
                "listening on " + std::string(host) +
                    " lets other machines in: give a token with --token-file, or accept "
                    "anyone with --allow-unauthenticated");
}

}  // namespace treadle::http
