#include "app/serve.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <thread>

#include "api/check_pool.h"
#include "api/routes.h"
#include "app/descriptors.h"
#include "app/memory_meter.h"
#include "app/out_of_memory.h"
#include "app/server_log.h"
#include "app/service_manager.h"
#include "app/stop_signal.h"
#include "app/swappable_guard.h"
#include "app/token_file.h"
#include "base/posix_disk.h"
#include "base/thread_executor.h"
#include "console/exit_status.h"
#include "http/guard.h"
#include "http/server.h"
#include "journal/file_journal.h"
#include "node/data_directory.h"
#include "node/node.h"
#include "shard/space_guard.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/sqlite_store.h"
#include "tools/data_check.h"

namespace treadle::app {
namespace {

constexpr std::chrono::milliseconds kProgressEvery{2'000};
constexpr int64_t kQuietStartMs = 1'900;  // a start that is quicker than this needs no word
constexpr std::chrono::milliseconds kStopEvery{200};
constexpr int64_t kGraceMs = 5'000;  // for requests in progress when the server stops

/// What the node runs on. Stopped in this order, so that an executor can post to those below it
/// until its end.
struct Executors {
  ThreadExecutor watch{"watch"};
  ThreadExecutor reader{"reader"};
  ThreadExecutor checkpoint{"checkpoint"};
  ThreadExecutor journal{"journal", ThreadExecutor::Turns::kShort};
  ThreadExecutor shard{"shard", ThreadExecutor::Turns::kShort};

  void Stop() {
    watch.Stop();
    reader.Stop();
    checkpoint.Stop();
    journal.Stop();
    shard.Stop();
  }
};

std::string SignalName(int signal) { return std::string("SIG") + sigabbrev_np(signal); }

// Below the size of a segment, the journal could never begin the next one.
Status CheckFileSizeLimit() {
  rlimit limit{};
  const uint64_t needed = FileJournalOptions{}.segment_bytes;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= needed) return {};
  return {Code::kFailedPrecondition,
          "the limit on the size of files (ulimit -f, RLIMIT_FSIZE) is " +
              std::to_string(limit.rlim_cur >> 10) + " KiB, and a segment of the journal has " +
              std::to_string(needed >> 10) +
              " KiB; raise the limit, best to unlimited, and start again"};
}

/// A server from its opening to its end. Members are in the order of their need for one another.
class ServerProcess {
 public:
  ServerProcess(config::ServerOptions options, ServerLog* log)
      : options_(std::move(options)), log_(log) {}
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  Status Start(const ServiceManager& manager, const StopSignal& stop);
  cli::ServerReady Ready() const;
  /// Reports that the shard and every HTTP thread answer, again and again: a server that hangs is
  /// restarted.
  void BeginHeartbeat(const ServiceManager& manager);
  /// Takes over what a running server can; an error changes nothing.
  void Reload();
  void Stop();

 private:
  Result<std::string> ReadToken(const config::ServerOptions& options);
  Status Apply(const config::ServerOptions& options);
  Status CheckJournalIsThere();
  Status CheckStoreIsThere(const Journal& journal);
  template <class T>
  Result<T> OpenOrGiveUpBallast(const std::function<Result<T>()>& open);
  Result<NodeStorage> OpenStorage();
  Status OpenNode();
  Status OpenNodeWithWord(const ServiceManager& manager, const StopSignal& stop);
  Result<http::ServerOptions> HttpOptions();
  Status Listen(const http::ServerOptions& http_options);
  std::optional<http::Response> Admit(const http::Request& request) const;
  void ServeRoutes();
  NodeEnvironment Environment();
  bool is_interval() const {
    return options_.node.durability == NodeOptions::Durability::kInterval;
  }

  const config::ServerOptions options_;
  ServerLog* const log_;
  std::string token_;  // in force
  SwappableGuard guard_;
  PosixDisk disk_;
  SystemClock clock_;
  SystemRandom random_;
  SystemRandom journal_random_;  // one thread at a time each
  std::optional<DataDirectory> data_;
  Executors executors_;
  RecoveryProgress progress_;
  std::atomic<bool> starting_{true};
  std::unique_ptr<Node> node_;
  std::shared_ptr<api::CheckPool> checks_;  // stopped before the executors
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<Heartbeat> heartbeat_;
};

ServerProcess::~ServerProcess() {
  if (server_) server_->Stop(0);
  if (checks_) checks_->Stop();
  executors_.Stop();
}

// The port is open before the data is, so that whoever waits can see how far the server is.
Status ServerProcess::Start(const ServiceManager& manager, const StopSignal& stop) {
  TREADLE_RETURN_IF_ERROR(Apply(options_));
  TREADLE_ASSIGN_OR_RETURN(const http::ServerOptions http_options, HttpOptions());
  TREADLE_ASSIGN_OR_RETURN(data_, DataDirectory::Open(&disk_, options_.data_dir));
  for (const std::string& warning : data_->warnings()) log_->Warn(warning);
  if (data_->is_new()) log_->Info("created a new, empty data directory at " + data_->path());
  TREADLE_RETURN_IF_ERROR(Listen(http_options));
  if (const Status status = OpenNodeWithWord(manager, stop); !status.ok())
    return tools::WithDataCheck(status, data_->path());
  ServeRoutes();
  return {};
}

Result<std::string> ServerProcess::ReadToken(const config::ServerOptions& options) {
  if (options.security.token_file.empty()) return options.security.token;
  TREADLE_ASSIGN_OR_RETURN(TokenFile file, ReadTokenFile(options.security.token_file));
  if (file.others_can_read)
    log_->Warn("other users can read the token file " + options.security.token_file +
               "; fix it with: chmod 600 " + options.security.token_file);
  return std::move(file.token);
}

// The address is that of the start: listening elsewhere needs a restart.
Status ServerProcess::Apply(const config::ServerOptions& options) {
  TREADLE_ASSIGN_OR_RETURN(std::string token, ReadToken(options));
  TREADLE_RETURN_IF_ERROR(http::CheckListenPolicy(options_.http.host, !token.empty(),
                                                  options_.security.allow_unauthenticated));
  guard_.Swap(std::make_shared<const http::Guard>(
      http::GuardOptions{.listen_host = options_.http.host,
                         .allowed_hosts = options.security.allowed_hosts,
                         .token = token}));
  log_->SetLevel(options.log_level);
  // A core dump would hold the token, and so could a debugger of another process of this user.
  if (!token.empty()) prctl(PR_SET_DUMPABLE, 0);
  if (token != token_ && server_ != nullptr) log_->Info("reloaded: the token has changed");
  token_ = std::move(token);
  return {};
}

void ServerProcess::Reload() {
  const Result<config::ReloadReport> report =
      options_.reload([this](const config::ServerOptions& options) { return Apply(options); });
  if (!report.ok()) {
    log_->Warn("not reloaded, nothing changes: " + report.status().message());
    return;
  }
  for (const std::string& key : report->changed) log_->Info("reloaded: " + key);
  for (const std::string& key : report->needs_restart)
    log_->Warn("changed, but needs a restart: " + key);
  log_->Info("reloaded the configuration");
}

// A new journal beside a store of old would only hide that the store's own is missing.
Status ServerProcess::CheckJournalIsThere() {
  const auto names = disk_.List(data_->journal());
  if (!names.ok() && names.status().code() != Code::kNotFound) return names.status();
  if (names.ok() && std::ranges::any_of(*names, [](auto& n) { return n.ends_with(".seg"); }))
    return {};
  const auto store = disk_.Open(data_->store(), Disk::Mode::kRead);
  if (store.status().code() == Code::kNotFound) return {};
  return {Code::kDataLoss, "there is a store but no journal: " + data_->journal() +
                               " has lost its segments; " + std::string(tools::kRunDataCheck)};
}

// A new store would take the place of one that is only missing, and SQLite would delete the log
// that belongs to it.
Status ServerProcess::CheckStoreIsThere(const Journal& journal) {
  if (journal.first_sequence() <= 1) return {};
  const auto store = disk_.Open(data_->store(), Disk::Mode::kRead);
  if (store.status().code() != Code::kNotFound) return store.status();
  return {Code::kDataLoss, data_->store() + " is missing, and the journal begins only at frame " +
                               std::to_string(journal.first_sequence()) +
                               "; put the file back and start again, or " +
                               std::string(tools::kRunDataCheck)};
}

// A server that stopped because its disk was full left its ballast: that is room enough to start.
template <class T>
Result<T> ServerProcess::OpenOrGiveUpBallast(const std::function<Result<T>()>& open) {
  Result<T> opened = open();
  if (opened.status().code() != Code::kResourceExhausted) return opened;
  if (!disk_.Remove(SpaceGuard::BallastPath(data_->path())).ok())
    return Status(Code::kResourceExhausted,
                  opened.status().message() + "; free 64 MiB or raise the quota, and start again");
  log_->Warn("the disk is full: using the ballast file's space for this start");
  return open();
}

Result<NodeStorage> ServerProcess::OpenStorage() {
  TREADLE_RETURN_IF_ERROR(CheckFileSizeLimit());
  // Opening the journal writes to it.
  TREADLE_RETURN_IF_ERROR(CheckIsNotNewer(&disk_, data_->store()));
  TREADLE_RETURN_IF_ERROR(CheckJournalIsThere());
  TREADLE_ASSIGN_OR_RETURN(auto journal, OpenOrGiveUpBallast<std::unique_ptr<FileJournal>>([this] {
                             return FileJournal::Open(&disk_, &journal_random_,
                                                      {.directory = data_->journal()});
                           }));
  TREADLE_RETURN_IF_ERROR(CheckStoreIsThere(*journal));
  const SqliteStoreOptions options{.path = data_->store(), .identity = journal->identity()};
  TREADLE_ASSIGN_OR_RETURN(auto store, OpenOrGiveUpBallast<std::unique_ptr<SqliteStore>>(
                                           [&options] { return SqliteStore::Open(options); }));
  TREADLE_RETURN_IF_ERROR(disk_.SyncDirectory(data_->path()));  // the store may be new
  return NodeStorage{std::move(journal), std::move(store)};
}

NodeEnvironment ServerProcess::Environment() {
  NodeEnvironment environment{.disk = &disk_,
                              .clock = &clock_,
                              .random = &random_,
                              .shard = &executors_.shard,
                              .journal = &executors_.journal,
                              .checkpoint = &executors_.checkpoint,
                              .reader = &executors_.reader,
                              .watch = &executors_.watch,
                              .progress = &progress_};
  environment.memory = [memory_max = options_.memory_max_bytes] {
    return MeasureMemory(memory_max);
  };
  environment.on_fatal = [log = log_](const Status& status) {
    log->Fatal("Stopping: tasks can no longer be stored safely: " + status.ToString());
    _exit(kFatalExit);
  };
  environment.log = [log = log_](const std::string& line) { log->Info(line); };
  return environment;
}

Status ServerProcess::OpenNode() {
  TREADLE_ASSIGN_OR_RETURN(NodeStorage storage, OpenStorage());
  NodeOptions options = options_.node;
  options.directory = data_->path();
  options.watched_files = data_->InUse();
  options.backup_directory =
      options.backup_directory.empty()
          ? data_->backups()
          : std::filesystem::absolute(options.backup_directory).lexically_normal().string();
  if (is_interval())
    log_->Warn(
        "--durability interval: a power failure can lose up to one second of acknowledged work");
  TREADLE_ASSIGN_OR_RETURN(node_, Node::Open(options, Environment(), std::move(storage)));
  log_->Info("opened " + data_->path() + ", term " + std::to_string(node_->term()) + " (" +
             api::DescribeProgress(progress_) + ")");
  return {};
}

// A store of millions of tasks takes a while; systemd is asked for the time, and people see why.
Status ServerProcess::OpenNodeWithWord(const ServiceManager& manager, const StopSignal& stop) {
  const int64_t begun_ms = clock_.MonotonicMs();
  const Heartbeat word(kProgressEvery, [&] {
    if (clock_.MonotonicMs() - begun_ms < kQuietStartMs) return;
    const std::string progress = api::DescribeProgress(progress_);
    log_->Info("still opening " + data_->path() + ": " + progress);
    manager.Tell("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=opening the data: " + progress);
  });
  // Like a crash, which costs nothing: nobody was served yet. The disk may hang.
  const Heartbeat end(kStopEvery, [&] {
    const int number = stop.Pending();
    if (number == 0) return;
    log_->Info("stopped (" + SignalName(number) + ") while it opened " + data_->path());
    _exit(0);
  });
  return OpenNode();
}

// Before anything is opened: a server without room for connections is not to begin.
Result<http::ServerOptions> ServerProcess::HttpOptions() {
  TREADLE_ASSIGN_OR_RETURN(const DescriptorShares shares,
                           ShareDescriptors(RaiseDescriptorLimit(), options_.http.connections_max));
  if (shares.connections_max < options_.http.connections_max)
    log_->Warn("the limit of open files allows " + std::to_string(shares.connections_max) +
               " connections, fewer than the " + std::to_string(options_.http.connections_max) +
               " of server.connections_max");
  http::ServerOptions options = options_.http;
  options.threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 2U, 8U));
  options.connections_max = shares.connections_max;
  options.refusals_max = shares.refusals_max;
  return options;
}

Status ServerProcess::Listen(const http::ServerOptions& http_options) {
  TREADLE_ASSIGN_OR_RETURN(
      server_, http::Server::Listen(
                   http_options, [this](const http::Request& request) { return Admit(request); }));
  return {};
}

std::optional<http::Response> ServerProcess::Admit(const http::Request& request) const {
  if (auto refusal = guard_.Check(request)) return refusal;
  if (!starting_) return {};
  return api::StartingResponse(request, progress_);
}

void ServerProcess::ServeRoutes() {
  api::ApiInfo info{.version = TREADLE_VERSION,
                    .durability = options_.node.durability,
                    .data_directory = data_->path(),
                    .started_at = clock_.Wall()};
  info.server_stats = [this] { return server_->Stats(); };
  info.shard_turns = [this] { return executors_.shard.turn_times(); };
  const int threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency() / 2, 1U, 4U));
  checks_ = std::make_shared<api::CheckPool>(api::CheckPool::Options{.threads = threads});
  info.checks = checks_;
  server_->Route(api::MakeRouter(node_.get(), std::move(info)));
  starting_ = false;
}

cli::ServerReady ServerProcess::Ready() const {
  const bool is_ipv6 = options_.http.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + options_.http.host + "]" : options_.http.host;
  return {.url = "http://" + host + ":" + std::to_string(server_->port()),
          .data_dir = data_->path(),
          .durability_note = is_interval() ? "a power failure can lose the last second"
                                           : "what is acknowledged is on disk"};
}

void ServerProcess::BeginHeartbeat(const ServiceManager& manager) {
  if (manager.watchdog().count() == 0) return;
  heartbeat_ = std::make_unique<Heartbeat>(manager.watchdog() / 3, [this, manager] {
    node_->Do(GetNodeStats{}, [this, manager](const Result<NodeStats>&) {
      server_->Ping([manager] { manager.Tell("WATCHDOG=1"); });
    });
  });
}

// The node ends what is parked, so the server finds little that it must wait for.
void ServerProcess::Stop() {
  heartbeat_.reset();
  std::promise<void> closed;
  node_->Close([&closed] { closed.set_value(); });
  server_->Stop(kGraceMs);
  checks_->Stop();
  std::future<void> end = closed.get_future();
  while (end.wait_for(kProgressEvery) != std::future_status::ready)
    log_->Warn(
        "still stopping: waiting for the disk to write a last checkpoint; a second signal"
        " ends the server at once, and its next start reads the journal instead");
  executors_.Stop();
}

}  // namespace

int Serve(const config::ServerOptions& options,
          const std::function<void(const cli::ServerReady&)>& on_ready) {
  ServerLog log(options.log_level);
  StopSignal stop(options.reload ? StopSignal::Hangup::kReloads : StopSignal::Hangup::kEnds);
  StopWhenMemoryEnds();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow further is a full disk
  // In a container: what others leave behind becomes its child, and must not stay a zombie.
  if (getpid() == 1) std::signal(SIGCHLD, SIG_IGN);
  umask(S_IRWXG |
        S_IRWXO);  // what lies in the data directory is nobody else's, SQLite's files included
  const ServiceManager manager = ServiceManager::FromEnvironment();
  ServerProcess process(FitToMemory(options), &log);
  if (const Status status = process.Start(manager, stop); !status.ok()) {
    log.Fatal(status.message());
    return static_cast<int>(ExitStatusFor(status));
  }
  on_ready(process.Ready());
  manager.Tell("READY=1");
  process.BeginHeartbeat(manager);
  StopSignal::Signal signal = stop.Wait();
  for (; signal.reloads; signal = stop.Wait()) process.Reload();
  manager.Tell("STOPPING=1");
  log.Info("stopping (" + SignalName(signal.number) + ")");
  process.Stop();
  log.Info("stopped");
  return 0;
}

}  // namespace treadle::app
