// A bare TCP connection to 127.0.0.1, for protocols that are simple enough to be spoken by hand.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace peers {

// What fails, or a server that closes it, ends the program.
class Connection {
 public:
  explicit Connection(int port);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Write(std::string_view text);

  // Up to the next CR LF, without it.
  std::string ReadLine();
  std::string Read(std::size_t bytes);
  // Whether something can be read, now or within `wait_ms`.
  bool Readable(int wait_ms);

 private:
  void ReadMore();

  int socket_;
  std::string buffer_;
  std::size_t at_ = 0;  // what stands before it in the buffer has been read
};

}  // namespace peers
