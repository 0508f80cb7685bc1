// Shell completions: scripts for bash, zsh and fish that know every command, flag, choice and which
// flags take files. Only for the names of queues and contexts do they ask, by `treadle __complete`,
// which answers within half a second or not at all.
#pragma once

#include <string>

#include "cli/reference/command_words.h"

namespace treadle::cli {

std::string BashCompletion(const CommandWords& root);
std::string ZshCompletion(const CommandWords& root);
std::string FishCompletion(const CommandWords& root);

}  // namespace treadle::cli
