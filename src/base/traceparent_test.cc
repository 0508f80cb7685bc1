#include "base/traceparent.h"

#include <gtest/gtest.h>

#include <string>

namespace treadle {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kParent = "b7ad6b7169203331";
const std::string kText = "00-" + kTrace + "-" + kParent + "-01";

TEST(Traceparent, IsWrittenAsItWasRead) {
  const std::string all_bits = "00-" + std::string(32, 'f') + "-" + std::string(16, 'f') + "-ff";
  for (const std::string& text : {kText, all_bits}) {
    const auto read = ParseTraceparent(text);
    ASSERT_TRUE(read) << text;
    EXPECT_FALSE(read->empty());
    EXPECT_EQ(read->Text().view(), text);
    EXPECT_EQ(TraceparentFromRaw(read->view()), *read);
  }
}

TEST(Traceparent, IsEmptyUnlessItWasRead) {
  EXPECT_TRUE(Traceparent{}.empty());
  EXPECT_TRUE(TraceparentFromRaw("").empty());
  // One bit at either end of the trace id.
  for (const std::string& trace : {"8" + std::string(31, '0'), std::string(31, '0') + "1"})
    EXPECT_FALSE(ParseTraceparent("00-" + trace + "-" + kParent + "-00")->empty()) << trace;
}

TEST(Traceparent, MalformedTextIsNone) {
  const std::string upper = "00-0AF7651916CD43DD8448EB211C80319C-" + kParent + "-01";
  for (const std::string& text :
       {std::string(), kText.substr(0, 54), kText + "-", kText + "0", " " + kText, kText + "\n",
        upper, "00_" + kTrace + "-" + kParent + "-01", "00-" + kTrace + "_" + kParent + "-01",
        "00-" + kTrace + "-" + kParent + "_01", "00-" + kTrace + "-" + kParent + "-0g",
        "00-" + std::string(32, '0') + "-" + kParent + "-01",
        "00-" + kTrace + "-" + std::string(16, '0') + "-01", "ff" + kText.substr(2)}) {
    EXPECT_FALSE(ParseTraceparent(text)) << text;
    EXPECT_TRUE(TraceparentFromHeader(text).empty()) << text;
  }
}

TEST(Traceparent, OfALaterVersionIsReadFromAHeaderAsVersion00) {
  for (const std::string& rest : {std::string(), std::string("-what-the-future-will-be-like")}) {
    const std::string text = "cc" + kText.substr(2) + rest;
    EXPECT_EQ(TraceparentFromHeader(text).Text().view(), kText) << text;
    EXPECT_FALSE(ParseTraceparent(text)) << text;
  }
  EXPECT_TRUE(TraceparentFromHeader("cc" + kText.substr(2) + ".x").empty());
  EXPECT_TRUE(TraceparentFromHeader("c-" + kText.substr(2)).empty());
}

}  // namespace
}  // namespace treadle
