#include "model/field_json.h"

#include <algorithm>
#include <utility>

namespace treadle {
namespace {

constexpr size_t kListMax = 1'000;  // the fields' own bounds are tighter

// "must be A or B", "must be one of A, B, C".
std::string OneOf(std::span<const std::string_view> words) {
  if (words.size() == 2) return "must be " + std::string(words[0]) + " or " + std::string(words[1]);
  std::string text = "must be one of ";
  for (size_t i = 0; i < words.size(); ++i) text.append(i == 0 ? "" : ", ").append(words[i]);
  return text;
}

Result<FieldValue> ReadChoice(const FieldInfo& field, JsonValue value) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, value.Text());
  const auto word = std::ranges::find(field.choices, text);
  if (word == field.choices.end()) return value.Wrong(OneOf(field.choices));
  return FieldValue(field.min + (word - field.choices.begin()));
}

Result<FieldValue> ReadNumbers(JsonValue value) {
  std::vector<int64_t> numbers;
  TREADLE_RETURN_IF_ERROR(value.Each(kListMax, [&](size_t, JsonValue each) {
    TREADLE_ASSIGN_OR_RETURN(const int64_t number, each.Whole(-kNumberMax, kNumberMax));
    numbers.push_back(number);
    return Status::Ok();
  }));
  return FieldValue(std::move(numbers));
}

Result<FieldValue> ReadAny(const FieldInfo& field, JsonValue value) {
  switch (field.kind) {
    case FieldKind::kSwitch: {
      TREADLE_ASSIGN_OR_RETURN(const bool flag, value.Flag());
      return FieldValue(int64_t{flag});
    }
    case FieldKind::kChoice:
      return ReadChoice(field, value);
    case FieldKind::kDurations:
      return ReadNumbers(value);
    case FieldKind::kCodes: {
      std::vector<std::string> codes;
      TREADLE_RETURN_IF_ERROR(ReadTexts(value, kListMax, &codes));
      return FieldValue(std::move(codes));
    }
    default: {
      TREADLE_ASSIGN_OR_RETURN(const int64_t number, value.Whole(-kNumberMax, kNumberMax));
      return FieldValue(number);
    }
  }
}

}  // namespace

Result<FieldValue> ReadField(const FieldInfo& field, JsonValue value) {
  TREADLE_ASSIGN_OR_RETURN(FieldValue read, ReadAny(field, value));
  TREADLE_RETURN_IF_ERROR(CheckField(field, value.path().ToString(), read));
  return read;
}

void WriteField(const FieldInfo& field, const FieldValue& value, JsonWriter* out) {
  if (const auto* const number = std::get_if<int64_t>(&value)) {
    if (field.kind == FieldKind::kSwitch)
      out->Flag(*number != 0);
    else if (field.kind == FieldKind::kChoice)
      out->PlainText(field.choices[static_cast<size_t>(*number - field.min)]);
    else
      out->Number(*number);
    return;
  }
  out->Open('[');
  if (const auto* const numbers = std::get_if<std::vector<int64_t>>(&value))
    for (const int64_t number : *numbers) out->Number(number);
  else
    for (const std::string& code : std::get<std::vector<std::string>>(value)) out->Text(code);
  out->Close(']');
}

std::string FieldJson(const FieldInfo& field, const FieldValue& value) {
  std::string json;
  JsonWriter out(&json);
  WriteField(field, value, &out);
  return json;
}

}  // namespace treadle
