// One connection to a peer's server, as a producer or a consumer has it; and the peers that this
// program speaks to.
//
// A Caller belongs to one thread. What fails ends the program with a sentence on standard error: a
// measurement with a failure in it is none.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace peers {

using Payloads = std::vector<std::string>;

class Caller {
 public:
  virtual ~Caller() = default;

  // Returns when the server has acknowledged every one of them. Several are sent without waiting in
  // between.
  virtual void Enqueue(const Payloads& payloads) = 0;

  // Acknowledges all that the call before gave out, and takes up to `want` tasks; waits up to
  // `wait_ms` for the first if there is none. Every answer has been read when it returns.
  virtual Payloads Exchange(std::size_t want, int wait_ms) = 0;
};

struct Settings {
  int port = 0;
  bool pipelined = true;  // else each call waits for its answer before the next is sent
};

// Opens a connection. The number is different for each caller of a run.
using NewCaller = std::function<std::unique_ptr<Caller>(int number)>;

NewCaller RedisStreams(const Settings& settings);
NewCaller RedisLists(const Settings& settings);
NewCaller Beanstalkd(const Settings& settings);
NewCaller Gearmand(const Settings& settings);

[[noreturn]] void Fail(std::string_view sentence);

}  // namespace peers
