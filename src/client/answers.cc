#include "client/answers.h"

namespace treadle::wire {
namespace {

using enum Field::Kind;

constexpr bool kOptional = false;  // as a Field's `required`

constexpr Field kEnqueuedFields[] = {
    {"id", kText}, {"duplicate", kFlag}, {"state", kText, kOptional}};

constexpr Field kEnqueuedBatchFields[] = {{"tasks", kList, true, &kEnqueuedShape}};

constexpr Field kErrorFields[] = {
    {"code", kText}, {"message", kText, kOptional}, {"fingerprint", kText, kOptional}};
constexpr Shape kErrorShape{kErrorFields};

constexpr Field kTaskFields[] = {{"id", kText},
                                 {"type", kText},
                                 {"queue", kText},
                                 {"state", kText},
                                 {"attempt", kInteger},
                                 {"max_attempts", kInteger},
                                 {"enqueued_at", kText, kOptional},
                                 {"started_at", kText, kOptional},
                                 {"finished_at", kText, kOptional},
                                 {"idempotency_key", kText, kOptional},
                                 {"content_type", kText, kOptional},
                                 {"traceparent", kText, kOptional},
                                 {"payload_bytes", kInteger, kOptional},
                                 {"error", kObject, kOptional, &kErrorShape},
                                 {"result_content_type", kText, kOptional},
                                 {"result_base64", kText, kOptional}};

constexpr Field kTaskListFields[] = {
    {"tasks", kList, true, &kTaskShape}, {"as_of", kText}, {"next_cursor", kText, kOptional}};

constexpr Field kAttemptFields[] = {{"attempt", kInteger},
                                    {"outcome", kText},
                                    {"started_at", kText, kOptional},
                                    {"worker", kText, kOptional},
                                    {"build", kText, kOptional},
                                    {"waited_ms", kInteger, kOptional},
                                    {"ran_ms", kInteger, kOptional},
                                    {"backoff_ms", kInteger, kOptional},
                                    {"error", kObject, kOptional, &kErrorShape}};
constexpr Shape kAttemptShape{kAttemptFields};

constexpr Field kStepFields[] = {{"name", kText}};
constexpr Shape kStepShape{kStepFields};

constexpr Field kCheckpointFields[] = {{"bytes", kInteger}};
constexpr Shape kCheckpointShape{kCheckpointFields};

constexpr Field kHistoryFields[] = {{"id", kText, kOptional},
                                    {"attempts", kList, true, &kAttemptShape},
                                    {"steps", kList, kOptional, &kStepShape},
                                    {"checkpoint", kObject, kOptional, &kCheckpointShape}};

constexpr Field kExplanationFields[] = {{"id", kText},
                                        {"reason", kText},
                                        {"summary", kText},
                                        {"next", kText, kOptional},
                                        {"workers", kInteger, kOptional}};

constexpr Field kStandingFields[] = {
    {"id", kText}, {"state", kText}, {"changed", kFlag}, {"cancel_requested", kFlag, kOptional}};

constexpr Field kBulkFields[] = {{"id", kText},
                                 {"action", kText},
                                 {"state", kText},
                                 {"found", kInteger},
                                 {"changed", kInteger},
                                 {"skipped", kInteger},
                                 {"started_at", kText, kOptional},
                                 {"error", kText, kOptional}};

constexpr Field kBulkListFields[] = {{"bulk", kList, true, &kBulkShape}};

constexpr Field kBackupFields[] = {{"name", kText},
                                   {"state", kText},
                                   {"bytes_done", kInteger},
                                   {"bytes_total", kInteger},
                                   {"frame", kInteger, kOptional},
                                   {"taken_at", kText, kOptional},
                                   {"error", kText, kOptional}};

constexpr Field kBackupListFields[] = {{"directory", kText},
                                       {"backups", kList, true, &kBackupShape}};

constexpr Field kRetryFields[] = {{"backoff", kText, kOptional},
                                  {"jitter", kText, kOptional},
                                  {"backoff_base_ms", kInteger, kOptional},
                                  {"backoff_cap_ms", kInteger, kOptional},
                                  {"max_attempts", kInteger},
                                  {"total_ms", kInteger, kOptional},
                                  {"delays_ms", kList, kOptional},
                                  {"never", kList, kOptional},
                                  {"always", kList, kOptional}};
constexpr Shape kRetryShape{kRetryFields};

constexpr Field kRetentionFields[] = {{"completed_tasks", kInteger, kOptional},
                                      {"completed_ms", kInteger, kOptional},
                                      {"completed_bytes", kInteger, kOptional},
                                      {"dead_ms", kInteger, kOptional}};
constexpr Shape kRetentionShape{kRetentionFields};

constexpr Field kCapacityFields[] = {{"tasks", kInteger, kOptional},
                                     {"bytes", kInteger, kOptional},
                                     {"when_full", kText, kOptional}};
constexpr Shape kCapacityShape{kCapacityFields};

constexpr Field kPolicyFields[] = {{"retry", kObject, kOptional, &kRetryShape},
                                   {"retention", kObject, kOptional, &kRetentionShape},
                                   {"capacity", kObject, kOptional, &kCapacityShape},
                                   {"lease_ms", kInteger, kOptional},
                                   {"idempotency_window_ms", kInteger, kOptional},
                                   {"cancel_grace_ms", kInteger, kOptional},
                                   {"attempt_timeout_ms", kInteger, kOptional},
                                   {"max_worker_losses", kInteger, kOptional},
                                   {"draining", kFlag, kOptional},
                                   {"paused", kFlag, kOptional},
                                   {"search_payloads", kFlag, kOptional}};
constexpr Shape kPolicyShape{kPolicyFields};

constexpr Field kQueueFields[] = {{"name", kText},
                                  {"tasks", kObject},
                                  {"accepted", kInteger},
                                  {"removed", kObject, kOptional},
                                  {"conditions", kList, kOptional},
                                  {"policy", kObject, true, &kPolicyShape}};

constexpr Field kQueueListFields[] = {{"queues", kList, true, &kQueueShape},
                                      {"next_cursor", kText, kOptional}};

constexpr Field kContractFields[] = {
    {"version", kInteger}, {"description", kText, kOptional}, {"error_codes", kList, kOptional}};
constexpr Shape kContractShape{kContractFields};

constexpr Field kTypeFields[] = {{"name", kText},
                                 {"policy", kObject, true, &kPolicyShape},
                                 {"contracts", kList, kOptional, &kContractShape}};

constexpr Field kTypeListFields[] = {{"types", kList, true, &kTypeShape},
                                     {"next_cursor", kText, kOptional}};

constexpr Field kInfoFields[] = {{"name", kText}, {"version", kText}, {"data", kText, kOptional}};

constexpr Field kAttemptStandingFields[] = {{"log_bytes", kInteger}, {"cancel_requested", kFlag}};

}  // namespace

constexpr Shape kEnqueuedShape{kEnqueuedFields};
constexpr Shape kEnqueuedBatchShape{kEnqueuedBatchFields};
constexpr Shape kTaskShape{kTaskFields};
constexpr Shape kTaskListShape{kTaskListFields};
constexpr Shape kHistoryShape{kHistoryFields};
constexpr Shape kExplanationShape{kExplanationFields};
constexpr Shape kStandingShape{kStandingFields};
constexpr Shape kBulkShape{kBulkFields};
constexpr Shape kBulkListShape{kBulkListFields};
constexpr Shape kBackupShape{kBackupFields};
constexpr Shape kBackupListShape{kBackupListFields};
constexpr Shape kQueueShape{kQueueFields};
constexpr Shape kQueueListShape{kQueueListFields};
constexpr Shape kTypeShape{kTypeFields};
constexpr Shape kTypeListShape{kTypeListFields};
constexpr Shape kInfoShape{kInfoFields};
constexpr Shape kAttemptStandingShape{kAttemptStandingFields};

}  // namespace treadle::wire
