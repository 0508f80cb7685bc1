#include "model/policy_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "model/field_fixture.h"
#include "model/field_json.h"
#include "model/policy_patch.h"

namespace treadle {
namespace {

using testing::HasSubstr;

template <class T>
class PolicyFieldsTest : public testing::Test {};
using Policies = testing::Types<RetryPolicy, QueuePolicy, TypePolicy>;
TYPED_TEST_SUITE(PolicyFieldsTest, Policies);

TYPED_TEST(PolicyFieldsTest, EachHasANumberAndANameOfItsOwn) {
  std::set<uint8_t> numbers = {0};
  if (!std::is_same_v<TypeParam, RetryPolicy>) numbers.insert(kRetryNumber);
  std::set<std::string_view> paths;
  for (const auto& field : Fields<TypeParam>()) {
    EXPECT_TRUE(numbers.insert(field.number).second) << field.path;
    EXPECT_TRUE(paths.insert(field.path).second) << field.path;
    EXPECT_EQ(FindField<TypeParam>(field.number), &field);
    const bool has_unit = field.kind == FieldKind::kDuration || field.kind == FieldKind::kDurations;
    EXPECT_EQ(has_unit, field.path.ends_with("_ms")) << field.path;
  }
}

TYPED_TEST(PolicyFieldsTest, RowsOfASectionAreNeighbors) {
  std::set<std::string_view> seen;
  std::string_view before;
  for (const auto& field : Fields<TypeParam>()) {
    if (!field.section().empty() && field.section() != before) {
      EXPECT_TRUE(seen.insert(field.section()).second) << field.path;
    }
    before = field.section();
  }
}

TYPED_TEST(PolicyFieldsTest, SettingOneChangesItAndNoOther) {
  const TypeParam usual;
  EXPECT_TRUE(CheckFields(usual).ok());
  for (const auto& field : Fields<TypeParam>()) {
    TypeParam policy;
    const FieldValue value = AnotherValue(field, field.get(usual));
    field.set(value, &policy);
    EXPECT_NE(policy, usual) << field.path;
    for (const auto& each : Fields<TypeParam>())
      EXPECT_EQ(each.get(policy), &each == &field ? value : each.get(usual)) << each.path;
    EXPECT_TRUE(CheckFields(policy).ok()) << field.path;
  }
}

TYPED_TEST(PolicyFieldsTest, AValueOutOfItsRangeIsNamedWithTheRange) {
  for (const auto& field : Fields<TypeParam>()) {
    if (field.is_own) continue;
    const FieldValue usual = field.get(TypeParam());
    if (std::holds_alternative<int64_t>(usual)) {
      for (const int64_t bad : {field.min - 1, field.max + 1})
        EXPECT_EQ(
            CheckField(field, "here", bad).message(),
            "here must be from " + std::to_string(field.min) + " to " + std::to_string(field.max));
    } else if (field.kind == FieldKind::kCodes) {
      std::vector<std::string> codes(field.items_max + 1, "x");
      EXPECT_THAT(CheckField(field, "here", codes).message(), HasSubstr("here must have at most"));
      codes = {std::string(static_cast<size_t>(field.max) + 1, 'x')};
      EXPECT_THAT(CheckField(field, "here", codes).message(), HasSubstr("here must contain"));
    } else {
      const std::vector<int64_t> many(field.items_max + 1, field.min);
      EXPECT_THAT(CheckField(field, "here", many).message(), HasSubstr("here must have at most"));
      EXPECT_THAT(CheckField(field, "here", std::vector{field.max + 1}).message(),
                  HasSubstr("here must be from"));
    }
  }
}

TYPED_TEST(PolicyFieldsTest, JsonOfEachIsReadAgainAsItWas) {
  for (const auto& field : Fields<TypeParam>()) {
    if (field.is_own) continue;
    const FieldValue usual = field.get(TypeParam());
    for (const FieldValue& value : {usual, AnotherValue(field, usual)}) {
      std::string document = "[" + FieldJson(field, value) + "]";
      EXPECT_TRUE(ParseJson(&document, "it",
                            [&](JsonValue list) {
                              return list.Each(1, [&](size_t, JsonValue item) -> Status {
                                TREADLE_ASSIGN_OR_RETURN(const FieldValue again,
                                                         ReadField(field, item));
                                EXPECT_EQ(again, value) << field.path;
                                return {};
                              });
                            })
                      .ok())
          << field.path;
    }
  }
}

TEST(SettableFields, HaveWordsWithoutUnits) {
  std::vector<std::string_view> words;
  for (const FieldInfo* field : SettableFields(/*of_type=*/true)) words.push_back(field->word());
  EXPECT_THAT(words, testing::ElementsAre("retry.preset", "retry.backoff", "retry.jitter",
                                          "retry.backoff_base", "retry.backoff_cap", "retry.delays",
                                          "retry.max_attempts", "retry.total", "retry.never",
                                          "retry.always", "attempt_timeout"));
  EXPECT_EQ(SettableFields(/*of_type=*/false).size(),
            1 + Fields<RetryPolicy>().size() + Fields<QueuePolicy>().size() - 3);
}

TEST(PolicyPatch, ThatLeadsToAPolicySetsAllButTheEnginesOwn) {
  QueuePolicy wanted;
  wanted.retry.never = {"bad"};
  wanted.capacity.shed = true;
  wanted.lease_ms = 1'000;
  QueuePolicy policy{.lease_ms = 7'000, .paused = true};
  QueuePolicyPatch::To(wanted).Apply(&policy);
  EXPECT_EQ(policy, wanted);
  policy.unknown = "of a later version";
  QueuePolicyPatch().Set("lease_ms", 2'000).Set("retry.max_attempts", 3).Apply(&policy);
  EXPECT_EQ(policy.lease_ms, 2'000);
  EXPECT_EQ(policy.retry.max_attempts, 3);
  EXPECT_EQ(policy.retry.never, wanted.retry.never);
  EXPECT_EQ(policy.unknown, "of a later version");
}

TEST(PolicyPatch, OfATypeGivesItARetryPolicyAndTakesItAway) {
  TypePolicy policy;
  TypePolicyPatch patch;
  patch.Set("retry.max_attempts", 3).Set("attempt_timeout_ms", 4);
  EXPECT_TRUE(patch.Apply("t", &policy).ok());
  EXPECT_EQ(policy.retry->max_attempts, 3);
  EXPECT_EQ(policy.attempt_timeout_ms, 4);
  EXPECT_TRUE(TypePolicyPatch{.drops_retry = true}.Apply("t", &policy).ok());
  EXPECT_FALSE(policy.retry.has_value());
}

TEST(PolicyPatch, OfATypePutsContractsAndDropsThem) {
  TypePolicy policy;
  const auto contract = std::make_shared<TypeContract>(TypeContract{.version = 2});
  EXPECT_TRUE(TypePolicyPatch{.contract = contract}.Apply("t", &policy).ok());
  EXPECT_EQ(policy.contracts.size(), 1U);
  const Status missing = TypePolicyPatch{.dropped_contract = 1}.Apply("t", &policy);
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_EQ(missing.message(), "there is no contract 1 of type t");
  EXPECT_TRUE(TypePolicyPatch{.dropped_contract = 2}.Apply("t", &policy).ok());
  EXPECT_TRUE(policy.contracts.empty());
}

}  // namespace
}  // namespace treadle
