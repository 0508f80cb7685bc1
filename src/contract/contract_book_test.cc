#include "contract/contract_book.h"

#include <gtest/gtest.h>

namespace treadle {
namespace {

TypeContracts Orders() {
  TypeContracts contracts;
  PutContract(&contracts, std::make_shared<TypeContract>(
                              TypeContract{.version = 1,
                                           .input_schema = R"({"required":["id"]})",
                                           .output_schema = R"({"type":"string"})"}));
  PutContract(&contracts, std::make_shared<TypeContract>(TypeContract{
                              .version = 2, .input_schema = R"({"required":["id","price"],
                                                  "properties":{"price":{"type":"number"}}})"}));
  return contracts;
}

TEST(ContractBook, HasNoPageWithoutContracts) {
  ContractBook book;
  EXPECT_EQ(book.Page(), nullptr);
  book.Put("order", {});
  EXPECT_EQ(book.Page(), nullptr);
  book.Put("order", Orders());
  EXPECT_NE(book.Page(), nullptr);
  book.Put("order", {});
  EXPECT_EQ(book.Page(), nullptr);
}

TEST(ContractBook, APayloadFitsTheNewestVersionThatItCan) {
  ContractBook book;
  book.Put("order", Orders());
  const auto page = book.Page();
  const auto fit = [&](std::string_view payload, uint32_t asked = 0) {
    const auto version = page->FitInput("order", asked, {payload, ""});
    return version.ok() ? std::to_string(*version) : version.status().message();
  };
  EXPECT_EQ(fit(R"({"id":1,"price":2})"), "2");
  EXPECT_EQ(fit(R"({"id":1})"), "1");
  EXPECT_EQ(fit(R"({"id":1,"price":2})", 1), "1");
  EXPECT_EQ(fit(R"({"id":1})", 2), "payload.price is missing (contract 2 of type order)");
  EXPECT_EQ(fit(R"({"id":1})", 3), "contract_version: there is no contract 3 of type order");
  EXPECT_EQ(
      fit("{}"),
      "payload.id is missing (contract 2 of type order, the newest; it does not fit an older one "
      "either)");
  EXPECT_EQ(page->FitInput("other", 0, {"1", ""}).value(), 0U);
  EXPECT_EQ(page->FitInput("order", 0, {"{}", "image/png"}).status().message(),
            "payload must be JSON, not image/png (contract 2 of type order, the newest; it does "
            "not fit an older one either)");
}

TEST(ContractBook, ResultsAreCheckedIfTheVersionSaysSo) {
  ContractBook book;
  book.Put("order", Orders());
  const auto page = book.Page();
  EXPECT_TRUE(page->has_outputs());
  EXPECT_TRUE(page->CheckOutput("order", 1, {"\"done\"", ""}).ok());
  EXPECT_EQ(page->CheckOutput("order", 1, {"1", ""}).message(),
            "result must be a string (contract 1 of type order)");
  EXPECT_TRUE(page->CheckOutput("order", 2, {"1", ""}).ok());
  EXPECT_TRUE(page->CheckOutput("order", 3, {"1", ""}).ok());
}

TEST(ContractBook, APageStaysAsItWas) {
  ContractBook book;
  book.Put("order", Orders());
  const auto before = book.Page();
  book.Put("order", {});
  EXPECT_EQ(before->FitInput("order", 0, {R"({"id":1})", ""}).value(), 1U);
}

TEST(ContractBook, AContractThatCannotBeReadAnyMoreLetsNothingThrough) {
  ContractBook book;
  book.Put("order", {std::make_shared<TypeContract>(
                        TypeContract{.version = 1, .input_schema = R"({"type":"nothing"})"})});
  EXPECT_EQ(book.Page()->FitInput("order", 0, {"1", ""}).status().code(),
            Code::kFailedPrecondition);
}

}  // namespace
}  // namespace treadle
