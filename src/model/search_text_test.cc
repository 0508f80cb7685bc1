#include "model/search_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace treadle {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(SearchText, AWordIsARunOfLettersAndDigits) {
  EXPECT_THAT(WordsOf("Order 17 of 'Ada' NOT found!"),
              ElementsAre("order", "17", "of", "ada", "not", "found"));
  EXPECT_THAT(WordsOf("exit_1 10.0.0.1:5432"),
              ElementsAre("exit", "1", "10", "0", "0", "1", "5432"));
  EXPECT_THAT(WordsOf(""), IsEmpty());
  EXPECT_THAT(WordsOf(std::string_view(" -\0…\n", 7)), IsEmpty());
}

TEST(SearchText, NonAsciiCharactersAreLettersExceptSpacesAndPunctuation) {
  EXPECT_THAT(WordsOf("Größe «ÄÖ» “can’t” 東京、大阪 1\u00a0000"),
              ElementsAre("größe", "ÄÖ", "can", "t", "東京", "大阪", "1", "000"));
  EXPECT_THAT(WordsOf("a\xff\xfe"
                      "b \xc3"),
              ElementsAre("a\xff\xfe"
                          "b",
                          "\xc3"));
}

TEST(SearchText, JsonEscapesAreDecoded) {
  EXPECT_THAT(WordsOf(PayloadText("", R"({"first":"Ada\nLovelace","x":"gr\u00f6\u00DFer"})")),
              ElementsAre("first", "ada", "lovelace", "x", "größer"));
  EXPECT_EQ(PayloadText("application/geo+json", R"(["\ud83d\ude00"])"), "[\"😀\"]");
  EXPECT_EQ(PayloadText("", R"(["\ud83d-\ude00\uzz"])"), "[\" -  zz\"]");
  EXPECT_EQ(PayloadText("", R"("\)"), "\" ");
}

TEST(SearchText, OnlyTextAndJsonAreSearchedAndOnlyTheirBeginning) {
  EXPECT_EQ(PayloadText("text/plain; charset=utf-8", R"(a\nb)"), R"(a\nb)");
  EXPECT_EQ(PayloadText("application/octet-stream", "text"), "");
  EXPECT_EQ(PayloadText("image/png", "text"), "");
  EXPECT_EQ(PayloadText("text/plain", std::string(100'000, 'x')).size(), kSearchedPayloadBytes);
}

}  // namespace
}  // namespace treadle
