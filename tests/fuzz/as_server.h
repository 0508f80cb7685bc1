// How a server reads what a client sends, in plain values, because the headers of both cannot be
// included together.
#pragma once

#include <optional>
#include <string>

namespace treadle::fuzz {

struct TaskAsRead {
  std::string type;
  std::string queue;
  std::string payload;
  bool is_json = false;
};

/// Nothing if the body is rejected, which must be with INVALID_ARGUMENT.
std::optional<TaskAsRead> ReadTaskAsServer(std::string body);
/// The bytes of the one saved step.
std::optional<std::string> ReadStepAsServer(std::string body);
void ReadExchangeAsServer(std::string body);
bool IsToken(const std::string& text);

}  // namespace treadle::fuzz
