// How a server reads what a client sends, in plain values: the headers of both cannot be included
// together.
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

/// Nothing if it is refused, which must be as INVALID_ARGUMENT.
std::optional<TaskAsRead> ReadTaskAsServer(std::string body);
/// The bytes of the one step that was saved.
std::optional<std::string> ReadStepAsServer(std::string body);
void ReadExchangeAsServer(std::string body);
bool IsToken(const std::string& text);

}  // namespace treadle::fuzz
