#include "sim/sim_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <map>
#include <new>
#include <thread>

#include "base/check.h"
#include "base/random.h"
#include "base/thread_annotations.h"
#include "sim/sim_vfs_locks.h"

namespace treadle::sim {

struct SimVfs::State {
  Disk* disk = nullptr;
  std::string name;
  sqlite3_vfs vfs{};
  Mutex mutex;
  SeededRandom random TREADLE_GUARDED_BY(mutex){1};
  WallTime wall TREADLE_GUARDED_BY(mutex);
  std::map<std::string, SharedFile> shared TREADLE_GUARDED_BY(mutex);  // by path
  int opens TREADLE_GUARDED_BY(mutex) = 0;
};

namespace {

// SQLite's own temporary files. They have no name and are gone when closed.
class MemoryFile final : public File {
 public:
  Result<size_t> Read(uint64_t offset, char* out, size_t size) override {
    if (offset >= bytes_.size()) return size_t{0};
    return bytes_.copy(out, size, offset);
  }
  Status Write(uint64_t offset, std::string_view data) override {
    bytes_.resize(std::max<size_t>(bytes_.size(), offset + data.size()));
    std::memcpy(bytes_.data() + offset, data.data(), data.size());
    return {};
  }
  Status Sync() override { return {}; }
  Status Truncate(uint64_t size) override { return bytes_.resize(size), Status(); }
  Result<uint64_t> Size() override { return bytes_.size(); }

 private:
  std::string bytes_;
};

// `State` is SimVfs::State, which is private.
template <class State>
struct Vfs {
  // SQLite allocates this and sees only its first member.
  struct OpenFile {
    sqlite3_file base;
    State* state;
    std::unique_ptr<File> file;
    std::string path;  // empty: temporary file
    LockHolder locks;
    bool sync_directory = false;  // at the next sync, because its name is new
    bool delete_on_close = false;
  };

  static OpenFile* Of(sqlite3_file* file) { return reinterpret_cast<OpenFile*>(file); }
  static State* Of(sqlite3_vfs* vfs) { return static_cast<State*>(vfs->pAppData); }

  static std::string DirectoryOf(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
  }

  static int ResultOf(const Status& status, int error) {
    if (status.ok()) return SQLITE_OK;
    return status.code() == Code::kResourceExhausted ? SQLITE_FULL : error;
  }

  static int Close(sqlite3_file* base) {
    OpenFile* file = Of(base);
    {
      MutexLock lock(file->state->mutex);
      SharedFile* shared = file->locks.file;
      if (shared != nullptr) {
        shared->UnmapShm(&file->locks);
        shared->Unlock(&file->locks, SQLITE_LOCK_NONE);
        if (--shared->opens == 0) file->state->shared.erase(file->path);
      }
      file->file.reset();
      if (file->delete_on_close) (void)file->state->disk->Remove(file->path);
      --file->state->opens;
    }
    file->~OpenFile();
    return SQLITE_OK;
  }

  static int Read(sqlite3_file* base, void* out, int size, sqlite3_int64 offset) {
    OpenFile* file = Of(base);
    MutexLock lock(file->state->mutex);
    const auto wanted = static_cast<size_t>(size);
    char* bytes = static_cast<char*>(out);
    const Result<size_t> got = file->file->Read(static_cast<uint64_t>(offset), bytes, wanted);
    if (!got.ok()) return SQLITE_IOERR_READ;
    std::fill(bytes + *got, bytes + wanted, '\0');
    return *got == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
  }

  static int Write(sqlite3_file* base, const void* data, int size, sqlite3_int64 offset) {
    OpenFile* file = Of(base);
    MutexLock lock(file->state->mutex);
    const std::string_view bytes(static_cast<const char*>(data), static_cast<size_t>(size));
    return ResultOf(file->file->Write(static_cast<uint64_t>(offset), bytes), SQLITE_IOERR_WRITE);
  }

  static int Truncate(sqlite3_file* base, sqlite3_int64 size) {
    OpenFile* file = Of(base);
    MutexLock lock(file->state->mutex);
    return ResultOf(file->file->Truncate(static_cast<uint64_t>(size)), SQLITE_IOERR_TRUNCATE);
  }

  static int Sync(sqlite3_file* base, int /*flags*/) {
    OpenFile* file = Of(base);
    MutexLock lock(file->state->mutex);
    const int result = ResultOf(file->file->Sync(), SQLITE_IOERR_FSYNC);
    if (result != SQLITE_OK || !file->sync_directory) return result;
    file->sync_directory = false;
    return ResultOf(file->state->disk->SyncDirectory(DirectoryOf(file->path)),
                    SQLITE_IOERR_DIR_FSYNC);
  }

  static int FileSize(sqlite3_file* base, sqlite3_int64* size) {
    OpenFile* file = Of(base);
    MutexLock lock(file->state->mutex);
    const Result<uint64_t> found = file->file->Size();
    if (!found.ok()) return SQLITE_IOERR_FSTAT;
    *size = static_cast<sqlite3_int64>(*found);
    return SQLITE_OK;
  }

  static int Lock(sqlite3_file* base, int level) {
    OpenFile* file = Of(base);
    MutexLock lock(file->state->mutex);
    return file->locks.file->Lock(&file->locks, level);
  }

  static int Unlock(sqlite3_file* base, int level) {
    OpenFile* file = Of(base);
    MutexLock lock(file->state->mutex);
    file->locks.file->Unlock(&file->locks, level);
    return SQLITE_OK;
  }

  static int CheckReservedLock(sqlite3_file* base, int* reserved) {
    OpenFile* file = Of(base);
    MutexLock lock(file->state->mutex);
    *reserved = file->locks.file->IsReserved() ? 1 : 0;
    return SQLITE_OK;
  }

  static int FileControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int SectorSize(sqlite3_file*) { return 4096; }
  // A write cut short by a crash leaves the neighboring bytes unchanged.
  static int DeviceCharacteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  static int ShmMap(sqlite3_file* base, int region, int size, int extend, void volatile** out) {
    OpenFile* file = Of(base);
    MutexLock lock(file->state->mutex);
    *out = file->locks.file->MapShm(&file->locks, static_cast<size_t>(region),
                                    static_cast<size_t>(size), extend != 0);
    return SQLITE_OK;
  }

  static int ShmLock(sqlite3_file* base, int offset, int n, int flags) {
    OpenFile* file = Of(base);
    MutexLock lock(file->state->mutex);
    const unsigned slots = ((1U << n) - 1) << offset;
    SharedFile* shared = file->locks.file;
    if ((flags & SQLITE_SHM_LOCK) != 0)
      return shared->LockShm(&file->locks, slots, (flags & SQLITE_SHM_EXCLUSIVE) != 0);
    shared->UnlockShm(&file->locks, slots);
    return SQLITE_OK;
  }

  static void ShmBarrier(sqlite3_file* base) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    MutexLock lock(Of(base)->state->mutex);
  }

  static int ShmUnmap(sqlite3_file* base, int /*delete_flag*/) {
    OpenFile* file = Of(base);
    MutexLock lock(file->state->mutex);
    file->locks.file->UnmapShm(&file->locks);
    return SQLITE_OK;
  }

  static constexpr sqlite3_io_methods kMethods = {
      .iVersion = 2,
      .xClose = Close,
      .xRead = Read,
      .xWrite = Write,
      .xTruncate = Truncate,
      .xSync = Sync,
      .xFileSize = FileSize,
      .xLock = Lock,
      .xUnlock = Unlock,
      .xCheckReservedLock = CheckReservedLock,
      .xFileControl = FileControl,
      .xSectorSize = SectorSize,
      .xDeviceCharacteristics = DeviceCharacteristics,
      .xShmMap = ShmMap,
      .xShmLock = ShmLock,
      .xShmBarrier = ShmBarrier,
      .xShmUnmap = ShmUnmap,
  };

  static Disk::Mode ModeOf(int flags) {
    if ((flags & SQLITE_OPEN_CREATE) != 0) return Disk::Mode::kCreate;
    return (flags & SQLITE_OPEN_READONLY) != 0 ? Disk::Mode::kRead : Disk::Mode::kReadWrite;
  }

  static int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* base, int flags,
                  int* out_flags) {
    State* state = Of(vfs);
    base->pMethods = nullptr;  // nothing to close until the file is open
    MutexLock lock(state->mutex);
    std::unique_ptr<File> opened;
    if (path == nullptr) {
      opened = std::make_unique<MemoryFile>();
    } else {
      Result<std::unique_ptr<File>> result = state->disk->Open(path, ModeOf(flags));
      if (!result.ok()) return ResultOf(result.status(), SQLITE_CANTOPEN);
      opened = std::move(result).value();
    }
    auto* file = new (base) OpenFile{.base = {.pMethods = &kMethods},
                                     .state = state,
                                     .file = std::move(opened),
                                     .path = path == nullptr ? "" : path};
    ++state->opens;
    const bool keeps = (flags & SQLITE_OPEN_DELETEONCLOSE) == 0;
    const bool log = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    file->delete_on_close = path != nullptr && !keeps;
    file->sync_directory = log && (flags & SQLITE_OPEN_CREATE) != 0;
    if (path != nullptr) {
      file->locks.file = &state->shared[file->path];
      ++file->locks.file->opens;
    }
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
  }

  static int Delete(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    State* state = Of(vfs);
    MutexLock lock(state->mutex);
    const Status removed = state->disk->Remove(path);
    if (removed.code() == Code::kNotFound) return SQLITE_IOERR_DELETE_NOENT;
    if (!removed.ok()) return SQLITE_IOERR_DELETE;
    if (sync_directory == 0) return SQLITE_OK;
    return ResultOf(state->disk->SyncDirectory(DirectoryOf(path)), SQLITE_IOERR_DIR_FSYNC);
  }

  // Like SQLite's own: an empty file counts as missing.
  static int Access(sqlite3_vfs* vfs, const char* path, int /*flags*/, int* found) {
    State* state = Of(vfs);
    MutexLock lock(state->mutex);
    *found = 0;
    const Result<std::unique_ptr<File>> file = state->disk->Open(path, Disk::Mode::kRead);
    if (file.status().code() == Code::kNotFound) return SQLITE_OK;
    if (!file.ok()) return SQLITE_IOERR_ACCESS;
    const Result<uint64_t> size = (*file)->Size();
    if (!size.ok()) return SQLITE_IOERR_ACCESS;
    *found = *size > 0 ? 1 : 0;
    return SQLITE_OK;
  }

  static int FullPathname(sqlite3_vfs*, const char* path, int size, char* out) {
    const size_t length = std::strlen(path);
    if (length >= static_cast<size_t>(size)) return SQLITE_CANTOPEN;
    std::memcpy(out, path, length + 1);
    return SQLITE_OK;
  }

  static int Randomness(sqlite3_vfs* vfs, int size, char* out) {
    State* state = Of(vfs);
    MutexLock lock(state->mutex);
    for (int i = 0; i < size; ++i) out[i] = static_cast<char>(state->random.Next());
    return size;
  }

  // SQLite waits for another thread, which needs real time.
  static int Sleep(sqlite3_vfs*, int microseconds) {
    std::this_thread::sleep_for(std::chrono::microseconds(std::min(microseconds, 1'000)));
    return microseconds;
  }

  static int CurrentTimeInt64(sqlite3_vfs* vfs, sqlite3_int64* julian_ms) {
    State* state = Of(vfs);
    MutexLock lock(state->mutex);
    *julian_ms = state->wall.ms + 210'866'760'000'000;  // 1970-01-01 as a Julian day, in ms
    return SQLITE_OK;
  }

  static int CurrentTime(sqlite3_vfs* vfs, double* julian_days) {
    sqlite3_int64 ms = 0;
    CurrentTimeInt64(vfs, &ms);
    *julian_days = static_cast<double>(ms) / 86'400'000.0;
    return SQLITE_OK;
  }

  static int GetLastError(sqlite3_vfs*, int, char*) { return 0; }
};

// SQLite has one generator for the whole process and seeds it from the machine. 0 restores that.
void SeedSqlite(int seed) {
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, seed, static_cast<sqlite3*>(nullptr));
}

}  // namespace

SimVfs::SimVfs(Disk* disk, std::string name, uint64_t seed) : state_(std::make_unique<State>()) {
  using V = Vfs<State>;
  state_->disk = disk;
  state_->name = std::move(name);
  state_->random = SeededRandom(seed);
  TREADLE_CHECK(sqlite3_vfs_find(state_->name.c_str()) == nullptr);
  state_->vfs = {
      .iVersion = 2,
      .szOsFile = sizeof(V::OpenFile),
      .mxPathname = 1024,
      .zName = state_->name.c_str(),
      .pAppData = state_.get(),
      .xOpen = V::Open,
      .xDelete = V::Delete,
      .xAccess = V::Access,
      .xFullPathname = V::FullPathname,
      .xRandomness = V::Randomness,
      .xSleep = V::Sleep,
      .xCurrentTime = V::CurrentTime,
      .xGetLastError = V::GetLastError,
      .xCurrentTimeInt64 = V::CurrentTimeInt64,
  };
  TREADLE_CHECK(sqlite3_vfs_register(&state_->vfs, 0) == SQLITE_OK);
  SeedSqlite(static_cast<int>(Mix64(seed) & 0x7fffffff) | 1);
}

SimVfs::~SimVfs() {
  TREADLE_CHECK(state_->opens == 0);
  sqlite3_vfs_unregister(&state_->vfs);
  SeedSqlite(0);
}

const std::string& SimVfs::name() const { return state_->name; }

void SimVfs::set_wall(WallTime wall) {
  MutexLock lock(state_->mutex);
  state_->wall = wall;
}

}  // namespace treadle::sim
