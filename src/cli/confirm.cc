#include "cli/confirm.h"

#include <unistd.h>

#include <iostream>

namespace treadle::cli {

bool CanAsk() { return ::isatty(STDIN_FILENO) != 0; }

bool Confirmed(Session& session, const std::string& question) {
  session.console().Err(question + " [y/N] ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace treadle::cli
