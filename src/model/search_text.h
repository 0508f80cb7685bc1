// What "words" are: of an error, of a payload that is searched, and of the question. Pure; any
// thread.
//
// A word is a run of letters and digits. All other signs of ASCII part words, and so do spaces and
// punctuation of Unicode's blocks Latin-1, General Punctuation and CJK Symbols; all else beyond
// ASCII is a letter. Of the case of letters only that of A to Z does not count.
//
// The index keeps words (store/sqlite/find_index.h): a change of what they are is a new version of
// the store's format.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace treadle {

/// Of each payload that is searched, at most this much is.
inline constexpr size_t kSearchedPayloadBytes = size_t{16} << 10;

/// The words of `text` in their order, small letters for capital ones.
std::vector<std::string> WordsOf(std::string_view text);

/// The text of a payload in which words are sought; `payload` may be its first
/// kSearchedPayloadBytes. Empty if the content type (empty: JSON) is none of JSON and
/// "text/…". JSON escapes are decoded; names of members are text like values.
std::string PayloadText(std::string_view content_type, std::string_view payload);

}  // namespace treadle
