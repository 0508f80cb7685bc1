// Shell completions: scripts for bash, zsh and fish that know every command, flag, choice and which
// flags take files. The scripts are complete in themselves: pressing TAB starts no process.
#pragma once

#include <string>

#include "cli/reference/command_words.h"

namespace treadle::cli {

std::string BashCompletion(const CommandWords& root);
std::string ZshCompletion(const CommandWords& root);
std::string FishCompletion(const CommandWords& root);

}  // namespace treadle::cli
