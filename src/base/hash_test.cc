#include "base/hash.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace treadle {
namespace {

TEST(Hash, Sha256EqualsThePublishedVectors) {
  EXPECT_EQ(ToHex(Sha256Of("").view()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(Sha256Of("abc").view()),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hash, PartsThatJoinToTheSameTextDiffer) {
  EXPECT_NE(Sha256OfParts({"ab", "c"}), Sha256OfParts({"a", "bc"}));
}

TEST(Hash, ManyThreadsHashAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (int k = 0; k < 200; ++k) ASSERT_EQ(Sha256Of("abc").bytes[0], 0xba);
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(Hash, HexReadsBothCasesAndRefusesOthers) {
  EXPECT_EQ(FromHex("00fFA1"), std::string("\x00\xff\xa1", 3));
  EXPECT_FALSE(FromHex("0"));
  EXPECT_FALSE(FromHex("0g"));
}

TEST(Hash, Base64EqualsTheVectorsOfRfc4648) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(ToBase64(bytes), text);
    EXPECT_EQ(FromBase64(text), bytes);
  }
}

TEST(Hash, Base64IsStrict) {
  for (const char* bad :
       {"Zg", "Zg=", "Zg===", "Z===", "====", "Zm 9", "Zm9v\n", "Zh==", "Zm9=", "=Zg=", "Zg==Zg=="})
    EXPECT_FALSE(FromBase64(bad)) << bad;
}

TEST(Hash, SecretsAreComparedWhole) {
  EXPECT_TRUE(EqualInConstantTime("secret", "secret"));
  EXPECT_FALSE(EqualInConstantTime("secret", "secreT"));
  EXPECT_FALSE(EqualInConstantTime("secret", "secret2"));
}

}  // namespace
}  // namespace treadle
