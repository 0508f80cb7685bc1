// ContractBook: the contracts of all task types, compiled, for those who check payloads and results
// at the border, without asking the shard. It may be a moment behind: a request that comes while a
// contract changes is checked against the one before.
//
// Any thread. Those who check take the page of the moment, which never changes.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/thread_annotations.h"
#include "contract/json_schema.h"
#include "model/type_contract.h"

namespace treadle {

/// One version, ready to check with.
struct CompiledContract {
  /// INVALID_ARGUMENT, with the path: one of the schemas is invalid.
  static Result<std::shared_ptr<const CompiledContract>> Compile(
      std::shared_ptr<const TypeContract> contract);

  std::shared_ptr<const TypeContract> contract;
  std::shared_ptr<const JsonSchema> input;  // null: anything
  std::shared_ptr<const JsonSchema> output;
  Status unusable;  // not OK: it was accepted once, and cannot be read by this program
};

/// Bytes that are to be checked. `content_type` as tasks keep it: empty is JSON.
struct ContractValue {
  std::string_view bytes;
  std::string_view content_type;
};

class ContractPage {
 public:
  /// The version that a payload fits: the newest of those that it does, or the one that was asked
  /// for (0: none was). 0 if the type has no contract. INVALID_ARGUMENT: it fits none, with the
  /// path of the fault ("payload.items[3].price must be a number (contract 2 of type order)"), or
  /// there is no such version.
  /// What takes more time than `budget` has left is also refused (null: no time limit).
  Result<uint32_t> FitInput(const std::string& type, uint32_t asked, ContractValue payload,
                            const CheckBudget* budget = nullptr) const;
  /// Also OK if that version no longer exists.
  Status CheckInput(const std::string& type, uint32_t version, ContractValue payload,
                    const CheckBudget* budget = nullptr) const;
  Status CheckOutput(const std::string& type, uint32_t version, ContractValue result,
                     const CheckBudget* budget = nullptr) const;
  /// Whether payloads of the type are checked.
  bool HasType(const std::string& type) const { return types_.contains(type); }
  /// Whether results under this version are checked.
  bool HasOutput(const std::string& type, uint32_t version) const;
  /// Whether any contract has a schema for results.
  bool has_outputs() const { return has_outputs_; }

 private:
  friend class ContractBook;
  using Versions = std::vector<std::shared_ptr<const CompiledContract>>;  // newest first

  const CompiledContract* Find(const std::string& type, uint32_t version) const;

  std::map<std::string, Versions> types_;
  bool has_outputs_ = false;
};

class ContractBook {
 public:
  /// Null as long as no type has a contract: then there is nothing to check, and asking costs
  /// nothing.
  std::shared_ptr<const ContractPage> Page() const TREADLE_EXCLUDES(mutex_);

  /// These are the contracts of `type` from now on. `compiled`, if it is one of them, need not be
  /// compiled again.
  void Put(const std::string& type, const TypeContracts& contracts,
           const std::shared_ptr<const CompiledContract>& compiled = nullptr)
      TREADLE_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const ContractPage> page_ TREADLE_GUARDED_BY(mutex_);
  std::atomic<bool> has_page_ = false;
};

}  // namespace treadle
