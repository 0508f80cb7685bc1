// Whether text is JSON as the server takes it (RFC 8259), for what simdjson's DOM cannot hold:
// numbers of any size, and half a surrogate pair. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace treadle::wire {

inline constexpr int kJsonDepthMax = 64;  // the server's, of payloads and results

/// One value, in UTF-8, at most `depth_max` levels deep, with or without white space around it.
bool FollowsJsonGrammar(std::string_view text, int depth_max = kJsonDepthMax);

/// The path of the first value in `text` that is not, for example ".sizes[2]"; empty: the whole.
std::string JsonFaultAt(std::string_view text, int depth_max = kJsonDepthMax);

}  // namespace treadle::wire
