// What Treadle 0.3.0 and older wrote.

#include "engine/old_policies.h"

#include <gtest/gtest.h>

#include "engine/effects.h"

namespace treadle {
namespace {

constexpr int64_t kOldTimeoutMs = 1'800'000;

// As 0.4.0 wrote it before its policies became lists of fields; older ones without the last two.
std::string OldBytes(uint8_t version, const QueuePolicy& policy) {
  std::string bytes;
  ByteWriter out(&bytes);
  out.U8(version);
  EncodeOldRetry(policy.retry, &out);
  for (const int64_t number :
       {policy.retention.completed_tasks, policy.retention.completed_ms,
        policy.retention.completed_bytes, policy.retention.dead_ms, policy.lease_ms,
        policy.idempotency_window_ms, policy.cancel_grace_ms, policy.attempt_timeout_ms})
    out.Signed(number);
  out.Varint(policy.max_worker_losses);
  out.U8(static_cast<uint8_t>((policy.paused ? 1 : 0) | (policy.draining ? 2 : 0) |
                              (policy.capacity.shed ? 4 : 0) | (policy.deleted ? 8 : 0) |
                              (policy.search_payloads ? 16 : 0) |
                              (policy.lease_before_ms != 0 ? 32 : 0)));
  out.Signed(policy.capacity.tasks);
  out.Signed(policy.capacity.bytes);
  if (policy.lease_before_ms == 0) return bytes;
  out.Signed(policy.lease_before_ms);
  out.Signed(policy.lease_before_until.ms);
  return bytes;
}

QueuePolicy ReadOld(const std::string& bytes) {
  ByteReader in(bytes);
  const QueuePolicy policy = DecodePolicy(&in);
  EXPECT_FALSE(in.failed());
  EXPECT_EQ(in.remaining(), 0U);
  return policy;
}

RetryPolicy RetryInAllFields() {
  RetryPolicy retry{.backoff = Backoff::kListed, .jitter = Jitter::kEqual};
  retry.backoff_base_ms = 1;
  retry.backoff_cap_ms = 2;
  retry.delays_ms = {3, 3'000'000'000};
  retry.max_attempts = 4;
  retry.total_ms = 5;
  retry.never = {"never"};
  retry.always = {"always", "and this"};
  return retry;
}

TEST(OldPolicies, OfAllVersionsAreRead) {
  QueuePolicy policy{.retry = RetryInAllFields(),
                     .retention = {6, 7, 8, 9},
                     .lease_ms = 10,
                     .idempotency_window_ms = 11,
                     .cancel_grace_ms = 12,
                     .attempt_timeout_ms = 13,
                     .max_worker_losses = 14,
                     .draining = true,
                     .capacity = {15, 16, true},
                     .search_payloads = true};
  for (const uint8_t version : {uint8_t{2}, uint8_t{3}, uint8_t{4}})
    EXPECT_EQ(ReadOld(OldBytes(version, policy)), policy);
  policy.paused = policy.deleted = true;
  policy.lease_before_ms = 17;
  policy.lease_before_until = {INT64_MAX};
  for (const uint8_t version : {uint8_t{3}, uint8_t{4}})
    EXPECT_EQ(ReadOld(OldBytes(version, policy)), policy);
}

TEST(OldPolicies, KeepTheirTimeoutIfAnyoneChangedThem) {
  const auto timeout_ms = [](const QueuePolicy& policy) {
    return ReadOld(OldBytes(3, policy)).attempt_timeout_ms;
  };
  QueuePolicy policy{.attempt_timeout_ms = kOldTimeoutMs};
  EXPECT_EQ(timeout_ms(policy), 0);
  policy.paused = true;
  EXPECT_EQ(timeout_ms(policy), 0);
  policy.lease_ms = 45'000;
  EXPECT_EQ(timeout_ms(policy), kOldTimeoutMs);
  EXPECT_EQ(timeout_ms({.attempt_timeout_ms = 60'000}), 60'000);
  EXPECT_EQ(ReadOld(OldBytes(4, {.attempt_timeout_ms = kOldTimeoutMs})).attempt_timeout_ms,
            kOldTimeoutMs);
}

TEST(OldPolicies, OfTypesAreRead) {
  for (const uint8_t version : {uint8_t{1}, uint8_t{2}}) {
    for (const bool has_retry : {false, true}) {
      std::string bytes;
      ByteWriter out(&bytes);
      out.U8(version);
      out.U8(has_retry);
      if (has_retry) EncodeOldRetry(RetryInAllFields(), &out);
      out.Signed(13);
      out.Varint(0);
      ByteReader in(bytes);
      TypePolicy type{.attempt_timeout_ms = 13, .deleted = version == 2};
      if (has_retry) type.retry = RetryInAllFields();
      EXPECT_EQ(DecodeTypePolicy(&in), type);
      EXPECT_FALSE(in.failed());
      EXPECT_EQ(in.remaining(), 0U);
    }
  }
}

TEST(OldPolicies, AnUnknownBackoffIsRefused) {
  std::string bytes = OldBytes(4, {});
  bytes[1] = 9;
  ByteReader in(bytes);
  (void)DecodePolicy(&in);
  EXPECT_TRUE(in.failed());
}

}  // namespace
}  // namespace treadle
