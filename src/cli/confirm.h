// Asks a person before something that cannot be taken back.
#pragma once

#include <string>

#include "console/session.h"

namespace treadle::cli {

/// Whether there is someone to ask: standard input is a terminal.
bool CanAsk();
/// `question` and " [y/N] " on standard error; true for y or yes.
bool Confirmed(Session& session, const std::string& question);

}  // namespace treadle::cli
