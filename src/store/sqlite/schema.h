// The tables of a store file, and what makes a file ours. Every column is described in
// docs/formats/store.md.
#pragma once

#include <cstdint>
#include <string>

#include "base/disk.h"
#include "base/status.h"
#include "store/sqlite/sqlite.h"

namespace treadle {

/// In the file's header: tells a Treadle store from other SQLite files. "Trdl" in ASCII.
inline constexpr int64_t kStoreApplicationId = 0x5472646c;
/// The version of the schema that this build reads and writes, in the header's user_version.
inline constexpr int64_t kStoreVersion = 4;
/// Older ones were written by no release.
inline constexpr int64_t kStoreVersionOldest = 2;

/// What a store may differ in without being another version. The simulation, whose files are small
/// and opened often, does.
struct StoreShape {
  int page_bytes = 8192;         // of a new file. Wider pages cost more log for each row changed
  int log_bytes = 4 << 20;       // a commit that leaves the log longer moves it into the database
  bool has_people_views = true;  // of a new file. Nothing in Treadle reads them, but each
                                 // connection parses them
};

/// FAILED_PRECONDITION: a newer Treadle wrote the store at `path`. Reads the file's header and
/// nothing more, so that such a directory is refused before anything in it changes. Any other file,
/// or none, is fine here: PrepareSchema() looks closer.
Status CheckIsNotNewer(Disk* disk, const std::string& path);

/// Gives `db` row_digest(…); makes an empty file a store of this identity, or brings an older store
/// forward, in one transaction; then switches it to a write-ahead log. FAILED_PRECONDITION, and the
/// file is as it was: it is no SQLite file, or one of another program, of a newer Treadle, or of
/// another data directory, or defines what Treadle did not make.
Status PrepareSchema(Connection* db, uint64_t identity, const StoreShape& shape);

/// Everything that a new store defines, in an empty file.
Status CreateSchema(Connection* db, const StoreShape& shape = {});

/// Makes the store at `path` that of another journal, from which nothing has been written yet. For
/// a file that nobody else has open, and that is one of this version; durable on return.
Status ChangeIdentity(const std::string& path, uint64_t identity);

/// How every connection to a store is set: synced commits, a small log, and a cache of `cache_kib`.
Status Configure(Connection* db, int cache_kib, const StoreShape& shape);

}  // namespace treadle
