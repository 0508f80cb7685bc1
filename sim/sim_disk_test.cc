#include "sim/sim_disk.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace treadle::sim {
namespace {

constexpr int kSeeds = 200;

std::unique_ptr<File> Create(SimDisk* disk, const std::string& path) {
  return *disk->Open(path, Disk::Mode::kCreate);
}

// A durable file with this content.
std::unique_ptr<File> Make(SimDisk* disk, const std::string& path, const std::string& content) {
  auto file = Create(disk, path);
  EXPECT_TRUE(file->Write(0, content).ok());
  EXPECT_TRUE(file->Sync().ok());
  EXPECT_TRUE(disk->SyncDirectory("/d").ok());
  return file;
}

std::string Content(SimDisk* disk, const std::string& path) {
  auto file = disk->Open(path, Disk::Mode::kRead);
  if (!file.ok()) return "(missing)";
  std::string content(*(*file)->Size(), '\0');
  EXPECT_EQ(*(*file)->Read(0, content.data(), content.size()), content.size());
  return content;
}

// The contents `path` may have after `work` and a power failure, over many seeds.
std::set<std::string> Outcomes(const std::string& path, const std::function<void(SimDisk*)>& work) {
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimDisk disk(seed);
    work(&disk);
    disk.Restart();
    outcomes.insert(Content(&disk, path));
  }
  return outcomes;
}

using Set = std::set<std::string>;

TEST(SimDisk, WritesAndTruncationsBehaveAsOnARealDisk) {
  SimDisk disk(1);
  const auto file = Create(&disk, "/d/a");
  ASSERT_TRUE(file->Write(4, "xy").ok());
  EXPECT_EQ(Content(&disk, "/d/a"), std::string("\0\0\0\0xy", 6));
  ASSERT_TRUE(file->Write(1, "abc").ok());
  ASSERT_TRUE(file->Truncate(3).ok());
  ASSERT_TRUE(file->Truncate(5).ok());
  EXPECT_EQ(Content(&disk, "/d/a"), std::string("\0ab\0\0", 5));
  char byte = 0;
  EXPECT_EQ(*file->Read(9, &byte, 1), 0u);
}

TEST(SimDisk, NamesAreListedRenamedAndRemoved) {
  SimDisk disk(1);
  ASSERT_TRUE(disk.CreateDirectory("/d").ok());
  ASSERT_TRUE(disk.CreateDirectory("/d/sub").ok());
  Make(&disk, "/d/b", "b");
  Make(&disk, "/d/a", "a");
  Make(&disk, "/d/sub/c", "c");
  EXPECT_EQ(*disk.List("/d"), (std::vector<std::string>{"a", "b", "sub"}));
  ASSERT_TRUE(disk.Rename("/d/a", "/d/b").ok());
  EXPECT_EQ(Content(&disk, "/d/b"), "a");
  EXPECT_EQ(disk.Remove("/d/a").code(), Code::kNotFound);
  EXPECT_EQ(disk.Rename("/d/a", "/d/b").code(), Code::kNotFound);
  EXPECT_EQ(disk.Open("/d/a", Disk::Mode::kReadWrite).status().code(), Code::kNotFound);
}

TEST(SimDisk, SyncedWritesSurviveAndOthersMayOrMayNot) {
  const auto work = [](SimDisk* disk) {
    const auto file = Make(disk, "/d/a", "1234");
    EXPECT_TRUE(file->Write(1, "x").ok());
    EXPECT_TRUE(file->Write(2, "y").ok());
  };
  EXPECT_EQ(Outcomes("/d/a", work), (Set{"1234", "1x34", "12y4", "1xy4"}));
}

TEST(SimDisk, AWriteTearsAtTheSectorsOfTheFile) {
  const auto work = [](SimDisk* disk) {
    const auto file = Make(disk, "/d/a", std::string(1536, '.'));
    EXPECT_TRUE(file->Write(100, std::string(1000, 'x')).ok());
  };
  Set expected;
  for (const size_t end : {100, 512, 1024, 1100})
    expected.insert(std::string(1536, '.').replace(100, end - 100, end - 100, 'x'));
  EXPECT_EQ(Outcomes("/d/a", work), expected);
}

TEST(SimDisk, ATruncationIsNotDurableBeforeASync) {
  const auto work = [](SimDisk* disk) { EXPECT_TRUE(Make(disk, "/d/a", "12")->Truncate(1).ok()); };
  EXPECT_EQ(Outcomes("/d/a", work), (Set{"1", "12"}));
}

TEST(SimDisk, NamesAreDurableOnlyAfterSyncDirectory) {
  const auto create = [](SimDisk* disk) {
    const auto file = Create(disk, "/d/a");
    EXPECT_TRUE(file->Write(0, "1").ok() && file->Sync().ok());
  };
  EXPECT_EQ(Outcomes("/d/a", create), (Set{"(missing)", "1"}));
  const auto other = [&](SimDisk* disk) {
    create(disk);
    EXPECT_TRUE(disk->SyncDirectory("/e").ok());
  };
  EXPECT_EQ(Outcomes("/d/a", other), (Set{"(missing)", "1"}));
  const auto synced = [&](SimDisk* disk) {
    create(disk);
    EXPECT_TRUE(disk->SyncDirectory("/d").ok());
  };
  EXPECT_EQ(Outcomes("/d/a", synced), (Set{"1"}));
}

TEST(SimDisk, APrefixOfTheDirectoryChangesSurvives) {
  const auto work = [](SimDisk* disk) {
    Make(disk, "/d/a", "a");
    Make(disk, "/d/b", "b");
    EXPECT_TRUE(disk->Rename("/d/a", "/d/b").ok());
    EXPECT_TRUE(disk->Remove("/d/b").ok());
  };
  EXPECT_EQ(Outcomes("/d/a", work), (Set{"a", "(missing)"}));
  EXPECT_EQ(Outcomes("/d/b", work), (Set{"b", "a", "(missing)"}));
}

TEST(SimDisk, ItDiesAtTheRequestedOperation) {
  SimDisk disk(1);
  const auto file = Make(&disk, "/d/a", "1");
  const uint64_t before = disk.operations();
  disk.CrashAt(2);
  ASSERT_TRUE(file->Write(1, "2").ok());
  EXPECT_EQ(file->Sync().code(), Code::kUnavailable);
  EXPECT_TRUE(disk.dead());
  EXPECT_EQ(disk.operations(), before + 2);
  char byte = 0;
  EXPECT_EQ(file->Read(0, &byte, 1).status().code(), Code::kUnavailable);
  EXPECT_EQ(file->Write(0, "x").code(), Code::kUnavailable);
  EXPECT_EQ(disk.Open("/d/b", Disk::Mode::kCreate).status().code(), Code::kUnavailable);
  EXPECT_EQ(disk.Rename("/d/a", "/d/b").code(), Code::kUnavailable);
  EXPECT_EQ(disk.Remove("/d/a").code(), Code::kUnavailable);
  EXPECT_EQ(disk.SyncDirectory("/d").code(), Code::kUnavailable);
  EXPECT_EQ(disk.List("/d").status().code(), Code::kUnavailable);
  EXPECT_EQ(disk.operations(), before + 2);
  disk.Restart();
  EXPECT_FALSE(disk.dead());
  EXPECT_EQ(Content(&disk, "/d/a").substr(0, 1), "1");
}

TEST(SimDisk, TheOperationAtWhichItDiesMayBeDoneOrNot) {
  const auto dying_sync = [](SimDisk* disk) {
    const auto file = Make(disk, "/d/a", "1");
    disk->CrashAt(2);
    EXPECT_TRUE(file->Write(0, "2").ok());
    EXPECT_FALSE(file->Sync().ok());
  };
  EXPECT_EQ(Outcomes("/d/a", dying_sync), (Set{"1", "2"}));
  const auto dying_rename = [](SimDisk* disk) {
    Make(disk, "/d/a", "1");
    disk->CrashAt(1);
    EXPECT_FALSE(disk->Rename("/d/a", "/d/b").ok());
  };
  EXPECT_EQ(Outcomes("/d/b", dying_rename), (Set{"(missing)", "1"}));
}

TEST(SimDisk, HandlesAndLocksFromBeforeACrashAreHarmless) {
  SimDisk disk(1);
  const auto file = Make(&disk, "/d/a", "1");
  auto lock = *disk.Lock("/d/lock");
  EXPECT_EQ(disk.Lock("/d/lock").status().code(), Code::kFailedPrecondition);
  disk.Restart();
  EXPECT_EQ(file->Write(0, "2").code(), Code::kUnavailable);
  EXPECT_EQ(file->Sync().code(), Code::kUnavailable);
  EXPECT_EQ(Content(&disk, "/d/a"), "1");
  const auto again = disk.Lock("/d/lock");
  EXPECT_TRUE(again.ok());
  lock.reset();  // must not release the new lock
  EXPECT_EQ(disk.Lock("/d/lock").status().code(), Code::kFailedPrecondition);
}

TEST(SimDisk, AKilledProcessLeavesItsWritesButNoMoreDurable) {
  const auto work = [](SimDisk* disk) {
    EXPECT_TRUE(Make(disk, "/d/a", "1")->Write(0, "2").ok());
    disk->RestartProcess();
    EXPECT_EQ(Content(disk, "/d/a"), "2");
  };
  EXPECT_EQ(Outcomes("/d/a", work), (Set{"1", "2"}));
}

TEST(SimDisk, AFullDiskWritesWhatFitsAndRejectsTheRest) {
  SimDisk disk(1);
  const auto file = Make(&disk, "/d/a", "1234");
  disk.SetCapacity(6);
  EXPECT_EQ(*disk.FreeBytes("/d"), 2u);
  EXPECT_EQ(file->Write(3, "abcd").code(), Code::kResourceExhausted);
  EXPECT_EQ(Content(&disk, "/d/a"), "123abc");
  EXPECT_EQ(*disk.FreeBytes("/d"), 0u);
  EXPECT_TRUE(file->Write(0, "overwritten").code() == Code::kResourceExhausted);
  EXPECT_TRUE(file->Write(0, "fits").ok());
  ASSERT_TRUE(file->Truncate(1).ok());
  EXPECT_EQ(*disk.FreeBytes("/d"), 5u);
}

TEST(SimDisk, NoLaterSyncSavesWhatAFailedSyncLost) {
  const auto work = [](SimDisk* disk) {
    const auto file = Make(disk, "/d/a", "1-");
    EXPECT_TRUE(file->Write(0, "2").ok());
    disk->FailNextSync();
    EXPECT_EQ(file->Sync().code(), Code::kUnavailable);
    EXPECT_EQ(Content(disk, "/d/a"), "2-");
    EXPECT_TRUE(file->Write(1, "+").ok());
    EXPECT_TRUE(file->Sync().ok());
  };
  EXPECT_EQ(Outcomes("/d/a", work), (Set{"1+", "2+"}));
}

TEST(SimDisk, DamageIsDurable) {
  const auto work = [](SimDisk* disk) {
    Make(disk, "/d/a", "abcd");
    disk->FlipBit("/d/a", 1, 0);
    disk->Cut("/d/a", 3);
    EXPECT_EQ(Content(disk, "/d/a"), "acc");
  };
  EXPECT_EQ(Outcomes("/d/a", work), (Set{"acc"}));
}

TEST(SimDisk, AMisreadSparesTheLastTwoPlacesThatWereWritten) {
  Set misread;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimDisk disk(seed);
    const auto file = Make(&disk, "/d/1.seg", "aa");
    for (const auto& [place, text] : {std::pair(2, "bb"), {4, "cc"}, {4, "cc"}})
      ASSERT_TRUE(file->Write(place, text).ok());
    disk.MisreadNext();
    const std::string content = Content(&disk, "/d/1.seg");
    EXPECT_EQ(content.substr(2), "bbcc");
    misread.insert(content.substr(0, 2));
  }
  EXPECT_GT(misread.size(), 10U);
}

TEST(SimDisk, TheSameSeedGivesTheSameCrash) {
  const auto run = [](uint64_t seed) {
    SimDisk disk(seed);
    const auto file = Make(&disk, "/d/a", std::string(4096, '.'));
    for (uint64_t i = 0; i < 8; ++i) EXPECT_TRUE(file->Write(i * 512, "x").ok());
    disk.Restart();
    return Content(&disk, "/d/a");
  };
  for (uint64_t seed = 0; seed < 20; ++seed) EXPECT_EQ(run(seed), run(seed));
}

}  // namespace
}  // namespace treadle::sim
