#include "tools/directory_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/posix_disk.h"

namespace treadle::tools {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DirectoryCopyTest : public testing::Test {
 protected:
  DirectoryCopyTest() {
    std::string name = testing::TempDir() + "treadle_XXXXXX";
    base_ = mkdtemp(name.data());
    fs::create_directories(base_ / "data" / "journal");
    Put("LOCK", "12\n");
    Put("journal/1.seg", "head" + std::string(3 << 20, '\0') + "tail");
    Put("journal/empty", "");
    Put("zeros", std::string(1 << 20, '\0'));
  }
  ~DirectoryCopyTest() override { fs::remove_all(base_); }

  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(base_ / "data" / name, std::ios::binary) << text;
  }
  std::string Get(const fs::path& path) const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  Status Copy() { return CopyDirectory(&disk_, base_ / "data", base_ / "copy"); }

  PosixDisk disk_;
  fs::path base_;
};

TEST_F(DirectoryCopyTest, BackupsStayWhereTheyAre) {
  fs::create_directories(base_ / "data" / "backups");
  Put("backups/1.backup", "large");
  ASSERT_TRUE(Copy().ok());
  EXPECT_TRUE(fs::exists(base_ / "copy" / "journal"));
  EXPECT_FALSE(fs::exists(base_ / "copy" / "backups"));
}

TEST_F(DirectoryCopyTest, EveryByteIsThere) {
  ASSERT_TRUE(Copy().ok());
  size_t files = 0;
  for (const auto& each : fs::recursive_directory_iterator(base_ / "data")) {
    const fs::path copy = base_ / "copy" / each.path().lexically_relative(base_ / "data");
    ASSERT_TRUE(fs::exists(copy)) << copy;
    if (!each.is_regular_file()) continue;
    EXPECT_EQ(Get(each.path()), Get(copy)) << copy;
    ++files;
  }
  EXPECT_EQ(files, 4u);
}

TEST_F(DirectoryCopyTest, AnExistingTargetIsLeftUntouched) {
  fs::create_directories(base_ / "copy" / "precious");
  EXPECT_EQ(Copy().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(fs::exists(base_ / "copy" / "precious"));
  EXPECT_FALSE(fs::exists(base_ / "copy" / "LOCK"));
}

TEST_F(DirectoryCopyTest, SpecialFilesAreRefusedBeforeAnythingIsCopied) {
  fs::create_symlink("/etc", base_ / "data" / "link");
  const Status status = Copy();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("neither a file nor a directory"));
  EXPECT_FALSE(fs::exists(base_ / "copy"));
}

TEST_F(DirectoryCopyTest, AFullDiskIsDetectedBeforeTheFirstByte) {
  fs::resize_file(base_ / "data" / "zeros", uint64_t{1} << 42);
  const Status status = Copy();
  EXPECT_EQ(status.code(), Code::kResourceExhausted) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("no room for a copy"));
  EXPECT_FALSE(fs::exists(base_ / "copy"));
}

}  // namespace
}  // namespace treadle::tools
