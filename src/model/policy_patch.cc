#include "model/policy_patch.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "model/policy_fields.h"

namespace treadle {
namespace {

template <class T>
void ApplyChanges(const std::vector<FieldChange>& changes, T* policy) {
  for (const FieldChange& change : changes) {
    const Field<T>* const field = FindField<T>(change.number);
    TREADLE_CHECK(field != nullptr);
    field->set(change.value, policy);
  }
}

template <class T>
std::vector<FieldChange> ChangesTo(const T& policy) {
  std::vector<FieldChange> changes;
  for (const Field<T>& field : Fields<T>())
    if (!field.is_own) changes.push_back({field.number, field.get(policy)});
  return changes;
}

/// False if the table of T has no such field.
template <class T>
bool AddChange(std::string_view path, FieldValue* value, std::vector<FieldChange>* changes) {
  const auto field = std::ranges::find(Fields<T>(), path, &FieldInfo::path);
  if (field == Fields<T>().end() || field->is_own) return false;
  changes->push_back({field->number, std::move(*value)});
  return true;
}

}  // namespace

void RetryPatch::Apply(RetryPolicy* retry) const {
  if (base) *retry = *base;
  ApplyChanges(changes, retry);
}

QueuePolicyPatch QueuePolicyPatch::To(const QueuePolicy& policy) {
  return {.retry = {.base = policy.retry, .changes = {}}, .changes = ChangesTo(policy)};
}

QueuePolicyPatch& QueuePolicyPatch::Set(std::string_view path, FieldValue value) {
  const bool exists = AddChange<RetryPolicy>(path, &value, &retry.changes) ||
                      AddChange<QueuePolicy>(path, &value, &changes);
  TREADLE_CHECK(exists);
  return *this;
}

void QueuePolicyPatch::Apply(QueuePolicy* policy) const {
  retry.Apply(&policy->retry);
  ApplyChanges(changes, policy);
}

TypePolicyPatch& TypePolicyPatch::Set(std::string_view path, FieldValue value) {
  if (AddChange<TypePolicy>(path, &value, &changes)) return *this;
  if (!retry) retry.emplace();
  const bool exists = AddChange<RetryPolicy>(path, &value, &retry->changes);
  TREADLE_CHECK(exists);
  return *this;
}

Status TypePolicyPatch::Apply(std::string_view type, TypePolicy* policy) const {
  if (drops_retry) policy->retry.reset();
  if (retry) retry->Apply(policy->retry ? &*policy->retry : &policy->retry.emplace());
  ApplyChanges(changes, policy);
  if (contract != nullptr) PutContract(&policy->contracts, contract);
  if (dropped_contract == 0) return {};
  const size_t gone = std::erase_if(
      policy->contracts, [&](const auto& each) { return each->version == dropped_contract; });
  if (gone > 0) return {};
  return {Code::kNotFound, "there is no contract " + std::to_string(dropped_contract) +
                               " of type " + std::string(type)};
}

}  // namespace treadle
