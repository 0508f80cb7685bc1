#include "tools/scratch_store.h"

#include <cstdlib>
#include <filesystem>

namespace treadle::tools {

namespace fs = std::filesystem;

Result<ScratchStore> ScratchStore::Make() {
  std::error_code error;
  std::string directory = (fs::temp_directory_path(error) / "treadle-check-XXXXXX").string();
  if (error || mkdtemp(directory.data()) == nullptr)
    return Status(Code::kUnavailable, "cannot make a directory for temporary files in $TMPDIR");
  return ScratchStore(std::move(directory));
}

Result<ScratchStore> ScratchStore::CopyOf(const std::string& store) {
  TREADLE_ASSIGN_OR_RETURN(ScratchStore scratch, Make());
  std::error_code error;
  for (const char* const suffix : {"", "-wal"}) {
    if (!fs::exists(store + suffix, error)) continue;
    fs::copy_file(store + suffix, scratch.path() + suffix, error);
    if (error)
      return Status(Code::kResourceExhausted, "cannot copy " + store + suffix + " to " +
                                                  scratch.directory_ + ": " + error.message() +
                                                  "; set TMPDIR to a directory with more room");
  }
  return scratch;
}

ScratchStore::~ScratchStore() {
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

}  // namespace treadle::tools
