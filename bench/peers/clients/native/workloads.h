// What is measured, for any peer: the verbs of bench/peers/clients/README.md. Each returns the JSON
// object to print.
#pragma once

#include <cstdint>
#include <string>

#include "caller.h"

namespace peers {

struct Work {
  double seconds = 1;         // at most so long
  std::int64_t tasks = 0;     // and at most so many; 0: as many as go
  int callers = 1;            // threads, each with a connection
  int batch = 1;              // tasks of one call
  int rate = 1000;            // tasks a second, for Latency
  std::size_t payload = 256;  // bytes
};

std::string Enqueue(const NewCaller& new_caller, const Work& work);
std::string Drain(const NewCaller& new_caller, const Work& work);
std::string Latency(const NewCaller& new_caller, const Work& work);

}  // namespace peers
