// The journal against a bare loop. Writes and syncs the same bytes, one frame after the other, once
// through FileJournal and once with only pwrite and fdatasync into a file that was already written.
// The difference is the cost of the journal's frames, checksums and segments.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/posix_disk.h"
#include "bench/bench.h"
#include "journal/file_journal.h"

namespace treadle::bench {
namespace {

constexpr uint64_t kFileBytes = uint64_t{32} << 20;  // of a segment, and of the bare file
constexpr int kRounds = 9;

struct Frames {
  const char* what;
  uint64_t bytes;  // in the file
  uint64_t count;  // per round
};
/// A round of the first kind fills about one segment, so it includes the cost of starting the next
/// one.
constexpr std::array<Frames, 2> kFrames = {
    {{"a batch of 100 tasks", 30'720, 1'000}, {"one task", 400, 4'000}}};

class ThroughJournal {
 public:
  explicit ThroughJournal(const std::string& directory)
      : journal_(OrDie(FileJournal::Open(&disk_, &random_, {directory, kFileBytes}))),
        last_(journal_->recovered_sequence()) {}

  /// Returns seconds. First does what other executors do in a node: turns old segments into spares.
  double Round(const Frames& frames) {
    OrDie(journal_->Trim(last_));
    OrDie(journal_->MakeRoom());
    const std::string effects(frames.bytes - kFrameHeaderBytes, 'x');
    const Stopwatch watch;
    for (uint64_t i = 0; i < frames.count; ++i)
      OrDie(journal_->Append({++last_, ShardTime{1}, effects}, Journal::Durability::kSynced));
    return watch.Seconds();
  }

 private:
  PosixDisk disk_;
  SystemRandom random_;
  std::unique_ptr<FileJournal> journal_;
  uint64_t last_;
};

class BareLoop {
 public:
  explicit BareLoop(const std::string& path)
      : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    const std::string zeros(uint64_t{1} << 20, '\0');
    for (offset_ = 0; offset_ < kFileBytes;) Write(zeros);
    Sync();
  }
  ~BareLoop() { close(fd_); }
  BareLoop(const BareLoop&) = delete;
  BareLoop& operator=(const BareLoop&) = delete;

  double Round(const Frames& frames) {
    const std::string frame(frames.bytes, 'x');
    const Stopwatch watch;
    for (uint64_t i = 0; i < frames.count; ++i) {
      if (offset_ + frame.size() > kFileBytes) offset_ = 0;
      Write(frame);
      Sync();
    }
    return watch.Seconds();
  }

 private:
  void Write(const std::string& bytes) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset_));
    if (written != static_cast<ssize_t>(bytes.size())) Die("cannot write the bare file");
    offset_ += bytes.size();
  }
  void Sync() const {
    if (fdatasync(fd_) != 0) Die("cannot sync the bare file");
  }
  [[noreturn]] static void Die(const char* what) { bench::Die({Code::kUnavailable, what}); }

  const int fd_;
  uint64_t offset_ = 0;
};

double MedianOf(std::vector<double> seconds) {
  const auto middle = seconds.begin() + kRounds / 2;
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

void Compare(const std::string& directory, const Frames& frames) {
  ThroughJournal journal(directory + "/journal");
  BareLoop bare(directory + "/bare");
  std::vector<double> journal_seconds;
  std::vector<double> bare_seconds;
  for (int round = 0; round < kRounds; ++round) {
    journal_seconds.push_back(journal.Round(frames));
    bare_seconds.push_back(bare.Round(frames));
  }
  const double through = MedianOf(std::move(journal_seconds));
  const double loop = MedianOf(std::move(bare_seconds));
  const std::string what =
      " of " + std::to_string(frames.bytes) + " bytes (" + frames.what + "), each synced";
  Print("journal: frames" + what, frames.count, through);
  Print("bare loop: frames" + what, frames.count, loop);
  PrintRatio("journal against bare loop: frames" + what, loop / through);
}

}  // namespace

void RunJournal(const Settings& settings) {
  const std::string directory = settings.directory + "-journal";
  for (const Frames& frames : kFrames) {
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    Compare(directory, frames);
  }
  std::filesystem::remove_all(directory);
}

}  // namespace treadle::bench
