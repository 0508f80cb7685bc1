#include "node/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/posix_disk.h"

namespace treadle {
namespace {

using testing::HasSubstr;

class DataDirectoryTest : public testing::Test {
 protected:
  DataDirectoryTest() {
    std::string name = testing::TempDir() + "treadle_XXXXXX";
    base_ = mkdtemp(name.data());
    path_ = base_ + "/deep/data";
  }
  ~DataDirectoryTest() override { std::filesystem::remove_all(base_); }

  void Put(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ + "/" + name) << text;
  }
  std::string Refusal() {
    const auto opened = DataDirectory::Open(&disk_, path_);
    EXPECT_EQ(opened.status().code(), Code::kFailedPrecondition);
    return opened.status().message();
  }

  PosixDisk disk_;
  std::string base_;
  std::string path_;
};

TEST_F(DataDirectoryTest, AMissingOneIsCreatedReadableOnlyByItsOwner) {
  const auto data = DataDirectory::Open(&disk_, path_ + "/");
  ASSERT_TRUE(data.ok()) << data.status().ToString();
  EXPECT_EQ(data->path(), path_);
  struct stat info{};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST_F(DataDirectoryTest, ItOpensAgainAfterItsUserIsGone) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(DataDirectory::Open(&disk_, path_).ok());
}

TEST_F(DataDirectoryTest, ASecondUserIsRefusedWithTheProcessOfTheFirst) {
  const auto data = DataDirectory::Open(&disk_, path_);
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(Refusal(), path_ + " is in use by another Treadle server (process " +
                           std::to_string(getpid()) + ")");
}

TEST_F(DataDirectoryTest, AForeignDirectoryIsRefusedAndStaysAsItWas) {
  Put("thesis.tex", "precious");
  EXPECT_THAT(Refusal(), HasSubstr("contains files but is not a Treadle data directory"));
  EXPECT_THAT(*disk_.List(path_), testing::ElementsAre("thesis.tex"));
}

TEST_F(DataDirectoryTest, OnlyANewOneReportsThatItIsNew) {
  EXPECT_TRUE(DataDirectory::Open(&disk_, path_)->is_new());
  EXPECT_FALSE(DataDirectory::Open(&disk_, path_)->is_new());
}

TEST_F(DataDirectoryTest, AFileInItsPlaceIsBadInput) {
  std::filesystem::create_directories(base_ + "/deep");
  std::ofstream(path_) << "text";
  const auto opened = DataDirectory::Open(&disk_, path_);
  EXPECT_EQ(opened.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(opened.status().message(), HasSubstr("is not a directory"));
}

TEST_F(DataDirectoryTest, ALockThatIsALinkIsRefusedAndItsTargetStaysAsItWas) {
  Put("victim", "precious");
  std::filesystem::rename(path_ + "/victim", base_ + "/victim");
  std::filesystem::create_symlink(base_ + "/victim", path_ + "/LOCK");
  const auto opened = DataDirectory::Open(&disk_, path_);
  EXPECT_THAT(opened.status().message(), HasSubstr("LOCK is a symbolic link"));
  EXPECT_EQ(std::filesystem::file_size(base_ + "/victim"), 8U);
}

TEST_F(DataDirectoryTest, AWorldWritableModeCausesAWarning) {
  std::filesystem::create_directories(path_);
  ASSERT_EQ(chmod(path_.c_str(), 0777), 0);
  EXPECT_THAT(DataDirectory::Open(&disk_, path_)->warnings(),
              testing::Contains(HasSubstr("chmod 700 " + path_)));
}

TEST_F(DataDirectoryTest, ANewerFormatIsRefused) {
  Put("treadle.data", "treadle-data 2\n");
  EXPECT_THAT(Refusal(), HasSubstr("newer Treadle"));
}

TEST_F(DataDirectoryTest, ADamagedMarkerIsRefused) {
  Put("treadle.data", "");
  EXPECT_THAT(Refusal(), HasSubstr("cannot be read"));
}

TEST_F(DataDirectoryTest, AnInterruptedCreationIsResumed) {
  Put("LOCK", "123\n");
  Put("treadle.data.new", "");
  EXPECT_TRUE(DataDirectory::Open(&disk_, path_).ok());
  EXPECT_FALSE(std::filesystem::exists(path_ + "/treadle.data.new"));
}

}  // namespace
}  // namespace treadle
