// Runs the suite on FileJournal: on this machine's file system and on a simulated disk.
#include "tests/conformance/journal_conformance.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <utility>

#include "base/posix_disk.h"
#include "base/random.h"
#include "journal/file_journal.h"
#include "sim/sim_disk.h"

namespace treadle {
namespace {

constexpr uint64_t kHomeSegmentBytes = 16 << 10;

class FileJournalHome : public JournalHome {
 public:
  Result<std::unique_ptr<Journal>> Open() override {
    TREADLE_ASSIGN_OR_RETURN(auto journal,
                             FileJournal::Open(disk(), &random_, {directory(), kHomeSegmentBytes}));
    return std::unique_ptr<Journal>(std::move(journal));
  }
  uint64_t effects_bytes_max() const override {
    return kHomeSegmentBytes - kSegmentHeaderBytes - kFrameHeaderBytes;
  }

 protected:
  virtual Disk* disk() = 0;
  virtual std::string directory() const = 0;

 private:
  SeededRandom random_{7};
};

class JournalOnThisMachine final : public FileJournalHome {
 public:
  JournalOnThisMachine() {
    static std::atomic<int> next = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("journal-test-" + std::to_string(getpid()) + "-" + std::to_string(++next));
    std::filesystem::create_directories(path_);
  }
  ~JournalOnThisMachine() override { std::filesystem::remove_all(path_); }
  bool LosePower() override { return false; }
  bool SetDiskFull(bool /*full*/) override { return false; }
  bool allows_threads() const override { return true; }

 protected:
  Disk* disk() override { return &disk_; }
  std::string directory() const override { return path_ / "journal"; }

 private:
  PosixDisk disk_;
  std::filesystem::path path_;
};

class JournalOnSimDisk final : public FileJournalHome {
 public:
  bool LosePower() override { return disk_.Restart(), true; }
  bool SetDiskFull(bool full) override {
    disk_.SetCapacity(full ? 0 : UINT64_MAX);
    return true;
  }
  bool allows_threads() const override { return false; }

 protected:
  Disk* disk() override { return &disk_; }
  std::string directory() const override { return "/data/journal"; }

 private:
  sim::SimDisk disk_{1};
};

template <class Home>
std::unique_ptr<JournalHome> MakeJournalHome() {
  return std::make_unique<Home>();
}

INSTANTIATE_TEST_SUITE_P(
    Files, JournalConformance,
    testing::Values(JournalKind{"on_this_machine", MakeJournalHome<JournalOnThisMachine>},
                    JournalKind{"on_sim_disk", MakeJournalHome<JournalOnSimDisk>}),
    JournalKindName);

}  // namespace
}  // namespace treadle
