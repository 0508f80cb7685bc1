#include "http/listener.h"

#include <chrono>
#include <string>

namespace treadle::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kRetry = std::chrono::milliseconds(50);

Status ListenError(const ServerOptions& options, const boost::system::error_code& error) {
  const bool is_ipv6 = options.host.find(':') != std::string::npos && options.host[0] != '[';
  const std::string host = is_ipv6 ? "[" + options.host + "]" : options.host;
  const std::string address = host + ":" + std::to_string(options.port);
  if (error == asio::error::address_in_use) {
    return Status(Code::kFailedPrecondition,
                  address + " is in use by another process; choose another with --listen");
  }
  if (error == asio::error::access_denied) {
    return Status(Code::kPermissionDenied, "not allowed to listen on " + address +
                                               "; choose a port above 1023 with --listen");
  }
  return Status(Code::kInvalidArgument,
                "cannot listen on " + address + ": " + error.message() + "; see --listen");
}

bool IsExhaustion(const boost::system::error_code& error) {
  namespace errc = boost::system::errc;
  return error == errc::too_many_files_open || error == errc::too_many_files_open_in_system ||
         error == errc::no_buffer_space || error == errc::not_enough_memory;
}

}  // namespace

Listener::Listener(ServerCore* core, const std::vector<std::shared_ptr<Loop>>* loops)
    : core_(core),
      loops_(loops),
      acceptor_(loops->front()->context()),
      retry_(loops->front()->context()) {}

Status Listener::Open() {
  const ServerOptions& options = core_->options;
  std::string host = options.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  Error error;
  tcp::resolver resolver(loops_->front()->context());
  const auto found =
      resolver.resolve(host, std::to_string(options.port),
                       tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty()) return ListenError(options, error);
  return Bind(found.begin()->endpoint());
}

Status Listener::Bind(const tcp::endpoint& endpoint) {
  Error error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  return error ? ListenError(core_->options, error) : Status::Ok();
}

void Listener::Accept() {
  if (closed_) return;
  Loop* loop = (*loops_)[next_loop_++ % loops_->size()].get();
  acceptor_.async_accept(loop->context(), [this, loop](const Error& error, Socket socket) {
    OnAccepted(error, std::move(socket), loop);
  });
}

void Listener::OnAccepted(const Error& error, Socket socket, Loop* loop) {
  if (closed_) return;
  if (IsExhaustion(error)) return AcceptLater();
  if (!error) HandOn(std::move(socket), loop);
  Accept();  // any other error is of that one connection, which has gone already
}

void Listener::HandOn(Socket socket, Loop* loop) {
  const size_t open = core_->connections_open.load(std::memory_order_relaxed);
  const size_t max = core_->options.connections_max;
  if (open >= max + core_->options.refusals_max)
    return LoopCounters::Add(&loop->counters().refused, 1);
  core_->connections_open.fetch_add(1, std::memory_order_relaxed);
  loop->Execute([loop, refuse = open >= max, socket = std::move(socket)]() mutable {
    loop->Adopt(std::move(socket), refuse);
  });
}

// The connection that could not be accepted waits in the system's queue meanwhile.
void Listener::AcceptLater() {
  LoopCounters::Add(&loops_->front()->counters().accept_failures, 1);
  retry_.expires_after(kRetry);
  retry_.async_wait([this](const Error& cancelled) {
    if (!cancelled) Accept();
  });
}

void Listener::Close() {
  closed_ = true;
  Error ignored;
  acceptor_.close(ignored);
  retry_.cancel();
}

}  // namespace treadle::http
