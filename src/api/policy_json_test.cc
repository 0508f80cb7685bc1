#include "api/policy_json.h"

#include <gtest/gtest.h>

#include "model/field_fixture.h"
#include "model/policy_fields.h"

namespace treadle::api {
namespace {

template <class Patch>
Result<Patch> ReadPatch(std::string json, Status (*read)(JsonValue, Patch*)) {
  Patch patch;
  TREADLE_RETURN_IF_ERROR(
      ParseJson(&json, "the body", [&](JsonValue value) { return read(value, &patch); }));
  return patch;
}

template <class T>
void SetAll(T* policy) {
  for (const Field<T>& field : Fields<T>())
    if (!field.is_own) field.set(AnotherValue(field, field.get(T())), policy);
}

TEST(PolicyJson, WhatIsWrittenOfAQueueIsReadAgainWhole) {
  QueuePolicy policy;
  SetAll(&policy.retry);
  SetAll(&policy);
  for (const QueuePolicy& each : {policy, QueuePolicy{}}) {
    std::string json;
    JsonWriter out(&json);
    WriteQueuePolicy(each, &out);
    const auto patch = ReadPatch(json, ReadQueuePolicyPatch);
    ASSERT_TRUE(patch.ok()) << patch.status().message();
    QueuePolicy again{.lease_ms = 7'000};
    patch->Apply(&again);
    EXPECT_EQ(again, each);
  }
}

TEST(PolicyJson, OfATypeHasOnlyWhatIsSet) {
  TypePolicy policy;
  std::string json;
  JsonWriter out(&json);
  WriteTypePolicy(policy, &out);
  EXPECT_EQ(json, "{}");
  SetAll(&policy);
  SetAll(&policy.retry.emplace());
  json.clear();
  JsonWriter whole(&json);
  WriteTypePolicy(policy, &whole);
  const auto patch = ReadPatch(json, ReadTypePolicyPatch);
  ASSERT_TRUE(patch.ok()) << patch.status().message();
  TypePolicy again;
  EXPECT_TRUE(patch->Apply("t", &again).ok());
  EXPECT_EQ(again, policy);
  const auto removal = ReadPatch(R"({"retry":null,"attempt_timeout_ms":0})", ReadTypePolicyPatch);
  EXPECT_TRUE(removal->Apply("t", &again).ok());
  EXPECT_EQ(again, TypePolicy{});
}

TEST(PolicyJson, APresetIsWhatTheOtherFieldsBuildOnWhereverItIs) {
  for (const char* json : {R"({"retry":{"preset":"patient","max_attempts":3}})",
                           R"({"retry":{"max_attempts":3,"preset":"patient"}})"}) {
    QueuePolicy policy;
    policy.retry.total_ms = 5;
    ReadPatch(json, ReadQueuePolicyPatch)->Apply(&policy);
    EXPECT_EQ(policy.retry, (RetryPolicy{.backoff_cap_ms = 3'600'000, .max_attempts = 3}));
  }
}

TEST(PolicyJson, AWrongFieldIsNamedWithWhatWouldBeRight) {
  const auto error = [](const char* json) {
    return ReadPatch(json, ReadQueuePolicyPatch).status().message();
  };
  EXPECT_EQ(error(R"({"retry":{"max_attempts":-1}})"), "retry.max_attempts must be from 1 to 1000");
  EXPECT_EQ(error(R"({"retry":{"backoff":"odd"}})"),
            "retry.backoff must be one of exponential, linear, fixed, listed");
  EXPECT_EQ(error(R"({"retry":{"preset":"odd"}})"), "retry.preset must be default or patient");
  EXPECT_EQ(error(R"({"capacity":{"when_full":"odd"}})"),
            "capacity.when_full must be reject or shed");
  EXPECT_EQ(error(R"({"paused":1})"), "paused must be true or false");
  EXPECT_EQ(error(R"({"deleted":true})"),
            "unknown field \"deleted\"; known fields are retry, retention, lease_ms, "
            "idempotency_window_ms, cancel_grace_ms, attempt_timeout_ms, max_worker_losses, "
            "capacity, draining, paused, search_payloads");
  EXPECT_EQ(error(R"({"capacity":{"size":1}})"),
            "unknown field \"size\" in capacity; known fields are tasks, bytes, when_full");
}

}  // namespace
}  // namespace treadle::api
