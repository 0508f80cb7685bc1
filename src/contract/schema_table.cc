#include "contract/schema_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema_parser.hpp>

#include "contract/schema_check.h"
#include "contract/schema_pattern.h"
#include "model/limits.h"

namespace treadle {
namespace {

constexpr size_t kRefsInARow = 64;

/// How a keyword holds subschemas, and whether they are about the very value that the keyword is
/// about.
struct Below {
  std::string_view keyword;
  bool in_place;
};
constexpr Below kOne[] = {{"additionalItems", false},
                          {"additionalProperties", false},
                          {"contains", false},
                          {"else", true},
                          {"if", true},
                          {"not", true},
                          {"propertyNames", false},
                          {"then", true}};
constexpr Below kList[] = {{"allOf", true}, {"anyOf", true}, {"oneOf", true}};
constexpr Below kMap[] = {
    {"dependencies", true}, {"patternProperties", false}, {"properties", false}};
constexpr std::string_view kCounts[] = {"maxItems", "maxLength", "maxProperties",
                                        "minItems", "minLength", "minProperties"};
constexpr std::string_view kBounds[] = {"exclusiveMaximum", "exclusiveMinimum", "maximum",
                                        "minimum"};
constexpr std::string_view kAsTheyAre[] = {"pattern", "required", "type", "uniqueItems"};

// valijson knows 64 signed bits, and doubles.
SchemaJson CountOf(const SchemaJson& number) {
  if (number.is_number_unsigned())
    return std::min<uint64_t>(number.get<uint64_t>(), std::numeric_limits<int64_t>::max());
  return static_cast<int64_t>(std::min(number.get<double>(), 0x1p62));
}

SchemaJson DivisorOf(const SchemaJson& number) {
  const auto as_double = number.get<double>();
  if (number.is_number_float() && as_double == std::floor(as_double) && as_double < 0x1p53)
    return static_cast<int64_t>(as_double);
  if (number.is_number_unsigned() && number.get<uint64_t>() > 0x7fff'ffff'ffff'ffff)
    return as_double;
  return number;
}

std::string PercentDecoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    uint8_t byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr ==
            text.data() + i + 3) {
      out.push_back(static_cast<char>(byte));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

bool HoldsNul(const SchemaJson& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().find('\0') != std::string::npos;
  return value.is_array() && std::ranges::any_of(value, HoldsNul);
}

}  // namespace

/// Fills a table from a schema.
class SchemaReader {
 public:
  SchemaReader(const SchemaJson& root, std::string_view name, const SchemaTable* draft7)
      : root_(root), name_(name), draft7_(draft7), table_(new SchemaTable()) {}

  Result<std::unique_ptr<const SchemaTable>> Read() {
    TREADLE_ASSIGN_OR_RETURN(const SchemaJson whole, Stub(root_, name_, nullptr));
    if (whole.is_boolean()) {
      table_->nodes_.resize(1);
      table_->nodes_[0] = {.is_never = !whole.get<bool>(),
                           .keywords = std::make_unique<const valijson::Schema>()};
      return std::unique_ptr<const SchemaTable>(std::move(table_));
    }
    for (size_t number = 0; number < places_.size(); ++number)
      TREADLE_RETURN_IF_ERROR(ReadNode(number));
    TREADLE_RETURN_IF_ERROR(CheckEnds());
    return std::unique_ptr<const SchemaTable>(std::move(table_));
  }

 private:
  struct Place {
    const SchemaJson* at;
    std::string path;
    std::vector<size_t> in_place;  // the subschemas that are about the same value
  };

  static Status Wrong(const std::string& path, std::string_view rest) {
    return {Code::kInvalidArgument, path + " " + std::string(rest)};
  }

  Result<const SchemaJson*> Target(const SchemaJson& ref, const std::string& path) const;
  Result<SchemaJson> Stub(const SchemaJson& schema, std::string path, Place* parent);
  Status ReadNode(size_t number);
  Result<SchemaJson> StubsOf(const SchemaJson& schemas, const std::string& path, Place* parent);
  Status ReadBelow(const SchemaJson& schema, const std::string& path, SchemaJson* out,
                   std::vector<size_t>* in_place);
  Status ReadScalars(const SchemaJson& schema, const std::string& path, SchemaJson* out);
  Status AddPattern(const std::string& text, const std::string& path);
  static void ReadAllowed(const SchemaJson& schema, SchemaNode* node);
  Status CheckEnds() const;

  const SchemaJson& root_;
  const std::string name_;
  const SchemaTable* const draft7_;
  std::unique_ptr<SchemaTable> table_;
  std::map<const SchemaJson*, size_t> numbers_;
  std::vector<Place> places_;  // by number
};

Result<const SchemaJson*> SchemaReader::Target(const SchemaJson& ref,
                                               const std::string& path) const {
  const auto* const text = ref.get_ptr<const std::string*>();
  if (text == nullptr || !text->starts_with('#'))
    return Wrong(path, "must begin with #: only references within the schema are supported");
  const std::string pointer = PercentDecoded(std::string_view(*text).substr(1));
  if (!pointer.empty() && pointer.front() != '/')
    return Wrong(path, "must be a JSON pointer such as #/definitions/address");
  try {
    return &root_.at(SchemaJson::json_pointer(pointer));
  } catch (const SchemaJson::exception&) {
    return Wrong(path, "points to nothing in this schema");
  }
}

// What stands for `schema` in the one above it: a boolean, or an object with a number. References
// are followed.
Result<SchemaJson> SchemaReader::Stub(const SchemaJson& schema, std::string path, Place* parent) {
  const SchemaJson* at = &schema;
  for (size_t hops = 0; at->is_object() && at->contains("$ref"); ++hops) {
    path += ".$ref";
    if (hops == kRefsInARow) return Wrong(path, "is an endless chain of references");
    TREADLE_ASSIGN_OR_RETURN(at, Target(at->at("$ref"), path));
    // It may be where nobody looks for schemas.
    if (draft7_ != nullptr && !numbers_.contains(at))
      TREADLE_RETURN_IF_ERROR(CheckAgainst(*draft7_, *at, limits::kSchemaBytes, path));
  }
  if (at->is_boolean()) return *at;
  if (!at->is_object()) return Wrong(path, "must be a schema: an object or a boolean");
  const auto [found, is_new] = numbers_.emplace(at, places_.size());
  const size_t number = found->second;
  if (is_new && places_.size() == limits::kSubschemas)
    return Wrong(name_, "must have at most " + std::to_string(limits::kSubschemas) + " subschemas");
  if (parent != nullptr) parent->in_place.push_back(number);
  if (is_new) places_.push_back({at, std::move(path), {}});
  return SchemaJson{{"title", std::to_string(number)}};
}

Result<SchemaJson> SchemaReader::StubsOf(const SchemaJson& schemas, const std::string& path,
                                         Place* parent) {
  SchemaJson out = schemas.is_array() ? SchemaJson::array() : SchemaJson::object();
  for (const auto& [key, each] : schemas.items()) {
    const std::string place = path + (schemas.is_array() ? "[" + key + "]" : KeyText(key));
    if (key.find('\0') != std::string::npos) return Wrong(place, "must not contain \\u0000");
    if (schemas.is_object() && each.is_array()) {  // of `dependencies`: names
      if (HoldsNul(each)) return Wrong(place, "must not contain \\u0000");
      out[key] = each;
      continue;
    }
    TREADLE_ASSIGN_OR_RETURN(SchemaJson stub, Stub(each, place, parent));
    schemas.is_array() ? out.push_back(std::move(stub)) : void(out[key] = std::move(stub));
  }
  return out;
}

Status SchemaReader::ReadBelow(const SchemaJson& schema, const std::string& path, SchemaJson* out,
                               std::vector<size_t>* in_place) {
  Place same;  // collects what is about the same value
  for (const Below& each : kOne) {
    const auto found = schema.find(each.keyword);
    if (found == schema.end()) continue;
    TREADLE_ASSIGN_OR_RETURN(
        (*out)[std::string(each.keyword)],
        Stub(*found, path + KeyText(each.keyword), each.in_place ? &same : nullptr));
  }
  const auto read_many = [&](const Below& each) -> Status {
    const auto found = schema.find(each.keyword);
    if (found == schema.end()) return {};
    TREADLE_ASSIGN_OR_RETURN(
        (*out)[std::string(each.keyword)],
        StubsOf(*found, path + KeyText(each.keyword), each.in_place ? &same : nullptr));
    return {};
  };
  for (const Below& each : kList) TREADLE_RETURN_IF_ERROR(read_many(each));
  for (const Below& each : kMap) TREADLE_RETURN_IF_ERROR(read_many(each));
  if (const auto items = schema.find("items"); items != schema.end()) {
    TREADLE_ASSIGN_OR_RETURN((*out)["items"], items->is_array()
                                                  ? StubsOf(*items, path + ".items", nullptr)
                                                  : Stub(*items, path + ".items", nullptr));
  }
  *in_place = std::move(same.in_place);
  return {};
}

Status SchemaReader::ReadScalars(const SchemaJson& schema, const std::string& path,
                                 SchemaJson* out) {
  const auto copy = [&](std::string_view keyword, auto change) {
    const auto found = schema.find(keyword);
    if (found != schema.end()) (*out)[std::string(keyword)] = change(*found);
  };
  for (const auto keyword : kCounts) copy(keyword, CountOf);
  for (const auto keyword : kBounds)
    copy(keyword, [](const SchemaJson& number) { return number.get<double>(); });
  for (const auto keyword : kAsTheyAre) {
    copy(keyword, [](const SchemaJson& value) { return value; });
    if (out->contains(keyword) && HoldsNul(out->at(std::string(keyword))))
      return Wrong(path + KeyText(keyword), "must not contain \\u0000");
  }
  copy("multipleOf", DivisorOf);
  if (const auto pattern = schema.find("pattern"); pattern != schema.end())
    TREADLE_RETURN_IF_ERROR(AddPattern(pattern->get<std::string>(), path + ".pattern"));
  if (const auto found = schema.find("patternProperties"); found != schema.end())
    for (const auto& [pattern, below] : found->items())
      TREADLE_RETURN_IF_ERROR(AddPattern(pattern, path + ".patternProperties" + KeyText(pattern)));
  return {};
}

Status SchemaReader::AddPattern(const std::string& text, const std::string& path) {
  auto& patterns = table_->patterns_;
  if (patterns.contains(text)) return {};
  if (patterns.size() == limits::kPatterns)
    return Wrong(path, "is one too many: a schema may have at most " +
                           std::to_string(limits::kPatterns) + " regular expressions");
  auto pattern = CompilePattern(text);
  if (!pattern.ok()) return Wrong(path, pattern.status().message());
  patterns.emplace(text, *std::move(pattern));
  return {};
}

void SchemaReader::ReadAllowed(const SchemaJson& schema, SchemaNode* node) {
  if (const auto found = schema.find("enum"); found != schema.end()) {
    node->allowed = found->get<std::vector<SchemaJson>>();
    std::ranges::sort(*node->allowed,
                      [](const auto& a, const auto& b) { return Compare(a, b) < 0; });
  }
  const auto found = schema.find("const");
  if (found == schema.end()) return;
  const bool is_possible = !node->allowed || Holds(*node->allowed, *found);
  node->allowed.emplace();
  if (is_possible) node->allowed->push_back(*found);
}

Status SchemaReader::ReadNode(size_t number) {
  const SchemaJson& schema = *places_[number].at;
  const std::string path = places_[number].path;
  if (number != 0 && schema.contains("$id"))
    return Wrong(path + ".$id",
                 "is not supported inside a schema: refer to the subschema by its place");
  SchemaJson flat = SchemaJson::object();
  std::vector<size_t> in_place;
  TREADLE_RETURN_IF_ERROR(ReadBelow(schema, path, &flat, &in_place));
  places_[number].in_place = std::move(in_place);
  TREADLE_RETURN_IF_ERROR(ReadScalars(schema, path, &flat));
  SchemaNode node;
  ReadAllowed(schema, &node);
  auto keywords = std::make_unique<valijson::Schema>();
  try {
    valijson::SchemaParser(valijson::SchemaParser::kDraft7)
        .populateSchema(valijson::adapters::NlohmannJsonAdapter(flat), *keywords);
  } catch (const std::exception& error) {
    return Wrong(path, std::string("is not supported: ") + error.what());
  }
  node.keywords = std::move(keywords);
  table_->nodes_.push_back(std::move(node));
  return {};
}

// A schema that asks for itself of the very same value would be asked for ever.
Status SchemaReader::CheckEnds() const {
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> seen(places_.size(), kNew);
  struct Step {
    size_t number;
    size_t next = 0;
  };
  for (size_t start = 0; start < places_.size(); ++start) {
    if (seen[start] != kNew) continue;
    std::vector<Step> way = {{start}};
    seen[start] = kOpen;
    while (!way.empty()) {
      Step& step = way.back();
      const std::vector<size_t>& below = places_[step.number].in_place;
      if (step.next == below.size()) {
        seen[step.number] = kDone;
        way.pop_back();
        continue;
      }
      const size_t next = below[step.next++];
      if (seen[next] == kOpen)
        return Wrong(places_[next].path, "refers to itself for the same value, without end");
      if (seen[next] == kNew) {
        seen[next] = kOpen;
        way.push_back({next});
      }
    }
  }
  return {};
}

SchemaTable::SchemaTable() = default;
SchemaTable::~SchemaTable() = default;

Result<std::unique_ptr<const SchemaTable>> SchemaTable::Make(const SchemaJson& schema,
                                                             std::string_view name,
                                                             const SchemaTable* draft7) {
  return SchemaReader(schema, name, draft7).Read();
}

const re2::RE2* SchemaTable::Pattern(std::string_view text) const {
  const auto found = patterns_.find(text);
  return found == patterns_.end() ? nullptr : found->second.get();
}

std::optional<size_t> NumberOfStub(const valijson::Subschema& stub) {
  if (!stub.hasTitle()) return std::nullopt;
  const std::string title = stub.getTitle();
  size_t number = 0;
  std::from_chars(title.data(), title.data() + title.size(), number);
  return number;
}

}  // namespace treadle
