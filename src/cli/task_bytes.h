// Payloads and results as people see them: text, as much as fits on a screen.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace treadle::cli {

/// The lines of `bytes`, up to 1 KiB of them, not yet fit for a terminal, if they are text; else
/// one that describes them. `command` prints all of them, and is named where something is left
/// out.
std::vector<std::string> TextOfBytes(std::string_view bytes, std::string_view content_type,
                                     std::string_view command);

}  // namespace treadle::cli
