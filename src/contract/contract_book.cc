#include "contract/contract_book.h"

#include <algorithm>
#include <utility>

namespace treadle {
namespace {

Result<std::shared_ptr<const JsonSchema>> CompileOne(const std::string& text,
                                                     std::string_view name) {
  if (text.empty()) return std::shared_ptr<const JsonSchema>();
  return JsonSchema::Compile(text, name);
}

std::string NameOf(uint32_t version, const std::string& type) {
  return "contract " + std::to_string(version) + " of type " + type;
}

Status CheckValue(const CompiledContract& compiled, const JsonSchema* schema, ContractValue value,
                  std::string_view name, const CheckBudget* budget) {
  if (!compiled.unusable.ok()) return compiled.unusable;
  if (schema == nullptr) return {};
  if (!value.content_type.empty())
    return {Code::kInvalidArgument,
            std::string(name) + " must be JSON, not " + std::string(value.content_type)};
  return schema->Check(value.bytes, name, budget);
}

Status Named(const Status& status, uint32_t version, const std::string& type,
             std::string_view rest = "") {
  if (status.ok()) return status;
  return {status.code(), status.message() + " (" + NameOf(version, type) + std::string(rest) + ")"};
}

// The same schemas need not be compiled again because something else of the contract changed.
std::shared_ptr<const CompiledContract> WithText(const CompiledContract& compiled,
                                                 std::shared_ptr<const TypeContract> contract) {
  auto same = std::make_shared<CompiledContract>(compiled);
  same->contract = std::move(contract);
  return same;
}

std::shared_ptr<const CompiledContract> CompileAnyway(
    const std::shared_ptr<const TypeContract>& contract) {
  auto compiled = CompiledContract::Compile(contract);
  if (compiled.ok()) return *std::move(compiled);
  auto unusable = std::make_shared<CompiledContract>(CompiledContract{.contract = contract});
  unusable->unusable = {Code::kFailedPrecondition, compiled.status().message()};
  return unusable;
}

bool HasSchemasOf(const CompiledContract& compiled, const TypeContract& contract) {
  return compiled.contract->input_schema == contract.input_schema &&
         compiled.contract->output_schema == contract.output_schema;
}

}  // namespace

Result<std::shared_ptr<const CompiledContract>> CompiledContract::Compile(
    std::shared_ptr<const TypeContract> contract) {
  CompiledContract compiled;
  TREADLE_ASSIGN_OR_RETURN(compiled.input, CompileOne(contract->input_schema, "input_schema"));
  TREADLE_ASSIGN_OR_RETURN(compiled.output, CompileOne(contract->output_schema, "output_schema"));
  compiled.contract = std::move(contract);
  return std::make_shared<const CompiledContract>(std::move(compiled));
}

const CompiledContract* ContractPage::Find(const std::string& type, uint32_t version) const {
  const auto versions = types_.find(type);
  if (versions == types_.end()) return nullptr;
  for (const auto& each : versions->second)
    if (each->contract->version == version) return each.get();
  return nullptr;
}

Result<uint32_t> ContractPage::FitInput(const std::string& type, uint32_t asked,
                                        ContractValue payload, const CheckBudget* budget) const {
  if (asked != 0) {
    if (Find(type, asked) == nullptr)
      return Status(Code::kInvalidArgument, "contract_version: there is no " + NameOf(asked, type));
    TREADLE_RETURN_IF_ERROR(CheckInput(type, asked, payload, budget));
    return asked;
  }
  const auto versions = types_.find(type);
  if (versions == types_.end()) return 0U;
  Status of_newest;
  for (const auto& each : versions->second) {
    const Status status = CheckValue(*each, each->input.get(), payload, "payload", budget);
    if (status.ok()) return each->contract->version;
    if (of_newest.ok()) of_newest = status;
  }
  const bool is_only_one = versions->second.size() == 1;
  return Named(of_newest, versions->second.front()->contract->version, type,
               is_only_one ? "" : ", the newest; it does not fit an older one either");
}

Status ContractPage::CheckInput(const std::string& type, uint32_t version, ContractValue payload,
                                const CheckBudget* budget) const {
  const CompiledContract* const compiled = Find(type, version);
  if (compiled == nullptr) return {};
  return Named(CheckValue(*compiled, compiled->input.get(), payload, "payload", budget), version,
               type);
}

bool ContractPage::HasOutput(const std::string& type, uint32_t version) const {
  const CompiledContract* const compiled = Find(type, version);
  return compiled != nullptr && (compiled->output != nullptr || !compiled->unusable.ok());
}

Status ContractPage::CheckOutput(const std::string& type, uint32_t version, ContractValue result,
                                 const CheckBudget* budget) const {
  const CompiledContract* const compiled = Find(type, version);
  if (compiled == nullptr) return {};
  return Named(CheckValue(*compiled, compiled->output.get(), result, "result", budget), version,
               type);
}

std::shared_ptr<const ContractPage> ContractBook::Page() const {
  if (!has_page_.load(std::memory_order_acquire)) return nullptr;
  MutexLock lock(mutex_);
  return page_;
}

void ContractBook::Put(const std::string& type, const TypeContracts& contracts,
                       const std::shared_ptr<const CompiledContract>& compiled) {
  MutexLock lock(mutex_);
  auto page = page_ ? std::make_shared<ContractPage>(*page_) : std::make_shared<ContractPage>();
  ContractPage::Versions before = std::exchange(page->types_[type], {});
  if (compiled != nullptr) before.push_back(compiled);
  for (const auto& contract : contracts) {
    const auto same = std::ranges::find_if(
        before, [&](const auto& each) { return HasSchemasOf(*each, *contract); });
    page->types_[type].push_back(same == before.end() ? CompileAnyway(contract)
                                                      : WithText(**same, contract));
  }
  if (contracts.empty()) page->types_.erase(type);
  page->has_outputs_ = std::ranges::any_of(page->types_, [](const auto& entry) {
    return std::ranges::any_of(entry.second, [](const auto& each) { return !!each->output; });
  });
  has_page_.store(!page->types_.empty(), std::memory_order_release);
  page_ = std::move(page);
}

}  // namespace treadle
