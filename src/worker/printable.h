// Text from handlers, made fit for the server. Pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace treadle::worker {

/// The beginning of `text`, at most `bytes_max` bytes, on one line: what is no UTF-8, and every
/// control or invisible formatting character, becomes `instead`.
std::string PrintableHead(std::string_view text, size_t bytes_max, char instead);

}  // namespace treadle::worker
