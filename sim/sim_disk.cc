#include "sim/sim_disk.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace treadle::sim {
namespace {

constexpr uint64_t kSectorBytes = 512;

std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

class SimFile final : public File {
 public:
  SimFile(SimDisk* disk, std::shared_ptr<SimDisk::Inode> inode, std::string path)
      : disk_(disk),
        generation_(disk->generation_),
        inode_(std::move(inode)),
        path_(std::move(path)) {}

  Result<size_t> Read(uint64_t offset, char* out, size_t size) override {
    if (!alive()) return disk_->Dead(path_);
    const std::string& content = inode_->now;
    if (offset >= content.size()) return size_t{0};
    const size_t got = content.copy(out, size, offset);
    if (disk_->misread_in_ > 0 && path_.ends_with(".seg"))
      disk_->Misread(*inode_, offset, out, got);
    return got;
  }

  // As on a real disk, a write that does not fit writes what it can before it fails.
  Status Write(uint64_t offset, std::string_view data) override {
    const uint64_t size = alive() ? disk_->Fitting(*inode_, offset, data.size()) : data.size();
    if (size > 0 || data.empty())
      TREADLE_RETURN_IF_ERROR(Change({.truncates = false, .offset = offset}, data.substr(0, size)));
    if (size == data.size()) return {};
    ++disk_->insults_;
    disk_->Count(Fault::kDiskFull);
    return {Code::kResourceExhausted, "cannot write " + path_ + ": No space left on device"};
  }

  Status Truncate(uint64_t size) override {
    return Change({.truncates = true, .offset = size}, {});
  }

  Status Sync() override {
    bool dies = false;
    TREADLE_RETURN_IF_ERROR(Begin(&dies));
    if (disk_->FailsSync()) {
      disk_->Survive(inode_.get(), SimDisk::Fate::kByChance);
      return {Code::kUnavailable, "cannot sync " + path_ + ": Input/output error"};
    }
    if (!dies || disk_->random_.OneIn(2)) disk_->Survive(inode_.get(), SimDisk::Fate::kAll);
    return dies ? disk_->Dead(path_) : Status();
  }

  Result<uint64_t> Size() override {
    if (!alive()) return disk_->Dead(path_);
    return uint64_t{inode_->now.size()};
  }

 private:
  bool alive() const { return !disk_->dead_ && generation_ == disk_->generation_; }

  Status Begin(bool* dies) {
    if (generation_ != disk_->generation_) return disk_->Dead(path_);
    return disk_->Begin(path_, dies);
  }

  Status Change(SimDisk::Change change, std::string_view data) {
    bool dies = false;
    TREADLE_RETURN_IF_ERROR(Begin(&dies));
    // What is written again, as a start does with frames that nothing proves durable, is no other
    // place: the frame before it still has no proof but this one.
    if (!change.truncates && change.offset != inode_->last_write)
      inode_->second_last_write = std::exchange(inode_->last_write, change.offset);
    SimDisk::Make(std::move(change), data, inode_.get());
    return dies ? disk_->Dead(path_) : Status();
  }

  SimDisk* disk_;
  uint64_t generation_;
  std::shared_ptr<SimDisk::Inode> inode_;
  std::string path_;
};

class SimLock final : public DiskLock {
 public:
  SimLock(SimDisk* disk, std::string path)
      : disk_(disk), generation_(disk->generation_), path_(std::move(path)) {}
  ~SimLock() override {
    if (generation_ == disk_->generation_) disk_->locks_.erase(path_);
  }

 private:
  SimDisk* disk_;
  uint64_t generation_;
  std::string path_;
};

Status SimDisk::Dead(const std::string& path) const {
  return {Code::kUnavailable, "cannot use " + path + ": the simulated machine is down"};
}

Status SimDisk::Begin(const std::string& path, bool* dies) {
  if (dead_) return Dead(path);
  *dies = ++operations_ == crash_at_;
  dead_ = *dies;
  return {};
}

uint64_t SimDisk::used() const {
  uint64_t bytes = 0;
  for (const auto& [name, inode] : names_) bytes += inode->now.size();
  return bytes;
}

void SimDisk::Overwrite(uint64_t offset, std::string_view data, std::string* content) {
  if (offset > content->size()) content->resize(offset, '\0');
  content->replace(offset, data.size(), data);  // of what is there; the rest is appended
}

void SimDisk::Make(Change change, std::string_view data, Inode* inode) {
  std::string& now = inode->now;
  if (inode->durable) {
    change.data = data;
  } else {
    change.size_before = now.size();
    const uint64_t replaced = change.truncates ? now.size() : data.size();
    if (change.offset < now.size()) change.before = now.substr(change.offset, replaced);
  }
  change.truncates ? now.resize(change.offset, '\0') : Overwrite(change.offset, data, &now);
  if (!change.truncates) change.bytes = data.size();
  inode->pending.push_back(std::move(change));
}

void SimDisk::Apply(const Change& change, std::string* content) {
  if (change.truncates) return content->resize(change.offset, '\0');
  Overwrite(change.offset, change.data, content);
}

void SimDisk::Undo(Change* change, std::string* content) {
  if (!change->truncates) change->data = content->substr(change->offset, change->bytes);
  content->resize(change->size_before, '\0');
  content->replace(std::min(change->offset, change->size_before), change->before.size(),
                   change->before);
}

void SimDisk::Fork(Inode* inode) {
  if (inode->durable) return;
  inode->durable = inode->now;
  for (auto change = inode->pending.rbegin(); change != inode->pending.rend(); ++change)
    Undo(&*change, &*inode->durable);
}

void SimDisk::Apply(const DirectoryChange& change, Names* names) {
  if (!change.from.empty()) names->erase(change.from);
  if (!change.to.empty()) (*names)[change.to] = change.inode;
}

uint64_t SimDisk::Fitting(const Inode& inode, uint64_t offset, uint64_t size) const {
  if (offset + size <= inode.now.size()) return size;
  const uint64_t taken = used();
  const uint64_t free = taken > capacity_ ? 0 : capacity_ - taken;
  const uint64_t end = free > UINT64_MAX - inode.now.size() ? UINT64_MAX : inode.now.size() + free;
  return end <= offset ? 0 : std::min(size, end - offset);
}

void SimDisk::Survive(Inode* inode, Fate fate) {
  if (inode->pending.empty()) return;
  if (!inode->durable && fate == Fate::kAll) return inode->pending.clear();
  Fork(inode);
  bool one_is_missing = false;
  for (Change& change : inode->pending) {
    if (fate == Fate::kNothing || (fate == Fate::kByChance && random_.OneIn(2))) {
      one_is_missing = true;
      continue;
    }
    if (fate == Fate::kByChance && one_is_missing) Count(Fault::kWriteReordered);
    if (fate == Fate::kByChance && random_.OneIn(3)) Tear(&change);
    Apply(change, &*inode->durable);
  }
  inode->pending.clear();
}

void SimDisk::Count(Fault fault) {
  if (faults_ != nullptr) faults_->Count(fault);
}

bool SimDisk::FailsSync() {
  if (fail_sync_in_ == 0 || --fail_sync_in_ > 0) return false;
  ++insults_;
  ++failed_syncs_;
  Count(Fault::kSyncFailure);
  return true;
}

void SimDisk::Misread(const Inode& inode, uint64_t offset, char* out, size_t size) {
  const uint64_t end = std::min({inode.last_write, inode.second_last_write, offset + size});
  if (end <= offset || --misread_in_ > 0) return;
  ++insults_;
  Count(Fault::kBitFlip);
  char& byte = out[random_.Below(end - offset)];
  byte = static_cast<char>(byte ^ (1 << random_.Below(8)));
}

// Keeps only the part before a sector boundary, perhaps nothing.
void SimDisk::Tear(Change* change) {
  if (change->truncates) return;
  Count(Fault::kWriteTorn);
  const uint64_t first = change->offset / kSectorBytes;
  const uint64_t last = (change->offset + change->data.size()) / kSectorBytes;
  const uint64_t end = (first + random_.Below(last - first + 1)) * kSectorBytes;
  change->data.resize(end > change->offset ? end - change->offset : 0);
}

void SimDisk::Restart() {
  constexpr Fate kFates[] = {Fate::kAll, Fate::kNothing, Fate::kByChance, Fate::kByChance};
  const Fate fate = kFates[random_.Below(4)];
  uint64_t survivors = random_.Below(pending_.size() + 1);
  if (fate != Fate::kByChance) survivors = fate == Fate::kAll ? pending_.size() : 0;
  for (uint64_t i = 0; i < survivors; ++i) Apply(pending_[i], &durable_names_);
  pending_.clear();
  names_ = durable_names_;
  for (auto& [name, inode] : names_) {
    if (!inode->pending.empty() && fate != Fate::kByChance)
      Count(fate == Fate::kAll ? Fault::kWriteKept : Fault::kWriteLost);
    Survive(inode.get(), fate);
    if (inode->durable) inode->now = *std::exchange(inode->durable, {});
  }
  fail_sync_in_ = misread_in_ = 0;
  RestartProcess();
}

void SimDisk::RestartProcess() {
  locks_.clear();
  crash_at_ = 0;
  dead_ = false;
  ++generation_;
}

void SimDisk::FlipBit(const std::string& path, uint64_t byte, unsigned bit) {
  Inode& inode = *names_.at(path);
  Fork(&inode);
  for (std::string* content : {&inode.now, &*inode.durable})
    content->at(byte) = static_cast<char>(content->at(byte) ^ (1 << bit));
}

void SimDisk::Cut(const std::string& path, uint64_t size) {
  Inode& inode = *names_.at(path);
  Fork(&inode);
  inode.now.resize(size);
  inode.durable->resize(size);
  inode.pending.clear();
}

Result<std::unique_ptr<File>> SimDisk::Open(const std::string& path, Mode mode) {
  if (dead_) return Dead(path);
  const auto it = names_.find(path);
  if (it != names_.end())
    return std::unique_ptr<File>(std::make_unique<SimFile>(this, it->second, path));
  if (mode != Mode::kCreate)
    return Status(Code::kNotFound, "cannot open " + path + ": No such file or directory");
  bool dies = false;
  TREADLE_RETURN_IF_ERROR(Begin(path, &dies));
  pending_.push_back({{}, path, std::make_shared<Inode>()});
  Apply(pending_.back(), &names_);
  if (dies) return Dead(path);
  return std::unique_ptr<File>(std::make_unique<SimFile>(this, names_.at(path), path));
}

Status SimDisk::CreateDirectory(const std::string& path) {
  if (dead_) return Dead(path);
  directories_.insert(path);
  return {};
}

Result<std::vector<std::string>> SimDisk::List(const std::string& directory) {
  if (dead_) return Dead(directory);
  std::set<std::string> names;
  const auto add = [&](const std::string& path) {
    if (ParentOf(path) == directory) names.insert(path.substr(directory.size() + 1));
  };
  for (const auto& [path, inode] : names_) add(path);
  for (const std::string& path : directories_) add(path);
  return std::vector<std::string>(names.begin(), names.end());
}

Status SimDisk::Rename(const std::string& from, const std::string& to) {
  if (!dead_ && !names_.contains(from))
    return {Code::kNotFound, "cannot rename " + from + ": No such file or directory"};
  bool dies = false;
  TREADLE_RETURN_IF_ERROR(Begin(from, &dies));
  pending_.push_back({from, to, names_.at(from)});
  Apply(pending_.back(), &names_);
  return dies ? Dead(from) : Status();
}

Status SimDisk::Remove(const std::string& path) {
  if (!dead_ && !names_.contains(path))
    return {Code::kNotFound, "cannot remove " + path + ": No such file or directory"};
  bool dies = false;
  TREADLE_RETURN_IF_ERROR(Begin(path, &dies));
  pending_.push_back({path, {}, names_.at(path)});
  Apply(pending_.back(), &names_);
  return dies ? Dead(path) : Status();
}

Status SimDisk::SyncDirectory(const std::string& path) {
  bool dies = false;
  TREADLE_RETURN_IF_ERROR(Begin(path, &dies));
  if (FailsSync())
    return {Code::kUnavailable, "cannot sync directory " + path + ": Input/output error"};
  if (dies && random_.OneIn(2)) return Dead(path);
  std::vector<DirectoryChange> others;
  for (DirectoryChange& change : pending_) {
    const bool is_here = ParentOf(change.to.empty() ? change.from : change.to) == path;
    if (is_here)
      Apply(change, &durable_names_);
    else
      others.push_back(std::move(change));
  }
  pending_ = std::move(others);
  return dies ? Dead(path) : Status();
}

Result<uint64_t> SimDisk::FreeBytes(const std::string& path) {
  if (dead_) return Dead(path);
  if (while_it_looks) while_it_looks();
  const uint64_t taken = used();
  return taken > capacity_ ? 0 : capacity_ - taken;
}

Result<std::unique_ptr<DiskLock>> SimDisk::Lock(const std::string& path) {
  if (dead_) return Dead(path);
  if (!locks_.insert(path).second)
    return Status(Code::kFailedPrecondition, path + " is locked by another process");
  return std::unique_ptr<DiskLock>(std::make_unique<SimLock>(this, path));
}

}  // namespace treadle::sim
