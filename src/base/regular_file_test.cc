#include "base/regular_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace treadle {
namespace {

class RegularFile : public ::testing::Test {
 protected:
  RegularFile() {
    std::string name = ::testing::TempDir() + "regular-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~RegularFile() override { std::filesystem::remove_all(directory_); }

  std::string At(const std::string& name) const { return directory_ + "/" + name; }
  std::string Make(const std::string& name, const std::string& text) const {
    std::ofstream(At(name)) << text;
    return At(name);
  }

  std::string directory_;
};

TEST_F(RegularFile, IsReadWholeUpToItsBound) {
  const std::string path = Make("file", std::string(300'000, 'x'));
  EXPECT_EQ(ReadRegularFile(path, 300'000)->size(), 300'000U);
  const auto longer = ReadRegularFile(path, 299'999);
  EXPECT_EQ(longer.status().code(), Code::kInvalidArgument);
  EXPECT_NE(longer.status().message().find("larger than the 299999 bytes"), std::string::npos);
  EXPECT_EQ(ReadRegularFile(Make("empty", ""), 0)->size(), 0U);
}

TEST_F(RegularFile, AnythingElseIsRefusedAtOnceAndNamed) {
  ASSERT_EQ(mkfifo(At("pipe").c_str(), 0600), 0);
  const std::pair<std::string, const char*> cases[] = {
      {directory_, "is a directory"}, {At("pipe"), "is a pipe"}, {"/dev/zero", "is a device"}};
  for (const auto& [path, why] : cases) {
    for (const int flags : {O_RDONLY, O_RDWR, O_RDWR | O_CREAT | O_NOFOLLOW}) {
      const auto opened = OpenRegularFile(path, flags);
      ASSERT_EQ(opened.status().code(), Code::kInvalidArgument) << path;
      EXPECT_NE(opened.status().message().find(why), std::string::npos);
    }
  }
}

TEST_F(RegularFile, ALinkIsReadThroughAndNeverWrittenThrough) {
  const std::string path = Make("file", "text");
  std::filesystem::create_symlink(path, At("link"));
  EXPECT_EQ(*ReadRegularFile(At("link"), 10), "text");
  const auto opened = OpenRegularFile(At("link"), O_RDWR | O_CREAT | O_NOFOLLOW);
  EXPECT_EQ(opened.status().code(), Code::kInvalidArgument);
  EXPECT_NE(opened.status().message().find("is a symbolic link"), std::string::npos);
  std::filesystem::create_symlink(At("missing"), At("dangling"));
  EXPECT_FALSE(OpenRegularFile(At("dangling"), O_RDWR | O_CREAT | O_NOFOLLOW).ok());
  EXPECT_FALSE(std::filesystem::exists(At("missing")));
}

TEST_F(RegularFile, ErrorsSayWhetherRoomIsMissing) {
  for (const int number : {ENOSPC, EDQUOT, EFBIG})
    EXPECT_EQ(StatusOfErrno(number, "cannot write", "f").code(), Code::kResourceExhausted);
  EXPECT_EQ(StatusOfErrno(EIO, "cannot write", "f").code(), Code::kUnavailable);
  EXPECT_EQ(StatusOfErrno(ENOTDIR, "cannot list", "f").code(), Code::kInvalidArgument);
  EXPECT_EQ(ReadRegularFile(At("missing"), 1).status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace treadle
