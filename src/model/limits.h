// The sizes that bound what the outside may ask for. Every one of them is named in the error of
// whoever exceeds it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace treadle::limits {

inline constexpr size_t kNameBytes = 128;  // queue and task type names
inline constexpr size_t kContentTypeBytes = 128;
inline constexpr size_t kIdempotencyKeyBytes = 512;
inline constexpr size_t kPayloadBytes = size_t{1} << 20;  // payload and result, each
inline constexpr size_t kTags = 32;                       // of a task
inline constexpr size_t kTagBytes = 128;                  // each
inline constexpr size_t kErrorCodeBytes = 64;
inline constexpr size_t kErrorMessageBytes = size_t{8} << 10;  // longer ones keep their tail
inline constexpr size_t kWorkerNameBytes = 128;
inline constexpr size_t kBatchTasks = 1'000;  // tasks of one enqueue
inline constexpr size_t kExchangeLeases =
    1'000;                                      // leases of one exchange; reports and renewals too
inline constexpr size_t kExchangeQueues = 100;  // queues, and types, that one exchange names
inline constexpr uint32_t kExchangesInFlight = 4;  // of one worker, unanswered
inline constexpr size_t kExchangeLanes =
    1'000;  // and their product: a parked exchange waits in that many lines
inline constexpr size_t kContractVersions = 4;  // of a type, side by side
inline constexpr size_t kContracts = 2'000;     // versions of all types
inline constexpr size_t kSchemaBytes = size_t{64} << 10;
inline constexpr size_t kSubschemas = 5'000;  // of a schema
inline constexpr size_t kPatterns = 100;      // of a schema
inline constexpr size_t kPatternBytes = 1'024;
inline constexpr size_t kContractErrorCodes = 100;
inline constexpr size_t kDescriptionBytes = 1'024;  // of a contract, or of one of its error codes
inline constexpr size_t kBuildBytes = 64;           // name of a worker's build
inline constexpr size_t kSavedBytes = size_t{1} << 20;  // steps and checkpoint of a task, together
inline constexpr size_t kSteps = 1'000;                 // of a task
inline constexpr size_t kStepNameBytes = 128;
inline constexpr size_t kLogBytes = size_t{64} << 10;  // of an attempt; what follows is dropped
inline constexpr size_t kProgressMessageBytes = 256;
inline constexpr uint32_t kAttemptsKept = 1'000;  // of a task, the newest
inline constexpr uint32_t kLogsKept = 10;         // of its attempts, the newest
inline constexpr size_t kQueues = 100'000;
inline constexpr size_t kTypes = 100'000;
inline constexpr uint8_t kPriorityMax = 9;
inline constexpr uint32_t kAttemptsMax = 1'000;
inline constexpr uint32_t kWorkerLossesMax = 1'000;
inline constexpr int64_t kAttemptTimeoutMsMax = int64_t{30} * 24 * 3600 * 1000;
inline constexpr int64_t kLongPollMs = 60'000;
/// The last wall time that RFC 3339 can write: 9999-12-31T23:59:59.999Z.
inline constexpr int64_t kWallTimeMaxMs = 253'402'300'799'999;

}  // namespace treadle::limits
