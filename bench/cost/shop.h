// Shop: an engine and its frames, driven as the shard does it. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/cost/cost.h"
#include "engine/engine.h"

namespace treadle::cost {

class Shop {
 public:
  Shop();

  // Each of these is one batch, and so one frame.

  void Enqueue(std::vector<NewTask> tasks);
  std::vector<Leased> Lease();  // kBatch tasks
  void Report(const std::vector<treadle::Report>& reports);
  /// Advances time by `ms` and does what is due by then.
  void Tick(int64_t ms);

  /// One report per lease.
  static std::vector<treadle::Report> Completed(const std::vector<Leased>& leases);
  static std::vector<treadle::Report> Failed(const std::vector<Leased>& leases);

  uint64_t last_frame() const { return next_ - 1; }
  ShardTime now() const { return now_; }
  /// Keeps frames from now on. Otherwise each one is dropped at once.
  void KeepFrames() { keeps_frames_ = true; }
  std::vector<std::string> TakeFrames() { return std::exchange(frames_, {}); }

 private:
  template <class Work>
  void InFrame(Work work);

  Engine engine_;
  uint64_t next_ = 1;
  uint32_t exchange_ = 0;
  ShardTime now_;
  bool keeps_frames_ = false;
  std::vector<std::string> frames_;
};

}  // namespace treadle::cost
