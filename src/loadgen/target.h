// Target: the server that is measured: one that runs, or a child of our own. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "client/connection.h"
#include "console/sibling.h"
#include "loadgen/exposition.h"
#include "treadle/client.h"

namespace treadle::loadgen {

class Target {
 public:
  /// A server that somebody else runs.
  explicit Target(ConnectionOptions connection) : connection_(std::move(connection)) {}
  /// A child with a data directory of its own below `parent` (empty: the system's place for
  /// temporary files), which is removed with it. Returns once it is ready.
  static Result<Target> Serve(const std::string& parent);
  Target(Target&&) = default;
  Target& operator=(Target&&) = delete;
  /// Ends the child, and removes its data.
  ~Target();

  bool is_own() const { return !data_.empty(); }
  /// `linger` 0: no shared requests.
  ClientOptions Client(std::chrono::microseconds linger) const;
  const ConnectionOptions& connection() const { return connection_; }
  /// "fsync" or "interval"; empty if the server does not report it.
  std::string Durability() const;

  /// Since the server's start; nothing if it does not report it.
  std::optional<int64_t> Checkpoints() const;
  /// Of our own server since its start; nothing for another's.
  std::optional<loadgen::ShardTurns> ShardTurns() const;
  /// Waits until a checkpoint has taken up all that was enqueued and done, so that what is measured
  /// next does not pay for it. UNAVAILABLE: the server does not report it; CANCELLED.
  Status Settle(const std::function<bool()>& interrupted) const;

  /// Of our own server since its start, in microseconds; nothing for another's.
  std::optional<int64_t> CpuUs() const;
  /// Resident memory of our own server.
  std::optional<int64_t> RssBytes() const;

  /// Kills our own server and starts it again on its data; from exec to ready, in seconds.
  Result<double> KillAndRestart();

 private:
  Target() = default;
  Status StartChild();
  /// What is at `path`; empty if there is no good answer.
  std::string Get(const std::string& path) const;

  ConnectionOptions connection_;
  std::string data_;    // empty: not our own
  std::string listen_;  // of our own
  Sibling child_;
};

}  // namespace treadle::loadgen
