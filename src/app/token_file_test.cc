#include "app/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace treadle::app {
namespace {

class TokenFileTest : public testing::Test {
 protected:
  ~TokenFileTest() override { std::filesystem::remove(path_); }
  void Put(const std::string& text, mode_t mode) const {
    std::ofstream(path_) << text;
    chmod(path_.c_str(), mode);
  }
  std::string path_ = testing::TempDir() + "treadle_token_" + std::to_string(getpid());
};

TEST_F(TokenFileTest, TheFirstLineThatIsNotACommentCounts) {
  Put("# made today\n\n  0123456789abcdef \r\nother\n", 0600);
  const auto file = ReadTokenFile(path_);
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  EXPECT_EQ(file->token, "0123456789abcdef");
  EXPECT_FALSE(file->others_can_read);
}

TEST_F(TokenFileTest, AFileThatOthersCanReadIsNoticed) {
  Put("0123456789abcdef\n", 0644);
  EXPECT_TRUE(ReadTokenFile(path_)->others_can_read);
}

TEST_F(TokenFileTest, AMissingAnEmptyAndAWeakOneAreRefused) {
  EXPECT_THAT(ReadTokenFile(path_ + ".none").status().message(),
              testing::HasSubstr("cannot be read"));
  EXPECT_THAT(ReadTokenFile("/tmp").status().message(), testing::HasSubstr("is a directory"));
  Put("\n# nothing\n", 0600);
  EXPECT_THAT(ReadTokenFile(path_).status().message(), testing::HasSubstr("contains no token"));
  Put("secret\n", 0600);
  EXPECT_THAT(ReadTokenFile(path_).status().message(), testing::HasSubstr("fewer than 16"));
}

}  // namespace
}  // namespace treadle::app
