#include "http/guard.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/hash.h"
#include "http/media_type.h"
#include "http/problem.h"

namespace treadle::http {
namespace {

// Of a configuration or an option: IPv6 also without brackets.
std::string HostOf(std::string_view text, uint16_t* port) {
  const auto authority = ParseAuthority(text);
  *port = authority ? authority->port : 0;
  return std::string(authority ? authority->host : text);
}

bool IsWildcard(std::string_view host) {
  return host.empty() || host == "0.0.0.0" || host == "::" || host == "[::]" || host == "*";
}

Response Refusal(std::string message) {
  return ProblemResponse(Status(Code::kPermissionDenied, std::move(message)));
}

bool ChangesNothing(Method method) {
  return method == Method::kGet || method == Method::kHead || method == Method::kOptions;
}

bool HasBody(const Request& request) {
  const std::string_view length = request.Header("Content-Length");
  return length.find_first_not_of('0') != std::string_view::npos ||
         request.headers.Count("Transfer-Encoding") > 0;
}

// A page can make a browser send a form, or text, to any site. JSON it cannot send without a
// preflight, which this server does not answer.
std::optional<Response> CheckContentType(const Request& request) {
  if (ChangesNothing(request.method) || IsSaidToBeJson(request)) return std::nullopt;
  if (!HasBody(request) && MediaTypeOf(request).empty()) return std::nullopt;
  return ProblemResponse(
      415, Status(Code::kInvalidArgument,
                  "the request body must be JSON: send the header Content-Type: application/json"));
}

}  // namespace

bool IsLoopbackHost(std::string_view host) {
  uint16_t port = 0;
  const std::string name = HostOf(host, &port);
  if (EqualsIgnoringCase(name, "localhost")) return true;
  in_addr v4{};
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, name.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Guard::Guard(GuardOptions options) : token_(std::move(options.token)) {
  const bool is_named = IsLoopbackHost(options.listen_host) || !options.allowed_hosts.empty();
  if (!is_named) hosts_ = token_.empty() ? Hosts::kUnregistrable : Hosts::kAny;
  names_ = {{"localhost"}, {"127.0.0.1"}, {"::1"}};
  if (!IsWildcard(options.listen_host)) {
    Name own;
    own.host = HostOf(options.listen_host, &own.port);
    names_.push_back(std::move(own));
  }
  for (const std::string& host : options.allowed_hosts) {
    Name& name = configured_.emplace_back();
    name.host = HostOf(host, &name.port);
  }
}

bool Guard::IsKnown(std::string_view host) const {
  const auto is_it = [&](const Name& name) { return EqualsIgnoringCase(name.host, host); };
  if (hosts_ == Hosts::kAny || std::ranges::any_of(names_, is_it) ||
      std::ranges::any_of(configured_, is_it))
    return true;
  // Nobody can point an address, or a name that no registry sells, to this machine.
  return hosts_ == Hosts::kUnregistrable && !host.empty() &&
         (IsIpAddress(host) || host.find('.') == std::string_view::npos);
}

std::optional<Response> Guard::CheckHost(const Request& request, Authority* host) const {
  const auto authority = ParseAuthority(request.Header("Host"));
  if (authority) *host = *authority;
  if (hosts_ == Hosts::kAny || (authority && IsKnown(host->host))) return std::nullopt;
  return Refusal("the Host " + (authority ? "\"" + std::string(host->host) + "\"" : "header") +
                 " is not a name of this server; if a proxy or another name points here, add that "
                 "name to security.allowed_hosts (--allowed-hosts)");
}

// A page is the server's own if it came from the very host and port that it speaks to, from
// another name of loopback, or from a proxy that the configuration names.
bool Guard::IsOwn(const Origin& origin, const Authority& host) const {
  const auto& [page, default_port] = origin;
  const bool is_same_port = page.port == (host.port != 0 ? host.port : default_port);
  if (is_same_port && EqualsIgnoringCase(page.host, host.host)) return true;
  if (is_same_port && IsLoopbackHost(page.host) && IsLoopbackHost(host.host)) return true;
  return std::ranges::any_of(configured_, [&, port = default_port](const Name& name) {
    return EqualsIgnoringCase(name.host, page.host) &&
           page.port == (name.port != 0 ? name.port : port);
  });
}

std::optional<Response> Guard::CheckPage(const Request& request, const Authority& host) const {
  if (request.headers.Count("Origin") > 0) {
    const auto origin = ParseOrigin(request.Header("Origin"));
    if (!origin || !IsOwn(*origin, host))
      return Refusal("this request comes from a page" +
                     (origin ? " of " + std::string(request.Header("Origin")) : std::string()) +
                     ", but only the server's own pages may send requests; if a proxy serves them, "
                     "add its host:port to security.allowed_hosts (--allowed-hosts)");
  }
  if (ChangesNothing(request.method) || request.headers.Count("Sec-Fetch-Site") == 0)
    return std::nullopt;
  const std::string_view site = request.Header("Sec-Fetch-Site");
  if (EqualsIgnoringCase(site, "same-origin") || EqualsIgnoringCase(site, "none"))
    return std::nullopt;
  return Refusal(
      "a page of another site sent this request (Sec-Fetch-Site), but only the server's own pages "
      "may change anything");
}

bool Guard::HasToken(const Request& request) const {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view sent = request.Header("Authorization");
  return sent.size() > kScheme.size() &&
         EqualsIgnoringCase(sent.substr(0, kScheme.size()), kScheme) &&
         EqualInConstantTime(sent.substr(kScheme.size()), token_);
}

std::optional<Response> Guard::Check(const Request& request) const {
  Authority host;
  if (auto refusal = CheckHost(request, &host)) return refusal;
  if (auto refusal = CheckPage(request, host)) return refusal;
  const bool is_probe = request.path() == "/livez" || request.path() == "/readyz";
  if (token_.empty() || is_probe || HasToken(request)) return CheckContentType(request);
  Response refusal =
      ProblemResponse(Status(Code::kUnauthenticated,
                             "this server requires its token: send 'Authorization: Bearer TOKEN'"));
  refusal.headers.push_back({"WWW-Authenticate", "Bearer realm=\"treadle\""});
  return refusal;
}

Status CheckListenPolicy(std::string_view host, bool has_token, bool allow_unauthenticated) {
  if (IsLoopbackHost(host) || has_token || allow_unauthenticated) return Status::Ok();
  return Status(Code::kFailedPrecondition,
                "listening on " + std::string(host) +
                    " gives other machines access: set a token with --token-file, or allow "
                    "everyone with --allow-unauthenticated");
}

}  // namespace treadle::http
