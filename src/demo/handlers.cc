#include "demo/handlers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "client/wire.h"
#include "demo/job.h"
#include "demo/walk.h"

namespace treadle::demo {
namespace {

TaskRequest DigestTask(const std::string& run, const std::string& path) {
  return {.type = std::string(kDigest),
          .queue = std::string(kQueue),
          .payload = DigestPayload(run, path),
          .max_attempts = kDigestAttempts,
          .idempotency_key = FileKey(run, path)};
}

Outcome EnqueueAll(ServerConnection& client, const std::string& run,
                   const std::vector<std::string>& files, const Context& context) {
  for (size_t at = 0; at < files.size(); at += wire::kBatchTasksMax) {
    if (context.IsCancelled()) return Released{};
    std::vector<TaskRequest> batch;
    for (size_t i = at; i < std::min(files.size(), at + wire::kBatchTasksMax); ++i) {
      batch.push_back(DigestTask(run, files[i]));
    }
    const auto answer = wire::EnqueueBatch(client, batch);
    if (!answer.ok()) return Failed{.code = "enqueue_failed", .message = answer.status().message()};
  }
  return Completed{.result = ScanResult(run, static_cast<int64_t>(files.size()))};
}

Failed NoRetry(std::string_view code, std::string message) {
  return {.code = std::string(code), .message = std::move(message), .retry = false};
}

}  // namespace

Handler MakeScanHandler(ConnectionOptions options) {
  return [options = std::move(options)](const Task& task, Context& context) -> Outcome {
    const Result<Request> request = ReadScanPayload(task.payload);
    if (!request.ok()) return NoRetry("bad_payload", request.status().message());
    const Result<Walk> walk = WalkFiles(request->path);
    if (!walk.ok()) return NoRetry("directory_unreadable", walk.status().message());
    const Result<std::unique_ptr<ServerConnection>> client = ServerConnection::Make(options);
    if (!client.ok()) return NoRetry("bad_server", client.status().message());
    return EnqueueAll(**client, request->run, walk->files, context);
  };
}

Handler MakePaceHandler() {
  return [](const Task&, Context&) -> Outcome { return Completed{}; };
}

Handler MakeDigestHandler() {
  return [](const Task& task, Context&) -> Outcome {
    const Result<Request> request = ReadDigestPayload(task.payload);
    if (!request.ok()) return NoRetry("bad_payload", request.status().message());
    const Result<FileDigest> digest = DigestFile(request->path);
    if (!digest.ok()) return NoRetry(DigestErrorCode(digest.status()), digest.status().message());
    return Completed{.result = DigestResult(request->run, request->path, *digest)};
  };
}

}  // namespace treadle::demo
