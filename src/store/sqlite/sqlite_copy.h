// SqliteCopy: a StoreCopy by SQLite's online backup.
//
// It reads through the connection that writes: then SQLite puts every page that a commit changes
// into the copy as well (https://www.sqlite.org/c3ref/backup_finish.html), so that no commit makes
// it start over, and no snapshot stays open between two steps.
#pragma once

#include <memory>
#include <string>

#include "store/sqlite/sqlite.h"
#include "store/store.h"

namespace treadle {

class SqliteCopy final : public StoreCopy {
 public:
  /// Borrows `from`. What is at `path` is overwritten.
  static Result<std::unique_ptr<StoreCopy>> Begin(Connection* from, const std::string& path,
                                                  const std::string& vfs);
  ~SqliteCopy() override;

  Result<bool> Advance(uint64_t bytes) override;
  uint64_t bytes_total() const override { return pages_total_ * page_bytes_; }
  uint64_t bytes_done() const override { return (pages_total_ - pages_left_) * page_bytes_; }

 private:
  SqliteCopy(Connection* from, std::unique_ptr<Connection> to) : from_(from), to_(std::move(to)) {}

  Status Start();
  Status Close();

  Connection* from_;
  std::unique_ptr<Connection> to_;
  sqlite3_backup* backup_ = nullptr;
  uint64_t page_bytes_ = 4096;
  uint64_t pages_total_ = 0;
  uint64_t pages_left_ = 0;
};

}  // namespace treadle
