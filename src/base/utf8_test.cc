#include "base/utf8.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TEST(Utf8, EveryScalarValueIsOneCharacterAndNothingElseIs) {
  for (uint32_t code_point = 0; code_point <= 0x110010; ++code_point) {
    const bool scalar = code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
    std::string text;  // what is no scalar value is encoded alike, for the decoder to refuse
    AppendUtf8(code_point, &text);
    ASSERT_EQ(Utf8Length(text), scalar ? text.size() : 0) << code_point;
    ASSERT_EQ(IsUtf8(text), scalar) << code_point;
    text.pop_back();
    ASSERT_EQ(IsUtf8(text), text.empty()) << code_point;
  }
}

TEST(Utf8, OverlongFormsAndStrayBytesAreNoCharacters) {
  for (const char* bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf",
                          "\xf0\x8f\xbf\xbf", "\xf5\x80\x80\x80", "\xff", "\xc3(", "\xe2\x82("}) {
    EXPECT_EQ(Utf8Length(bad), 0u) << bad;
  }
  EXPECT_EQ(Utf8Length(""), 0u);
  EXPECT_TRUE(IsUtf8(""));
}

TEST(Utf8, ABrokenPartEndsWhereItCouldNoLongerBecomeACharacter) {
  EXPECT_EQ(Utf8SequenceAt("\xf0\x9f\x8e").size, 3u);
  EXPECT_EQ(Utf8SequenceAt("\xf0\x9f(").size, 2u);
  EXPECT_EQ(Utf8SequenceAt("\xed\xa0\x80").size, 1u);
}

TEST(Utf8, CharactersAndStrayBytesAreCounted) {
  EXPECT_EQ(CountCharacters("grün €🎉"), 7u);
  EXPECT_EQ(CountCharacters("a\xffz"), 3u);
}

TEST(Utf8, HeadAndTailKeepWholeCharacters) {
  const std::string_view text = "a\u00e9\u20acz";  // 1, 2, 3 and 1 bytes
  EXPECT_EQ(Utf8Head(text, 7), text);
  EXPECT_EQ(Utf8Head(text, 6), "a\u00e9\u20ac");
  EXPECT_EQ(Utf8Head(text, 5), "a\u00e9");
  EXPECT_EQ(Utf8Head(text, 2), "a");
  EXPECT_EQ(Utf8Head(text, 0), "");
  EXPECT_EQ(Utf8Tail(text, 7), text);
  EXPECT_EQ(Utf8Tail(text, 4), "\u20acz");
  EXPECT_EQ(Utf8Tail(text, 3), "z");
  EXPECT_EQ(Utf8Tail("\x82\xacz", 3), "z") << "what another has cut";
}

}  // namespace
}  // namespace treadle
