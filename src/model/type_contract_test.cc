#include "model/type_contract.h"

#include <gtest/gtest.h>

#include "model/queue_policy.h"

namespace treadle {
namespace {

std::shared_ptr<const TypeContract> Version(uint32_t version, std::string description = "") {
  return std::make_shared<TypeContract>(
      TypeContract{.version = version, .description = std::move(description)});
}

TEST(TypeContract, VersionsAreSortedNewestFirstAndReplacedByTheirNumber) {
  TypeContracts contracts;
  for (const uint32_t version : {2U, 5U, 1U, 5U})
    PutContract(&contracts, Version(version, std::to_string(contracts.size())));
  ASSERT_EQ(contracts.size(), 3U);
  EXPECT_EQ(contracts[0]->version, 5U);
  EXPECT_EQ(contracts[0]->description, "3");
  EXPECT_EQ(contracts[2]->version, 1U);
  EXPECT_EQ(FindContract(contracts, 2), contracts[1].get());
  EXPECT_EQ(FindContract(contracts, 3), nullptr);
}

TEST(TypeContract, NamesTheFieldThatIsOutOfRange) {
  EXPECT_TRUE(Validate(TypeContract{.version = 1}).ok());
  EXPECT_FALSE(Validate(TypeContract{}).ok());
  EXPECT_EQ(Validate(TypeContract{.version = 1, .priority = 10}).message(),
            "defaults.priority must be from 0 to 9");
  EXPECT_EQ(
      Validate(TypeContract{.version = 1, .input_schema = std::string(70'000, ' ')}).message(),
      "input_schema must have at most 65536 bytes");
  EXPECT_EQ(Validate(TypeContract{.version = 1, .codes = {{"a"}, {""}}}).message(),
            "error_codes[1].code must be printable and have from 1 to 64 bytes");
  EXPECT_EQ(Validate(TypeContract{.version = 1, .codes = {{"a"}, {"a"}}}).message(),
            "error_codes[1].code comes twice: a");
  TypePolicy policy;
  for (uint32_t version = 1; version <= 5; ++version)
    PutContract(&policy.contracts, Version(version));
  EXPECT_FALSE(Validate(policy).ok());
}

TEST(TypeContract, PoliciesWithEqualContractsAreEqual) {
  TypePolicy a;
  TypePolicy b;
  PutContract(&a.contracts, Version(1, "x"));
  PutContract(&b.contracts, Version(1, "x"));
  EXPECT_EQ(a, b);
  PutContract(&b.contracts, Version(1, "y"));
  EXPECT_NE(a, b);
}

}  // namespace
}  // namespace treadle
