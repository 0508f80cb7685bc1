#include "sim/simulated_server.h"

#include <algorithm>
#include <utility>

#include "journal/file_journal.h"
#include "store/sqlite/sqlite_store.h"

namespace treadle::sim {
namespace {

const std::string kDirectory = "/data";

// Tables of several pages, and a log that moves into the database, in a short run as well. No
// person looks at this store.
constexpr StoreShape kShape = {
    .page_bytes = 1024, .log_bytes = 256 << 10, .has_people_views = false};

// Small enough for a short run to rotate segments, checkpoint, and read payloads back.
NodeOptions SmallNode() {
  NodeOptions options;
  options.directory = kDirectory;
  options.disk_reserve_bytes = 0;
  options.ballast_bytes = 4096;
  options.checkpoint_bytes = kFrameBytes;
  options.checkpoint_ms = 300;
  options.checkpoint_transaction_bytes = 2 << 10;
  options.payload_memory_bytes = 4 << 10;
  return options;
}

}  // namespace

SimulatedServer::SimulatedServer(Scheduler* scheduler, uint64_t seed)
    : scheduler_(scheduler), random_(seed), options_(SmallNode()), disk_(random_.Next()) {}

SimulatedServer::~SimulatedServer() { node_.reset(); }

Result<bool> SimulatedServer::Start() {
  for (SimExecutor*& executor : executors_) executor = scheduler_->MakeExecutor();
  stopped_.clear();
  is_stopping_ = has_closed_ = false;
  insults_at_start_ = disk_.insults();
  ++incarnation_;
  const Status status = Open();
  if (status.ok()) return true;
  if (disk_.dead()) return false;
  return status;
}

Status SimulatedServer::Open() {
  TREADLE_RETURN_IF_ERROR(disk_.CreateDirectory(kDirectory));
  NodeStorage storage;
  // Larger frames need larger segments.
  const uint64_t segment_bytes = std::max<uint64_t>(kSegmentBytes, options_.checkpoint_bytes);
  TREADLE_ASSIGN_OR_RETURN(
      auto journal, FileJournal::Open(&disk_, &random_, {kDirectory + "/journal", segment_bytes}));
  // File system names are global in SQLite, and one process may run several worlds in a row.
  vfs_ = std::make_unique<SimVfs>(&disk_, "sim-" + std::to_string(incarnation_), random_.Next());
  TREADLE_ASSIGN_OR_RETURN(
      storage.store,
      SqliteStore::Open({kDirectory + "/store.db", journal->identity(), vfs_->name(), kShape}));
  TREADLE_RETURN_IF_ERROR(disk_.SyncDirectory(kDirectory));
  TREADLE_ASSIGN_OR_RETURN(const StoreMeta meta, storage.store->ReadMeta());
  replayed_ = journal->recovered_sequence() - std::min(meta.applied, journal->recovered_sequence());
  storage.journal = std::move(journal);
  NodeEnvironment environment;
  environment.disk = &disk_;
  environment.clock = scheduler_;
  environment.random = &random_;
  environment.shard = executors_[0];
  environment.journal = executors_[1];
  environment.checkpoint = executors_[2];
  environment.reader = executors_[3];
  environment.on_fatal = [this](const Status& status) {
    if (!disk_.dead()) stopped_ = status.ToString();
  };
  environment.log = [this](const std::string& line) { scheduler_->Trace(line); };
  TREADLE_ASSIGN_OR_RETURN(node_, Node::Open(options_, environment, std::move(storage)));
  border_ = std::make_unique<Border>(node_.get());
  border_->Open();
  scheduler_->Fold("started", node_->term());
  scheduler_->Tell([&] {
    return "the server is up: term " + std::to_string(node_->term()) + ", " +
           std::to_string(replayed_) + " frames replayed";
  });
  return {};
}

void SimulatedServer::Crash(Death death) {
  for (SimExecutor* executor : executors_) executor->Die();
  disk_.Die();  // a dying process would have no time to write during this teardown
  border_.reset();
  node_.reset();
  vfs_.reset();
  ++crashes_;
  ComeBack(death);
}

void SimulatedServer::BeginStop() {
  is_stopping_ = true;
  node_->Close([this] { has_closed_ = true; });
}

// In the order of a real process: its threads end first, then what they used is closed.
void SimulatedServer::Leave(Death death) {
  for (SimExecutor* executor : executors_) executor->Die();
  border_.reset();
  node_.reset();
  vfs_.reset();
  ComeBack(death);
}

void SimulatedServer::ComeBack(Death death) {
  if (death == Death::kByChance) death = random_.OneIn(2) ? Death::kProcess : Death::kPower;
  death == Death::kProcess ? disk_.RestartProcess() : disk_.Restart();
  stopped_.clear();
  is_stopping_ = has_closed_ = false;
}

}  // namespace treadle::sim
