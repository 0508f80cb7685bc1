#include <gtest/gtest.h>

#include "engine/effects.h"
#include "engine/old_policies.h"
#include "model/field_fixture.h"
#include "model/policy_fields.h"

namespace treadle {
namespace {

void EncodeAny(const RetryPolicy& policy, ByteWriter* out) { EncodeRetry(policy, out); }
void EncodeAny(const QueuePolicy& policy, ByteWriter* out) { EncodePolicy(policy, out); }
void EncodeAny(const TypePolicy& policy, ByteWriter* out) { EncodeTypePolicy(policy, out); }
void DecodeAny(ByteReader* in, RetryPolicy* policy) { *policy = DecodeRetry(in); }
void DecodeAny(ByteReader* in, QueuePolicy* policy) { *policy = DecodePolicy(in); }
void DecodeAny(ByteReader* in, TypePolicy* policy) { *policy = DecodeTypePolicy(in); }

template <class T>
std::string EncodedPolicy(const T& policy) {
  std::string bytes;
  ByteWriter out(&bytes);
  EncodeAny(policy, &out);
  return bytes;
}

// Nothing, if the bytes are refused or not all read.
template <class T>
std::optional<T> Read(std::string_view bytes) {
  ByteReader in(bytes);
  T policy;
  DecodeAny(&in, &policy);
  if (in.failed() || in.remaining() > 0) return {};
  return policy;
}

template <class T>
class PolicyEffectsTest : public testing::Test {};
using Policies = testing::Types<RetryPolicy, QueuePolicy, TypePolicy>;
TYPED_TEST_SUITE(PolicyEffectsTest, Policies);

TYPED_TEST(PolicyEffectsTest, EachFieldComesBackByItselfAndWithTheOthers) {
  TypeParam all;
  for (const auto& field : Fields<TypeParam>()) {
    TypeParam one;
    for (TypeParam* const policy : {&one, &all})
      field.set(AnotherValue(field, field.get(TypeParam())), policy);
    EXPECT_EQ(Read<TypeParam>(EncodedPolicy(one)), one) << field.path;
  }
  EXPECT_EQ(Read<TypeParam>(EncodedPolicy(all)), all);
}

TYPED_TEST(PolicyEffectsTest, EveryTruncationIsRefused) {
  TypeParam policy;
  for (const auto& field : Fields<TypeParam>())
    field.set(AnotherValue(field, field.get(policy)), &policy);
  const std::string bytes = EncodedPolicy(policy);
  for (size_t n = 0; n < bytes.size(); ++n)
    EXPECT_EQ(Read<TypeParam>(std::string_view(bytes).substr(0, n)), std::nullopt) << n;
}

TEST(PolicyEffects, TheDefaultIsAVersionAndNoFields) {
  EXPECT_EQ(EncodedPolicy(QueuePolicy{}), std::string("\x05\0", 2));
  EXPECT_EQ(EncodedPolicy(TypePolicy{}), std::string("\x03\0\0", 3));
  EXPECT_EQ(EncodedPolicy(RetryPolicy{}), std::string("\0", 1));
}

// As docs/formats/effects.md has it: the bytes never change.
TEST(PolicyEffects, FieldsAreNumberLengthAndValue) {
  const std::string bytes("\x05\x0e\x01\x05\x05\x03\x02\x04\x06\x06\x02\x80\x7d\x0f\x01\x02", 16);
  QueuePolicy policy{.lease_ms = 8'000, .paused = true};
  policy.retry.delays_ms = {1, 2, 3};
  EXPECT_EQ(EncodedPolicy(policy), bytes);
  EXPECT_EQ(Read<QueuePolicy>(bytes), policy);
}

TEST(PolicyEffects, FieldsOfALaterVersionAreKeptAndWrittenAgain) {
  // Field 200 with the value "new", in the policy and in its retry policy, before known fields.
  const std::string bytes("\x05\x11\xc8\x01\x03new\x01\x06\xc8\x01\x03new\x0f\x01\x02", 19);
  const auto policy = Read<QueuePolicy>(bytes);
  ASSERT_TRUE(policy.has_value());
  EXPECT_TRUE(policy->paused);
  QueuePolicy known = *policy;
  known.unknown.clear();
  known.retry.unknown.clear();
  EXPECT_EQ(known, (QueuePolicy{.paused = true}));
  const std::string again = EncodedPolicy(*policy);
  EXPECT_EQ(again.size(), bytes.size());
  EXPECT_EQ(Read<QueuePolicy>(again), policy);
  EXPECT_EQ(EncodedPolicy(*Read<QueuePolicy>(again)), again);

  const auto type = Read<TypePolicy>(std::string_view("\x03\x06\xc8\x01\x03new\0", 9));
  ASSERT_TRUE(type.has_value());
  EXPECT_NE(*type, TypePolicy{});
  EXPECT_EQ(Read<TypePolicy>(EncodedPolicy(*type)), type);
}

TEST(PolicyEffects, TasksKeepFieldsOfALaterVersionInTheirRetryPolicies) {
  TaskTerms terms{.retry = RetryPolicy{.max_attempts = 7}};
  std::string bytes;
  ByteWriter out(&bytes);
  EncodeTerms(terms, &out);
  EXPECT_EQ(bytes[0], 1) << "request hashes of older versions are made of this";
  terms.retry->unknown = std::string("\xc8\x01\x03new", 6);
  bytes.clear();
  EncodeTerms(terms, &out);
  EXPECT_EQ(bytes[0], 3);
  ByteReader in(bytes);
  EXPECT_EQ(*DecodeTerms(&in), terms);
  EXPECT_EQ(in.remaining(), 0U);
}

TEST(PolicyEffects, ATypeHasARetryPolicyEvenIfThatIsTheDefault) {
  TypePolicy type;
  type.retry.emplace();
  EXPECT_EQ(Read<TypePolicy>(EncodedPolicy(type)), type);
}

TEST(PolicyEffects, ValuesThatAreNoneAndLaterVersionsAreRefused) {
  EXPECT_EQ(Read<QueuePolicy>(std::string("\x05\x03\x0f\x01\x02", 5))->paused, true);
  for (const std::string_view bad :
       {std::string_view("\x06\0", 2), std::string_view("\x01\0", 2), std::string_view("\0\0", 2),
        std::string_view("\x05\x03\x0f\0\x02", 5),        // a field without its value
        std::string_view("\x05\x04\x0f\x02\x02\x02", 6),  // more than its value
        std::string_view("\x05\x03\x0d\x01\x08", 5),      // a choice of a later version
        std::string_view("\x05\x05\x01\x03\x02\x02\x02",
                         7),  // half of a value, in the retry policy
        std::string_view("\x05\x01\x0f", 3)})
    EXPECT_EQ(Read<QueuePolicy>(bad), std::nullopt);
}

}  // namespace
}  // namespace treadle
