// Whether text is JSON as the server takes it (RFC 8259), for what simdjson's DOM cannot hold:
// numbers of any size, and half a surrogate pair. Pure; any thread.
#pragma once

#include <string_view>

namespace treadle::wire {

/// One value, in UTF-8, at most 64 levels deep, with or without white space around it.
bool FollowsJsonGrammar(std::string_view text);

}  // namespace treadle::wire
