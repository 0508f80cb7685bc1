// Contracts as people and workers register them, and what is checked against them. Pure; any
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/exchange_in.h"
#include "base/status.h"
#include "contract/contract_book.h"
#include "engine/commands.h"
#include "model/type_contract.h"

namespace treadle::api {

/// The body of PUT /v1/types/{type}/contracts/{version}. INVALID_ARGUMENT names the field; the
/// schemas are not read yet.
Result<std::shared_ptr<const TypeContract>> ReadContract(std::string* body, uint32_t version);

/// Gives each task the version of its type's contract that its payload fits. `page` may be null.
/// INVALID_ARGUMENT: one fits none, by the path of the fault, and the task by its place if there
/// are several, or takes more time than `budget` has left (null: time is no matter).
Status FitContracts(const ContractPage* page, EnqueueCommand* command,
                    const CheckBudget* budget = nullptr);

/// How many bytes of payloads FitContracts() would look at; nothing if it is over at once.
std::optional<size_t> BytesToFit(const ContractPage* page, const EnqueueCommand& command);

/// The tasks of the completed reports, if `page` has a schema for results.
std::vector<TaskId> ResultsToCheck(const ContractPage* page, const ExchangeIn& in);
/// Refuses only the reports whose results break the contract of their task. `names` stand as
/// ResultsToCheck() has named them.
void RefuseResults(const ContractPage& page, const std::vector<std::optional<ContractName>>& names,
                   ExchangeIn* in, const CheckBudget* budget = nullptr);
/// How many bytes of results it would look at; nothing if there is nothing to check.
std::optional<size_t> BytesToCheck(const ContractPage& page,
                                   const std::vector<std::optional<ContractName>>& names,
                                   const ExchangeIn& in);

}  // namespace treadle::api
