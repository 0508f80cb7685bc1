// The handlers that tests/sdk/scenarios.yaml names, and what they leave behind.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <treadle/worker.h>

/// What the workers of one scenario did. Any thread.
class Notes {
 public:
  void Reset();
  void Ran(const std::string& task);
  int RunsOf(const std::string& task) const;
  std::map<std::string, int> Runs() const;
  void Wrote(std::string_view line);
  std::vector<std::string> Lines() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> runs_;
  std::vector<std::string> lines_;
};

/// All handlers, with their pools and middleware. `notes` is borrowed.
void AddHandlers(treadle::Worker& worker, const std::string& queue, Notes* notes);
