#include "model/type_contract.h"

#include <algorithm>

#include "model/limits.h"
#include "model/validate.h"

namespace treadle {
namespace {

Status CheckDescription(const std::string& field, const std::string& text) {
  if (text.size() <= limits::kDescriptionBytes) return {};
  return InvalidArgument(field + " must have at most " + std::to_string(limits::kDescriptionBytes) +
                         " bytes");
}

Status CheckSchema(const std::string& field, const std::string& schema) {
  if (schema.size() <= limits::kSchemaBytes) return {};
  return InvalidArgument(field + " must have at most " + std::to_string(limits::kSchemaBytes) +
                         " bytes");
}

Status CheckCode(const std::string& field, const ContractCode& code) {
  if (code.code.empty() || code.code.size() > limits::kErrorCodeBytes ||
      !IsPrintableUtf8(code.code))
    return InvalidArgument(field + ".code must be printable and have from 1 to " +
                           std::to_string(limits::kErrorCodeBytes) + " bytes");
  return CheckDescription(field + ".description", code.description);
}

}  // namespace

std::string_view CodeRetryName(CodeRetry retry) {
  switch (retry) {
    case CodeRetry::kDefault:
      return "default";
    case CodeRetry::kNever:
      return "never";
    case CodeRetry::kAlways:
      return "always";
  }
  return "";
}

CodeRetry TypeContract::RetryAfter(std::string_view code) const {
  const auto found = std::ranges::find(codes, code, &ContractCode::code);
  return found == codes.end() ? CodeRetry::kDefault : found->retry;
}

const TypeContract* FindContract(const TypeContracts& contracts, uint32_t version) {
  for (const auto& contract : contracts)
    if (contract->version == version) return contract.get();
  return nullptr;
}

void PutContract(TypeContracts* contracts, std::shared_ptr<const TypeContract> contract) {
  auto place = contracts->begin();
  while (place != contracts->end() && (*place)->version > contract->version) ++place;
  if (place != contracts->end() && (*place)->version == contract->version)
    *place = std::move(contract);
  else
    contracts->insert(place, std::move(contract));
}

Status Validate(const TypeContract& contract) {
  if (contract.version == 0)
    return InvalidArgument("version must be a whole number from 1 to 4294967295");
  TREADLE_RETURN_IF_ERROR(CheckDescription("description", contract.description));
  TREADLE_RETURN_IF_ERROR(CheckSchema("input_schema", contract.input_schema));
  TREADLE_RETURN_IF_ERROR(CheckSchema("output_schema", contract.output_schema));
  if (contract.priority.value_or(0) > limits::kPriorityMax)
    return InvalidArgument("defaults.priority must be from 0 to 9");
  if (contract.codes.size() > limits::kContractErrorCodes)
    return InvalidArgument("error_codes must have at most " +
                           std::to_string(limits::kContractErrorCodes) + " entries");
  for (size_t i = 0; i < contract.codes.size(); ++i) {
    const std::string field = "error_codes[" + std::to_string(i) + "]";
    TREADLE_RETURN_IF_ERROR(CheckCode(field, contract.codes[i]));
    for (size_t j = 0; j < i; ++j)
      if (contract.codes[j].code == contract.codes[i].code)
        return InvalidArgument(field + ".code comes twice: " + contract.codes[i].code);
  }
  return {};
}

Status Validate(const TypeContracts& contracts) {
  if (contracts.size() > limits::kContractVersions)
    return InvalidArgument("a type may have at most " + std::to_string(limits::kContractVersions) +
                           " contracts: remove one first");
  for (const auto& contract : contracts) TREADLE_RETURN_IF_ERROR(Validate(*contract));
  return {};
}

}  // namespace treadle
