#include "base/posix_disk.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace treadle {
namespace {

class PosixDiskTest : public testing::Test {
 protected:
  PosixDiskTest() {
    std::string name = testing::TempDir() + "treadle-disk-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~PosixDiskTest() override { std::filesystem::remove_all(directory_); }

  PosixDisk disk_;
  std::string directory_;
};

TEST_F(PosixDiskTest, WhatIsWrittenCanBeReadAndEndsWhereTheFileEnds) {
  const auto file = *disk_.Open(directory_ + "/f", Disk::Mode::kCreate);
  ASSERT_TRUE(file->Write(3, "hello").ok());
  ASSERT_TRUE(file->Sync().ok());
  char bytes[16];
  EXPECT_EQ(*file->Read(0, bytes, sizeof bytes), 8U);
  EXPECT_EQ(std::string_view(bytes, 8), std::string_view("\0\0\0hello", 8));
  ASSERT_TRUE(file->Truncate(4).ok());
  EXPECT_EQ(*file->Size(), 4U);
  EXPECT_EQ(*file->Read(100, bytes, sizeof bytes), 0U);
}

TEST_F(PosixDiskTest, NamesAreListedInOrderAndRenamed) {
  ASSERT_TRUE(disk_.Open(directory_ + "/b", Disk::Mode::kCreate).ok());
  ASSERT_TRUE(disk_.Open(directory_ + "/a", Disk::Mode::kCreate).ok());
  ASSERT_TRUE(disk_.Rename(directory_ + "/b", directory_ + "/c").ok());
  ASSERT_TRUE(disk_.SyncDirectory(directory_).ok());
  EXPECT_EQ(*disk_.List(directory_), (std::vector<std::string>{"a", "c"}));
  ASSERT_TRUE(disk_.Remove(directory_ + "/a").ok());
  EXPECT_GT(*disk_.FreeBytes(directory_), 0U);
}

TEST_F(PosixDiskTest, AFileIsIdentifiedUntilAnotherTakesItsPlace) {
  ASSERT_TRUE(disk_.Open(directory_ + "/a", Disk::Mode::kCreate).ok());
  ASSERT_TRUE(disk_.Open(directory_ + "/b", Disk::Mode::kCreate).ok());
  const FileIdentity a = *disk_.Identify(directory_ + "/a");
  EXPECT_EQ(*disk_.Identify(directory_ + "/a"), a);
  ASSERT_TRUE(disk_.Rename(directory_ + "/b", directory_ + "/a").ok());
  EXPECT_NE(*disk_.Identify(directory_ + "/a"), a);
  EXPECT_EQ(disk_.Identify(directory_ + "/b").status().code(), Code::kNotFound);
}

TEST_F(PosixDiskTest, LinksAndDirectoriesAreNotWrittenTo) {
  std::filesystem::create_symlink(directory_ + "/victim", directory_ + "/link");
  for (const Disk::Mode mode : {Disk::Mode::kReadWrite, Disk::Mode::kCreate})
    EXPECT_EQ(disk_.Open(directory_ + "/link", mode).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(disk_.Lock(directory_ + "/link").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(disk_.Open(directory_, Disk::Mode::kRead).status().code(), Code::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/victim"));
}

TEST_F(PosixDiskTest, AMissingFileHasItsOwnCodeAndItsPathInTheMessage) {
  const auto file = disk_.Open(directory_ + "/none", Disk::Mode::kRead);
  EXPECT_EQ(file.status().code(), Code::kNotFound);
  EXPECT_NE(file.status().message().find(directory_ + "/none"), std::string::npos);
}

TEST_F(PosixDiskTest, ALockIsHeldOnceUntilItIsReleased) {
  auto lock = disk_.Lock(directory_ + "/LOCK");
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(disk_.Lock(directory_ + "/LOCK").status().code(), Code::kFailedPrecondition);
  lock->reset();
  EXPECT_TRUE(disk_.Lock(directory_ + "/LOCK").ok());
}

}  // namespace
}  // namespace treadle
