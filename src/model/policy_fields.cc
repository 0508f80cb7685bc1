#include "model/policy_fields.h"

#include <algorithm>

#include "base/check.h"
#include "model/limits.h"
#include "model/range.h"
#include "model/validate.h"

namespace treadle {
namespace {

using enum FieldKind;

constexpr int64_t kHourMs = int64_t{3600} * 1000;
constexpr int64_t kPebi = int64_t{1} << 50;

constexpr std::string_view kPresets[] = {"default", "patient"};
constexpr std::string_view kBackoffs[] = {"exponential", "linear", "fixed", "listed"};
constexpr std::string_view kJitters[] = {"none", "full", "equal"};
constexpr std::string_view kWhenFull[] = {"reject", "shed"};

constexpr Field<RetryPolicy> kRetryFields[] = {
    Row<&RetryPolicy::backoff>(
        {.number = 1,
         .path = "retry.backoff",
         .kind = kChoice,
         .min = 1,
         .max = 4,
         .choices = kBackoffs,
         .about = "The wait after failure n: base × 2ⁿ⁻¹, base × n, base, or the n-th of "
                  "`delays_ms` (the last for all that follow)."}),
    Row<&RetryPolicy::jitter>(
        {.number = 2,
         .path = "retry.jitter",
         .kind = kChoice,
         .min = 1,
         .max = 3,
         .choices = kJitters,
         .about = "The range of the random wait: exactly the wait (none), 0 to the wait (full), "
                  "half of it to the wait (equal)."}),
    Row<&RetryPolicy::backoff_base_ms>(
        {.number = 3, .path = "retry.backoff_base_ms", .kind = kDuration, .max = kTenYearsMs}),
    Row<&RetryPolicy::backoff_cap_ms>(
        {.number = 4,
         .path = "retry.backoff_cap_ms",
         .kind = kDuration,
         .max = kTenYearsMs,
         .about = "No exponential or linear wait is longer, before jitter."}),
    Row<&RetryPolicy::delays_ms>({.number = 5,
                                  .path = "retry.delays_ms",
                                  .kind = kDurations,
                                  .max = kTenYearsMs,
                                  .items_max = kRetryDelaysMax,
                                  .about = "With `listed`, at least one; else none."}),
    Row<&RetryPolicy::max_attempts>({.number = 6,
                                     .path = "retry.max_attempts",
                                     .kind = kCount,
                                     .min = 1,
                                     .max = limits::kAttemptsMax,
                                     .about = "For tasks that were enqueued without their own."}),
    Row<&RetryPolicy::total_ms>(
        {.number = 7,
         .path = "retry.total_ms",
         .kind = kDuration,
         .max = kTenYearsMs,
         .about = "No attempt begins later than this after the first failure. 0: no bound."}),
    Row<&RetryPolicy::never>({.number = 8,
                              .path = "retry.never",
                              .kind = kCodes,
                              .max = limits::kErrorCodeBytes,
                              .items_max = 16,
                              .about = "Error codes after which there is no other attempt."}),
    Row<&RetryPolicy::always>(
        {.number = 9,
         .path = "retry.always",
         .kind = kCodes,
         .max = limits::kErrorCodeBytes,
         .items_max = 16,
         .about = "Error codes after which there is another attempt, whatever the worker reported. "
                  "`never`, `max_attempts` and `total_ms` still apply."}),
};

constexpr Field<QueuePolicy> kQueueFields[] = {
    Row<&QueuePolicy::retention, &RetentionPolicy::completed_tasks>(
        {.number = 2, .path = "retention.completed_tasks", .kind = kCount, .max = 1'000'000'000}),
    Row<&QueuePolicy::retention, &RetentionPolicy::completed_ms>(
        {.number = 3, .path = "retention.completed_ms", .kind = kDuration, .max = kTenYearsMs}),
    Row<&QueuePolicy::retention, &RetentionPolicy::completed_bytes>(
        {.number = 4,
         .path = "retention.completed_bytes",
         .kind = kBytes,
         .max = kPebi,
         .about = "Of payloads and results."}),
    Row<&QueuePolicy::retention, &RetentionPolicy::dead_ms>(
        {.number = 5, .path = "retention.dead_ms", .kind = kDuration, .max = kTenYearsMs}),
    Row<&QueuePolicy::lease_ms>(
        {.number = 6,
         .path = "lease_ms",
         .kind = kDuration,
         .min = 1'000,
         .max = 12 * kHourMs,
         .about = "How long a worker holds a task without renewing its lease."}),
    Row<&QueuePolicy::idempotency_window_ms>(
        {.number = 7,
         .path = "idempotency_window_ms",
         .kind = kDuration,
         .min = 1'000,
         .max = kTenYearsMs,
         .about = "How long an idempotency key admits no second task."}),
    Row<&QueuePolicy::cancel_grace_ms>(
        {.number = 8,
         .path = "cancel_grace_ms",
         .kind = kDuration,
         .max = kTenYearsMs,
         .about = "How long a running task may take to end after a request to cancel it."}),
    Row<&QueuePolicy::attempt_timeout_ms>(
        {.number = 9,
         .path = "attempt_timeout_ms",
         .kind = kDuration,
         .max = limits::kAttemptTimeoutMsMax,
         .about = "How long an attempt may take before it fails (`attempt_timeout`). 0: as long as "
                  "its worker renews its lease."}),
    Row<&QueuePolicy::max_worker_losses>(
        {.number = 10,
         .path = "max_worker_losses",
         .kind = kCount,
         .min = 1,
         .max = limits::kWorkerLossesMax,
         .about =
             "Leases that a task may lose before it is dead (`worker_lost`). The first counts, "
             "and then those whose worker held no other task."}),
    Row<&QueuePolicy::capacity, &CapacityPolicy::tasks>({.number = 11,
                                                         .path = "capacity.tasks",
                                                         .kind = kCount,
                                                         .max = kPebi,
                                                         .about = "0: no bound."}),
    Row<&QueuePolicy::capacity, &CapacityPolicy::bytes>({.number = 12,
                                                         .path = "capacity.bytes",
                                                         .kind = kBytes,
                                                         .max = kPebi,
                                                         .about = "Of payloads. 0: no bound."}),
    Row<&QueuePolicy::capacity, &CapacityPolicy::shed>(
        {.number = 13,
         .path = "capacity.when_full",
         .kind = kChoice,
         .choices = kWhenFull,
         .about = "reject: a task that does not fit is `RESOURCE_EXHAUSTED`. shed: the server "
                  "cancels ready tasks of lower priority with the error code `shed`, the newest of "
                  "the lowest priority first. If there are too few of them, it rejects the new "
                  "task. One enqueue sheds at most 10,000 tasks."}),
    Row<&QueuePolicy::draining>(
        {.number = 14,
         .path = "draining",
         .kind = kSwitch,
         .about = "The queue accepts no task; those that it has continue."}),
    Row<&QueuePolicy::paused>(
        {.number = 15,
         .path = "paused",
         .kind = kSwitch,
         .about = "The queue gives no task to workers; everything else continues."}),
    Row<&QueuePolicy::search_payloads>(
        {.number = 16,
         .path = "search_payloads",
         .kind = kSwitch,
         .about = "Lists find tasks by words of their payloads (`payload_text`), if they arrive, "
                  "are edited or are moved here while this is set."}),
    Row<&QueuePolicy::deleted>({.number = 17, .path = "deleted", .kind = kSwitch, .is_own = true}),
    Row<&QueuePolicy::lease_before_ms>(
        {.number = 18, .path = "lease_before_ms", .kind = kDuration, .is_own = true}),
    Row<&QueuePolicy::lease_before_until>(
        {.number = 19, .path = "lease_before_until", .kind = kCount, .is_own = true}),
};

constexpr Field<TypePolicy> kTypeFields[] = {
    Row<&TypePolicy::attempt_timeout_ms>({.number = 2,
                                          .path = "attempt_timeout_ms",
                                          .kind = kDuration,
                                          .max = limits::kAttemptTimeoutMsMax,
                                          .about = "Instead of the queue's. 0 removes it."}),
    Row<&TypePolicy::deleted>({.number = 3, .path = "deleted", .kind = kSwitch, .is_own = true}),
};

Status CheckRange(const FieldInfo& field, std::string_view name, int64_t number) {
  if (number >= field.min && number <= field.max) return {};
  return {Code::kInvalidArgument, std::string(name) + " must be from " + std::to_string(field.min) +
                                      " to " + std::to_string(field.max)};
}

Status CheckCodes(const FieldInfo& field, std::string_view name,
                  const std::vector<std::string>& codes) {
  for (const std::string& code : codes)
    if (code.empty() || static_cast<int64_t>(code.size()) > field.max || !IsPrintableUtf8(code))
      return {Code::kInvalidArgument, std::string(name) +
                                          " must contain printable error codes of 1 to " +
                                          std::to_string(field.max) + " bytes"};
  return {};
}

}  // namespace

template <>
std::span<const Field<RetryPolicy>> Fields<RetryPolicy>() {
  return kRetryFields;
}

template <>
std::span<const Field<QueuePolicy>> Fields<QueuePolicy>() {
  return kQueueFields;
}

template <>
std::span<const Field<TypePolicy>> Fields<TypePolicy>() {
  return kTypeFields;
}

Status CheckField(const FieldInfo& field, std::string_view name, const FieldValue& value) {
  if (const auto* const number = std::get_if<int64_t>(&value))
    return CheckRange(field, name, *number);
  const auto* const numbers = std::get_if<std::vector<int64_t>>(&value);
  const auto* const codes = std::get_if<std::vector<std::string>>(&value);
  if ((numbers != nullptr ? numbers->size() : codes->size()) > field.items_max)
    return {Code::kInvalidArgument, std::string(name) + " must have at most " +
                                        std::to_string(field.items_max) +
                                        (numbers != nullptr ? " entries" : " error codes")};
  if (codes != nullptr) return CheckCodes(field, name, *codes);
  for (const int64_t number : *numbers) TREADLE_RETURN_IF_ERROR(CheckRange(field, name, number));
  return {};
}

constexpr FieldInfo kPresetField = {
    .number = 0,
    .path = "retry.preset",
    .kind = kChoice,
    .choices = kPresets,
    .about =
        "In requests: start from these values. patient: 25 attempts and waits up to 1 h, for "
        "work that can wait out an outage."};

RetryPolicy PresetPolicy(int64_t choice) {
  RetryPolicy retry;
  if (kPresets[choice] == "patient") retry.max_attempts = 25, retry.backoff_cap_ms = kHourMs;
  return retry;
}

std::vector<const FieldInfo*> SettableFields(bool of_type) {
  std::vector<const FieldInfo*> fields = {&kPresetField};
  const auto add = [&](const FieldInfo& field) {
    if (!field.is_own) fields.push_back(&field);
  };
  std::ranges::for_each(kRetryFields, add);
  if (of_type)
    std::ranges::for_each(kTypeFields, add);
  else
    std::ranges::for_each(kQueueFields, add);
  return fields;
}

}  // namespace treadle
