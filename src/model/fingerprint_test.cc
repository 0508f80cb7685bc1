#include "model/fingerprint.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TEST(Fingerprint, TextThatVariesFromTaskToTaskDoesNotCount) {
  const auto same = [](const char* a, const char* b) {
    return ErrorFingerprint("t", "c", a) == ErrorFingerprint("t", "c", b);
  };
  EXPECT_TRUE(same("order 17 not found", "order 4711 not found"));
  EXPECT_TRUE(same("no file 'a.txt'", "no file 'b c.txt'"));
  EXPECT_TRUE(same("at 0x7f3a: bad", "at 0x01ff: bad"));
  EXPECT_TRUE(
      same("id 6fa459ea-ee8a-3ca4-894e-db77e160355e", "id 16fd2706-8baf-433b-82eb-8c7fada847da"));
  EXPECT_TRUE(same("two  blanks\n", "two blanks "));
  EXPECT_FALSE(same("order 17 not found", "order 17 not paid"));
  EXPECT_FALSE(same("cannot open", "cannot close"));
}

TEST(Fingerprint, TypeAndCodeCount) {
  EXPECT_NE(ErrorFingerprint("t", "c", "m"), ErrorFingerprint("u", "c", "m"));
  EXPECT_NE(ErrorFingerprint("t", "c", "m"), ErrorFingerprint("t", "d", "m"));
  EXPECT_NE(ErrorFingerprint("tc", "", "m"), ErrorFingerprint("t", "c", "m"));
}

TEST(Fingerprint, TheFormIsStable) {
  EXPECT_EQ(NormalisedMessage("worker7: `x` failed 3 times"), "#: '…' failed # times");
  EXPECT_EQ(NormalisedMessage("it's broken"), "it's broken");
  EXPECT_EQ(FingerprintText(ErrorFingerprint("hello", "exit_1", "no such file 12")),
            "939819e860d8ffe8");
}

TEST(Fingerprint, OnlyTheBeginningOfALongMessageDecides) {
  const std::string begin(512, 'x');
  EXPECT_EQ(ErrorFingerprint("t", "c", begin + "a"), ErrorFingerprint("t", "c", begin + "b"));
}

}  // namespace
}  // namespace treadle
