// Runs the suite on FileJournal: on this machine's file system and on a simulated disk.
#include "tests/conformance/journal_conformance.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <span>
#include <utility>
#include <vector>

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
    TREADLE_ASSIGN_OR_RETURN(auto journal, OpenLog(/*streams=*/1));
    return std::unique_ptr<Journal>(std::move(journal));
  }
  Result<std::unique_ptr<FileJournal>> OpenLog(uint16_t streams) {
    return FileJournal::Open(
        disk(), &random_,
        {.directory = directory(), .segment_bytes = kHomeSegmentBytes, .streams = streams});
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

class JournalOnThisMachine : public FileJournalHome {
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

constexpr ShardId kOthers[] = {1, 3};

// One of three streams of a log, while frames of the others come before and after each of its own.
class JournalOfOneStream final : public Journal {
 public:
  explicit JournalOfOneStream(std::unique_ptr<FileJournal> log)
      : log_(std::move(log)), mine_(log_->stream(2)) {
    for (const ShardId id : kOthers) next_[id] = log_->stream(id)->recovered_sequence() + 1;
  }

  uint32_t term() const override { return mine_->term(); }
  uint64_t first_sequence() const override { return mine_->first_sequence(); }
  uint64_t recovered_sequence() const override { return mine_->recovered_sequence(); }
  Status Append(std::span<const Frame> frames, Durability durability) override {
    std::vector<Frame> group;
    const bool fills_a_segment = frames.front().effects.size() > kHomeSegmentBytes / 2;
    if (!fills_a_segment) group.push_back(Other(1));
    for (Frame frame : frames) {
      frame.stream = 2;
      group.push_back(frame);
    }
    if (!fills_a_segment) group.push_back(Other(3));
    return log_->Append(group, durability);
  }
  Status Sync() override { return mine_->Sync(); }
  Status Read(uint64_t from, uint64_t to, const Visitor& visit) override {
    return mine_->Read(from, to, visit);
  }
  Status Trim(uint64_t sequence) override {
    for (const ShardId id : kOthers) TREADLE_RETURN_IF_ERROR(log_->stream(id)->Trim(next_[id] - 1));
    return mine_->Trim(sequence);
  }
  bool HasRoomFor(uint64_t bytes) const override { return mine_->HasRoomFor(bytes); }
  Status MakeRoom() override { return mine_->MakeRoom(); }
  Status CheckInPlace() override { return mine_->CheckInPlace(); }

 private:
  Frame Other(ShardId id) {
    return {.sequence = next_[id]++, .time = {-9}, .effects = "of another shard", .stream = id};
  }

  std::unique_ptr<FileJournal> log_;
  Journal* mine_;
  std::map<ShardId, std::atomic<uint64_t>> next_;
};

template <class Home>
class AmongStreams final : public Home {
 public:
  Result<std::unique_ptr<Journal>> Open() override {
    TREADLE_ASSIGN_OR_RETURN(auto log, this->OpenLog(/*streams=*/3));
    return std::unique_ptr<Journal>(new JournalOfOneStream(std::move(log)));
  }
  uint64_t effects_bytes_max() const override {
    return Home::effects_bytes_max() - kStreamSequenceBytes;
  }
};

class JournalOnSimDisk : public FileJournalHome {
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
                    JournalKind{"on_sim_disk", MakeJournalHome<JournalOnSimDisk>},
                    JournalKind{"among_streams_on_this_machine",
                                MakeJournalHome<AmongStreams<JournalOnThisMachine>>},
                    JournalKind{"among_streams_on_sim_disk",
                                MakeJournalHome<AmongStreams<JournalOnSimDisk>>}),
    JournalKindName);

}  // namespace
}  // namespace treadle
