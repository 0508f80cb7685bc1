// Listener: the listening socket of a server; hands each new connection to the loops in turn.
// Inside http/ only.
//
// Lives on the first loop: Open() before that loop runs, everything else on its thread. Must
// outlive the loop's thread.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <vector>

#include "http/loop.h"

namespace treadle::http {

class Listener {
 public:
  /// Borrows `core` and `loops`, of which there is at least one.
  Listener(ServerCore* core, const std::vector<std::shared_ptr<Loop>>* loops);

  Status Open();
  void Accept();
  /// No connection is handed on once this has returned.
  void Close();
  uint16_t port() const { return port_; }

 private:
  using Error = boost::system::error_code;
  using Socket = boost::asio::ip::tcp::socket;

  Status Bind(const boost::asio::ip::tcp::endpoint& endpoint);
  void OnAccepted(const Error& error, Socket socket, Loop* loop);
  void HandOn(Socket socket, Loop* loop);
  void AcceptLater();

  ServerCore* const core_;
  const std::vector<std::shared_ptr<Loop>>* const loops_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  size_t next_loop_ = 0;
  uint16_t port_ = 0;
  bool closed_ = false;
};

}  // namespace treadle::http
