// ScratchStore: a copy of a store file for SQLite to do with as it likes, in $TMPDIR, removed at
// the end.
#pragma once

#include <string>
#include <utility>

#include "base/status.h"

namespace treadle::tools {

class ScratchStore {
 public:
  /// A place for a store that is not there yet. UNAVAILABLE: no place.
  static Result<ScratchStore> Make();
  /// Copies the file and its log. RESOURCE_EXHAUSTED: no room. UNAVAILABLE: no place.
  static Result<ScratchStore> CopyOf(const std::string& store);

  ScratchStore(ScratchStore&& other) noexcept : directory_(std::exchange(other.directory_, "")) {}
  ScratchStore& operator=(ScratchStore&&) = delete;
  ~ScratchStore();

  std::string path() const { return directory_ + "/store.db"; }

 private:
  explicit ScratchStore(std::string directory) : directory_(std::move(directory)) {}

  std::string directory_;
};

}  // namespace treadle::tools
