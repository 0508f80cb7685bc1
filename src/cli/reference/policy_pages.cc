#include "cli/reference/policy_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "model/field_json.h"
#include "model/policy_fields.h"

namespace treadle::cli {
namespace {

/// The schema of a section, and what it has besides the rows.
struct SectionSchema {
  std::string_view section;
  std::string_view name;
  std::string_view head;  // lines of YAML
};
constexpr SectionSchema kSchemas[] = {
    {"retry", "RetryPolicy",
     "      description: |\n"
     "        Whether and when another attempt follows a failed one. A task may have a policy, a "
     "task type may have one, and each\n"
     "        queue has one. The first of these that exists applies as a whole.\n"
     "      if: {required: [delays_ms], properties: {delays_ms: {minItems: 1}}}\n"
     "      then: {properties: {backoff: {const: listed}}}\n"},
    {"retention", "RetentionPolicy",
     "      description: 'How long ended tasks are kept. The oldest are removed as soon as one "
     "bound is exceeded. Canceled and expired tasks have the bounds of completed ones, counted "
     "separately.'\n"},
    {"capacity", "Capacity", "      description: How much may wait or run in the queue.\n"},
};

// A new section has its name in capitals until it has a row above.
SectionSchema SchemaOf(std::string_view section) {
  const auto* const found = std::ranges::find(kSchemas, section, &SectionSchema::section);
  return found == std::end(kSchemas) ? SectionSchema{section, section, ""} : *found;
}

std::string Reference(std::string_view schema) {
  return fmt::format("$ref: '#/components/schemas/{}'", schema);
}

std::string Description(const FieldInfo& field) {
  if (field.about.empty()) return "";
  std::string quoted(field.about);
  for (size_t at = 0; (at = quoted.find('\'', at)) != std::string::npos; at += 2)
    quoted.insert(at, "'");
  return fmt::format(", description: '{}'", quoted);
}

std::string Integer(int64_t min, int64_t max) {
  return fmt::format("type: integer, minimum: {}, maximum: {}", min, max);
}

std::string TypeOf(const FieldInfo& field) {
  switch (field.kind) {
    case FieldKind::kSwitch:
      return "type: boolean";
    case FieldKind::kChoice:
      return fmt::format("enum: [{}]", fmt::join(field.choices, ", "));
    case FieldKind::kDurations:
      return fmt::format("type: array, maxItems: {}, items: {{{}}}", field.items_max,
                         Integer(field.min, field.max));
    case FieldKind::kCodes:
      return fmt::format("type: array, maxItems: {}, items: {{{}}}", field.items_max,
                         Reference("ErrorCode"));
    default:
      return Integer(field.min, field.max);
  }
}

std::string Property(const FieldInfo& field, std::string_view type, std::string_view usual) {
  return fmt::format("        {}: {{{}{}{}}}\n", field.name(), type, usual, Description(field));
}

template <class T>
std::string Property(const Field<T>& field) {
  const FieldValue usual = field.get(T());
  const bool is_list = !std::holds_alternative<int64_t>(usual);
  std::string json = FieldJson(field, usual);
  if (field.kind == FieldKind::kChoice) json = json.substr(1, json.size() - 2);  // YAML has no need
  return Property(field, TypeOf(field), is_list ? "" : fmt::format(", default: {}", json));
}

template <class T>
std::vector<const Field<T>*> RowsOf(std::string_view section) {
  std::vector<const Field<T>*> rows;
  for (const Field<T>& field : Fields<T>())
    if (!field.is_own && field.section() == section) rows.push_back(&field);
  return rows;
}

template <class T>
std::vector<std::string_view> NamesIn(std::string_view section) {
  std::vector<std::string_view> names;
  for (const Field<T>* const field : RowsOf<T>(section)) names.push_back(field->name());
  return names;
}

template <class T>
std::string SectionText(std::string_view section, const std::string& first = "") {
  const SectionSchema schema = SchemaOf(section);
  std::string text = fmt::format(
      "    {}:\n      type: object\n{}      additionalProperties: false\n      properties:\n{}",
      schema.name, schema.head, first);
  for (const Field<T>* const field : RowsOf<T>(section)) text += Property(*field);
  return text;
}

// The sections of a queue's policy, in order; "" is its own rows.
std::vector<std::string_view> QueueSections() {
  std::vector<std::string_view> sections;
  for (const Field<QueuePolicy>& field : Fields<QueuePolicy>())
    if (std::ranges::find(sections, field.section()) == sections.end())
      sections.push_back(field.section());
  return sections;
}

std::string SectionProperty(std::string_view section, const std::vector<std::string_view>& names,
                            bool is_reply) {
  const std::string required =
      is_reply ? fmt::format(", required: [{}]", fmt::join(names, ", ")) : "";
  return fmt::format("        {}: {{{}{}}}\n", section, Reference(SchemaOf(section).name),
                     required);
}

// A reply has every field, a change any of them.
std::string QueueText(bool is_reply) {
  std::vector<std::string_view> names = {kPresetField.section()};
  std::string properties = SectionProperty(names[0], NamesIn<RetryPolicy>(names[0]), is_reply);
  for (const Field<QueuePolicy>& field : Fields<QueuePolicy>()) {
    if (field.is_own) continue;
    const std::string_view section = field.section();
    if (section.empty()) {
      names.push_back(field.name());
      properties += Property(field);
    } else if (names.back() != section) {
      names.push_back(section);
      properties += SectionProperty(section, NamesIn<QueuePolicy>(section), is_reply);
    }
  }
  return fmt::format(
      "    {}:\n      type: object\n{}      additionalProperties: false\n      properties:\n{}",
      is_reply ? "Policy" : "PolicyChange",
      is_reply ? fmt::format("      required: [{}]\n", fmt::join(names, ", ")) : "", properties);
}

// A reply has what is set; what is not has the least value.
std::string TypeText() {
  std::string text =
      "    TypePolicy:\n      type: object\n"
      "      description: The queue decides what is absent here.\n"
      "      additionalProperties: false\n      properties:\n        retry: {" +
      Reference("RetryPolicy") + "}\n";
  for (const Field<TypePolicy>* const field : RowsOf<TypePolicy>("")) {
    FieldInfo set = *field;
    if (field->get(TypePolicy()) == FieldValue(set.min)) ++set.min;
    text += Property(set, TypeOf(set), "");
  }
  text +=
      "    TypePolicyChange:\n      type: object\n"
      "      description: Absent fields stay as they are.\n"
      "      additionalProperties: false\n      properties:\n        retry:\n          oneOf:\n"
      "            - " +
      Reference("RetryPolicy") + "\n            - {type: 'null', description: Remove it.}\n";
  for (const Field<TypePolicy>* const field : RowsOf<TypePolicy>(""))
    text += Property(*field, TypeOf(*field), "");
  return text;
}

std::string FormOf(const FieldInfo& field) {
  switch (field.kind) {
    case FieldKind::kSwitch:
      return "signed: 0 or 1";
    case FieldKind::kDurations:
      return "signed each";
    case FieldKind::kCodes:
      return "bytes each";
    case FieldKind::kChoice: {
      std::vector<std::string> words;
      for (size_t i = 0; i < field.choices.size(); ++i)
        words.push_back(
            fmt::format("{} {}", field.min + static_cast<int64_t>(i), field.choices[i]));
      return fmt::format("signed: {}", fmt::join(words, ", "));
    }
    default:
      return "signed";
  }
}

template <class T>
std::string FieldTable(std::string_view of) {
  std::string text = fmt::format(
      "\n#### Fields of {}\n\n| number | field | form | default | since |\n"
      "|---|---|---|---|---|\n",
      of);
  for (const Field<T>& field : Fields<T>()) {
    const FieldValue value = field.get(T());
    const auto* const number = std::get_if<int64_t>(&value);
    text += fmt::format("| {} | `{}` | {} | {} | {} |\n", field.number, field.path, FormOf(field),
                        number == nullptr ? "empty" : std::to_string(*number), field.since);
  }
  return text;
}

}  // namespace

std::string PolicySchemas() {
  const std::string preset =
      Property(kPresetField, TypeOf(kPresetField), "");  // it is no field, so it comes by itself
  std::string text = QueueText(/*is_reply=*/true) + QueueText(/*is_reply=*/false) +
                     SectionText<RetryPolicy>(kPresetField.section(), preset);
  for (const std::string_view section : QueueSections())
    if (!section.empty()) text += SectionText<QueuePolicy>(section);
  return text + TypeText();
}

std::string FieldTables() {
  return FieldTable<RetryPolicy>("a retry policy") +
         FieldTable<QueuePolicy>("the policy of a queue") +
         FieldTable<TypePolicy>("the policy of a task type");
}

}  // namespace treadle::cli
