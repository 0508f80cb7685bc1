// TypeContract: what producers and workers of a task type have agreed upon. A type has none, or
// several versions side by side while a new one is rolled out. Plain values.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace treadle {

/// Whether an attempt that ended with an error code of the contract may be followed by another.
/// On disk.
enum class CodeRetry : uint8_t {
  kDefault = 1,  // as its worker asked, and as the retry policy has it
  kNever = 2,
  kAlways = 3,  // unless the retry policy has never
};

/// "default", and so on; empty for an unknown number.
std::string_view CodeRetryName(CodeRetry retry);

struct ContractCode {
  std::string code;
  CodeRetry retry = CodeRetry::kDefault;
  std::string description;

  bool operator==(const ContractCode&) const = default;
};

struct TypeContract {
  uint32_t version = 0;  // from 1
  std::string description;
  std::string input_schema;         // JSON Schema, draft 7; empty: payloads may be anything
  std::string output_schema;        // of results; the same
  std::optional<uint8_t> priority;  // of tasks that were enqueued without one
  std::vector<ContractCode> codes;

  CodeRetry RetryAfter(std::string_view code) const;
  bool operator==(const TypeContract&) const = default;
};

/// The versions of one type, newest first. Shared and immutable: they are large.
using TypeContracts = std::vector<std::shared_ptr<const TypeContract>>;

/// Null if there is no such version.
const TypeContract* FindContract(const TypeContracts& contracts, uint32_t version);
/// Puts it in its place, or in that of the same version.
void PutContract(TypeContracts* contracts, std::shared_ptr<const TypeContract> contract);

/// INVALID_ARGUMENT names the field that is out of its range. Does not read the schemas.
Status Validate(const TypeContract& contract);
Status Validate(const TypeContracts& contracts);

}  // namespace treadle
