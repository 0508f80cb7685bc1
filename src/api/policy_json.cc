#include "api/policy_json.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <vector>

#include "model/field_json.h"
#include "model/policy_fields.h"

namespace treadle::api {
namespace {

constexpr std::string_view kRetry = "retry";

/// What an object may hold besides the rows of a table. It comes first.
struct Other {
  std::string_view name;
  std::function<Status(JsonValue)> read;
};

// Reads the object that is `section` of a T, or all of it ("").
template <class T>
Status ReadRows(JsonValue value, std::string_view section, const Other& other,
                std::vector<FieldChange>* changes) {
  std::vector<std::string_view> names = {other.name};
  for (const Field<T>& field : Fields<T>()) {
    if (field.is_own || (!section.empty() && field.section() != section)) continue;
    const std::string_view name = field.section() == section
                                      ? field.name()
                                      : field.section();  // the rows of one are together
    if (names.back() != name) names.push_back(name);
  }
  if (other.name.empty()) names.erase(names.begin());
  return value.Fields(names, [&](size_t i, JsonValue each) -> Status {
    if (names[i] == other.name) return other.read(each);
    for (const Field<T>& field : Fields<T>()) {
      if (field.is_own || field.section() != section || field.name() != names[i]) continue;
      TREADLE_ASSIGN_OR_RETURN(FieldValue read, ReadField(field, each));
      changes->push_back({field.number, std::move(read)});
      return {};
    }
    return ReadRows<T>(each, names[i], {}, changes);
  });
}

Status ReadRetryPatch(JsonValue value, RetryPatch* patch) {
  const Other preset{kPresetField.name(), [&](JsonValue each) -> Status {
                       TREADLE_ASSIGN_OR_RETURN(const FieldValue choice,
                                                ReadField(kPresetField, each));
                       patch->base = PresetPolicy(std::get<int64_t>(choice));
                       return {};
                     }};
  return ReadRows<RetryPolicy>(value, kRetry, preset, &patch->changes);
}

// The rows that `is_shown` picks, each section as an object.
template <class T, class IsShown>
void WriteRows(const T& policy, IsShown is_shown, JsonWriter* out) {
  std::string_view section;
  for (const Field<T>& field : Fields<T>()) {
    if (field.is_own) continue;
    const FieldValue value = field.get(policy);
    if (!is_shown(field, value)) continue;
    if (field.section() != section) {
      if (!section.empty()) out->Close('}');
      section = field.section();
      if (!section.empty()) out->Key(section).Open('{');
    }
    out->Key(field.name());
    WriteField(field, value, out);
  }
  if (!section.empty()) out->Close('}');
}

constexpr auto kAll = [](const FieldInfo&, const FieldValue&) { return true; };

}  // namespace

Status ReadQueuePolicyPatch(JsonValue value, QueuePolicyPatch* patch) {
  const Other retry{kRetry, [&](JsonValue each) { return ReadRetryPatch(each, &patch->retry); }};
  return ReadRows<QueuePolicy>(value, "", retry, &patch->changes);
}

// Null takes a type's own retry policy away again.
Status ReadTypePolicyPatch(JsonValue value, TypePolicyPatch* patch) {
  const Other retry{kRetry, [&](JsonValue each) -> Status {
                      if (each.IsNull()) return patch->drops_retry = true, Status::Ok();
                      return ReadRetryPatch(each, &patch->retry.emplace());
                    }};
  return ReadRows<TypePolicy>(value, "", retry, &patch->changes);
}

Status ReadRetry(JsonValue value, std::optional<RetryPolicy>* retry) {
  RetryPatch patch;
  TREADLE_RETURN_IF_ERROR(ReadRetryPatch(value, &patch));
  patch.Apply(&retry->emplace());
  return {};
}

void WriteRetry(const RetryPolicy& retry, JsonWriter* out) {
  out->Open('{');
  for (const Field<RetryPolicy>& field : Fields<RetryPolicy>()) {
    out->Key(field.name());
    WriteField(field, field.get(retry), out);
  }
  out->Close('}');
}

void WriteQueuePolicy(const QueuePolicy& policy, JsonWriter* out) {
  out->Open('{').Key(kRetry);
  WriteRetry(policy.retry, out);
  WriteRows(policy, kAll, out);
  out->Close('}');
}

void WriteTypePolicy(const TypePolicy& policy, JsonWriter* out) {
  static const TypePolicy kDefault;
  out->Open('{');
  if (policy.retry) {
    out->Key(kRetry);
    WriteRetry(*policy.retry, out);
  }
  const auto is_set = [](const Field<TypePolicy>& field, const FieldValue& value) {
    return value != field.get(kDefault);
  };
  WriteRows(policy, is_set, out);
  out->Close('}');
}

}  // namespace treadle::api
