#include "demo/verify.h"

#include <sys/stat.h>

#include <algorithm>

#include "demo/job.h"
#include "demo/walk.h"

namespace treadle::demo {
namespace {

constexpr int64_t kClockSlackMs = 1'000;  // file systems keep time more coarsely than clocks do

int64_t ToMs(const timespec& time) {
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

/// Changed, made, renamed or gone since `started`.
bool IsChangedSince(const std::string& path, WallTime started) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return true;
  return std::max(ToMs(info.st_mtim), ToMs(info.st_ctim)) >= started.ms - kClockSlackMs;
}

class Sum {
 public:
  void Add(const std::string& path, const FileDigest& digest) {
    ++totals_.files;
    totals_.bytes += digest.bytes;
    totals_.lines += digest.lines;
    totals_.words += digest.words;
    lines_ += path + '\0' + ToHex(digest.sha256.view()) + '\n';
  }
  Totals Finish() {
    totals_.sha256 = ToHex(Sha256Of(lines_).view());
    return totals_;
  }

 private:
  Totals totals_;
  std::string lines_;
};

}  // namespace

Result<Verification> Verify(const std::string& directory, const std::string& run,
                            const Outcomes& outcomes, WallTime started) {
  TREADLE_ASSIGN_OR_RETURN(const Walk walk, WalkFiles(directory));
  Verification check;
  Sum job;
  Sum direct;
  size_t met = 0;  // outcomes whose file the walk met
  for (const std::string& path : walk.files) {
    const auto found = outcomes.by_key.find(FileKey(run, path));
    if (found == outcomes.by_key.end()) {
      if (IsChangedSince(path, started)) {
        ++check.changed;
      } else {
        check.lost.push_back(path);
      }
      continue;
    }
    ++met;
    const FileOutcome& outcome = found->second;
    if (!outcome.completed) continue;
    const Result<FileDigest> digest = DigestFile(path);
    if (!digest.ok() || *digest != outcome.digest) {
      if (IsChangedSince(path, started)) {
        ++check.changed;
        continue;
      }
      check.differing.push_back(path);
    }
    job.Add(path, outcome.digest);
    if (digest.ok()) direct.Add(path, *digest);
  }
  check.changed += static_cast<int64_t>(outcomes.by_key.size() - met);
  check.job = job.Finish();
  check.direct = direct.Finish();
  check.verified = check.lost.empty() && check.differing.empty() && check.job == check.direct;
  return check;
}

}  // namespace treadle::demo
