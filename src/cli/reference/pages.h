// The reference pages: the contents of `treadle --help` and the table of settings, as Markdown and
// as manual pages. Pure; any thread.
#pragma once

#include <string>

#include "cli/reference/command_words.h"

namespace treadle::cli {

std::string CliMarkdown(const CommandWords& root);
std::string ConfigMarkdown();

/// One page in roff; its name is command.name with "-" for blanks, in section 1.
std::string ManPage(const CommandWords& root, const CommandWords& command);

}  // namespace treadle::cli
