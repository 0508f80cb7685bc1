// Policies as effects and the store hold them: a version, then the fields that differ from the
// defaults, each with the number of its row in the table (model/policy_fields.h). Fields that this
// version does not know are kept with the policy and written again, so that it can share data with
// a later one.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "base/check.h"
#include "engine/effects.h"
#include "engine/old_policies.h"
#include "model/policy_fields.h"

namespace treadle {
namespace {

// On disk. A field needs no version of its own; a change of the form does.
constexpr uint8_t kPolicyVersion = 5;
constexpr uint8_t kTypePolicyVersion = 3;

std::string EncodedValue(const FieldValue& value) {
  std::string bytes;
  ByteWriter out(&bytes);
  if (const auto* const number = std::get_if<int64_t>(&value))
    out.Signed(*number);
  else if (const auto* const numbers = std::get_if<std::vector<int64_t>>(&value))
    for (const int64_t each : *numbers) out.Signed(each);
  else
    for (const std::string& each : std::get<std::vector<std::string>>(value)) out.Bytes(each);
  return bytes;
}

// Nothing, if `bytes` are not a value of this field.
std::optional<FieldValue> DecodedValue(const FieldInfo& field, std::string_view bytes) {
  ByteReader in(bytes);
  FieldValue value;
  if (field.kind == FieldKind::kCodes) {
    auto& codes = value.emplace<std::vector<std::string>>();
    while (in.remaining() > 0) codes.emplace_back(in.Bytes());
  } else if (field.kind == FieldKind::kDurations) {
    auto& numbers = value.emplace<std::vector<int64_t>>();
    while (in.remaining() > 0) numbers.push_back(in.Signed());
  } else {
    const int64_t number = in.Signed();
    if (field.kind == FieldKind::kChoice && (number < field.min || number > field.max)) return {};
    value = number;
  }
  if (in.failed() || in.remaining() > 0) return {};
  return value;
}

// The retry policy among the fields of a policy; null if it has none, or only the default.
const RetryPolicy* RetryOf(const RetryPolicy&) { return nullptr; }
const RetryPolicy* RetryOf(const QueuePolicy& policy) {
  return policy.retry == RetryPolicy() ? nullptr : &policy.retry;
}
const RetryPolicy* RetryOf(const TypePolicy& policy) {
  return policy.retry ? &*policy.retry : nullptr;
}

RetryPolicy* MakeRetry(QueuePolicy* policy) { return &policy->retry; }
RetryPolicy* MakeRetry(TypePolicy* policy) { return &policy->retry.emplace(); }

template <class T>
void EncodeFields(const T& policy, ByteWriter* out) {
  static const T kDefault;
  std::string bytes;
  ByteWriter fields(&bytes);
  if (const RetryPolicy* const retry = RetryOf(policy); retry != nullptr) {
    fields.Varint(kRetryNumber);
    EncodeFields(*retry, &fields);
  }
  for (const Field<T>& field : Fields<T>()) {
    const FieldValue value = field.get(policy);
    if (value == field.get(kDefault)) continue;
    TREADLE_CHECK((std::is_same_v<T, RetryPolicy>) || field.number != kRetryNumber);
    fields.Varint(field.number);
    fields.Bytes(EncodedValue(value));
  }
  fields.Raw(policy.unknown);
  out->Bytes(bytes);
}

// `bytes` are the value of field `number`. False: they are none.
template <class T>
bool DecodeField(uint64_t number, std::string_view bytes, T* policy);

// False: `bytes` are no fields.
template <class T>
bool DecodeFields(std::string_view bytes, T* policy) {
  ByteReader in(bytes);
  while (in.remaining() > 0) {
    const uint64_t number = in.Varint();
    const std::string_view value = in.Bytes();
    if (in.failed() || !DecodeField(number, value, policy)) return false;
  }
  return true;
}

template <class T>
bool DecodeField(uint64_t number, std::string_view bytes, T* policy) {
  if constexpr (!std::is_same_v<T, RetryPolicy>)
    if (number == kRetryNumber) return DecodeFields(bytes, MakeRetry(policy));
  const Field<T>* const field = FindField<T>(number);
  if (field == nullptr) {
    ByteWriter unknown(&policy->unknown);
    unknown.Varint(number);
    unknown.Bytes(bytes);
    return true;
  }
  const std::optional<FieldValue> value = DecodedValue(*field, bytes);
  if (value) field->set(*value, policy);
  return value.has_value();
}

template <class T>
T DecodeAll(ByteReader* in) {
  T policy;
  if (!DecodeFields(in->Bytes(), &policy)) in->Raw(SIZE_MAX);  // fails the reader
  return policy;
}

void EncodeContract(const TypeContract& contract, ByteWriter* out) {
  out->Varint(contract.version);
  out->Bytes(contract.description);
  out->Bytes(contract.input_schema);
  out->Bytes(contract.output_schema);
  out->U8(contract.priority ? *contract.priority + 1 : 0);
  out->Varint(contract.codes.size());
  for (const ContractCode& code : contract.codes) {
    out->Bytes(code.code);
    out->U8(static_cast<uint8_t>(code.retry));
    out->Bytes(code.description);
  }
}

std::shared_ptr<const TypeContract> DecodeContract(ByteReader* in) {
  auto contract = std::make_shared<TypeContract>();
  contract->version = static_cast<uint32_t>(in->Varint());
  contract->description = in->Bytes();
  contract->input_schema = in->Bytes();
  contract->output_schema = in->Bytes();
  if (const uint8_t priority = in->U8(); priority > 0) contract->priority = priority - 1;
  for (uint64_t left = in->Varint(); left > 0 && !in->failed(); --left) {
    ContractCode& code = contract->codes.emplace_back();
    code.code = in->Bytes();
    code.retry = static_cast<CodeRetry>(in->U8());
    if (CodeRetryName(code.retry).empty()) in->Raw(SIZE_MAX);
    code.description = in->Bytes();
  }
  return contract;
}

}  // namespace

void EncodePolicy(const QueuePolicy& policy, ByteWriter* out) {
  out->U8(kPolicyVersion);
  EncodeFields(policy, out);
}

QueuePolicy DecodePolicy(ByteReader* in) {
  const uint8_t version = in->U8();
  if (version <= kOldPolicyVersion) return DecodeOldPolicy(version, in);
  if (version > kPolicyVersion) in->Raw(SIZE_MAX);
  return DecodeAll<QueuePolicy>(in);
}

void EncodeTypePolicy(const TypePolicy& policy, ByteWriter* out) {
  out->U8(kTypePolicyVersion);
  EncodeFields(policy, out);
  out->Varint(policy.contracts.size());
  for (const auto& contract : policy.contracts) EncodeContract(*contract, out);
}

TypePolicy DecodeTypePolicy(ByteReader* in) {
  const uint8_t version = in->U8();
  if (version > kTypePolicyVersion) in->Raw(SIZE_MAX);
  TypePolicy policy = version <= kOldTypePolicyVersion ? DecodeOldTypePolicy(version, in)
                                                       : DecodeAll<TypePolicy>(in);
  for (uint64_t left = in->Varint(); left > 0 && !in->failed(); --left)
    policy.contracts.push_back(DecodeContract(in));
  return policy;
}

void EncodeRetry(const RetryPolicy& retry, ByteWriter* out) { EncodeFields(retry, out); }

RetryPolicy DecodeRetry(ByteReader* in) { return DecodeAll<RetryPolicy>(in); }

}  // namespace treadle
