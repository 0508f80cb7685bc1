#include "contract/schema_check.h"

#include <re2/re2.h>

#include <bit>
#include <cmath>
#include <functional>
#include <unordered_set>
#include <valijson/constraints/concrete_constraints.hpp>
#include <valijson/constraints/constraint_visitor.hpp>

namespace treadle {
namespace {

// The work for one value: steps of the walk, each some 20 ns.
constexpr size_t kStepsAtLeast = 100'000;
constexpr size_t kStepsPerByte = 16;
constexpr size_t kPatternStep = 64;  // bytes times instructions of a pattern
constexpr size_t kDepthMax = 400;    // calls within calls; a value has at most 64 levels
constexpr size_t kShownBytes = 100;
constexpr size_t kToldAtOnce = 3;  // faults

/// Where the walk is, as a chain up to the value itself. Costs nothing until it is shown.
struct Place {
  const Place* above = nullptr;
  const std::string* key = nullptr;  // of an object
  size_t index = 0;                  // in an array, if `key` is null
  size_t depth = 0;

  std::string Text(std::string_view name) const {
    if (above == nullptr) return std::string(name);
    return above->Text(name) + (key ? KeyText(*key) : "[" + std::to_string(index) + "]");
  }
};

struct Fault {
  size_t depth = 0;
  std::string path;  // "payload.price"
  std::string what;  // "must be …"
};

std::string Shown(const SchemaJson& value) {
  std::string text = value.dump(-1, ' ', false, SchemaJson::error_handler_t::replace);
  if (text.size() <= kShownBytes) return text;
  size_t cut = kShownBytes;
  while ((static_cast<uint8_t>(text[cut]) & 0xc0) == 0x80) --cut;
  return text.substr(0, cut) + "…";
}

std::string Shown(double number) { return Shown(SchemaJson(number)); }

uint64_t CharactersOf(const std::string& text) {
  return static_cast<uint64_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

template <class String>
std::string_view View(const String& text) {
  return {text.data(), text.size()};
}

std::string_view TypeWord(valijson::constraints::TypeConstraint::JsonType type) {
  using enum valijson::constraints::TypeConstraint::JsonType;
  switch (type) {
    case kArray:
      return "an array";
    case kBoolean:
      return "a boolean";
    case kInteger:
      return "an integer";
    case kNull:
      return "null";
    case kNumber:
      return "a number";
    case kObject:
      return "an object";
    case kString:
      return "a string";
    case kAny:
      break;
  }
  return "anything";
}

bool IsOfType(const SchemaJson& value, valijson::constraints::TypeConstraint::JsonType type) {
  using enum valijson::constraints::TypeConstraint::JsonType;
  switch (type) {
    case kArray:
      return value.is_array();
    case kBoolean:
      return value.is_boolean();
    case kInteger:
      return IsWhole(value);
    case kNull:
      return value.is_null();
    case kNumber:
      return value.is_number();
    case kObject:
      return value.is_object();
    case kString:
      return value.is_string();
    case kAny:
      return true;
  }
  return false;
}

class Walk final : public valijson::constraints::ConstraintVisitor {
 public:
  using Subschema = valijson::Subschema;

  /// Without `fault`, nobody wants to know more than whether the value fits.
  Walk(const SchemaTable& table, const SchemaJson& value, size_t steps, std::string_view name,
       Fault* fault)
      : table_(table), name_(name), value_(&value), steps_left_(steps), fault_(fault) {}

  bool Fits() { return FitsNode(table_.node(0)); }
  bool is_exhausted() const { return is_exhausted_; }

  bool visit(const AllOfConstraint& all) override {
    bool fits = true;
    all.applyToSubschemas([&](unsigned, const Subschema* each) { return fits = FitsHere(*each); });
    return fits;
  }
  bool visit(const AnyOfConstraint& any) override { return FitsSome(any, "anyOf", false); }
  bool visit(const OneOfConstraint& one) override { return FitsSome(one, "oneOf", true); }
  bool visit(const NotConstraint& negated) override {
    return !FitsQuietly(*negated.getSubschema()) || Wrong("must not fit the schema of \"not\"");
  }
  bool visit(const ConditionalConstraint& given) override {
    const Subschema* const then =
        FitsQuietly(*given.getIfSubschema()) ? given.getThenSubschema() : given.getElseSubschema();
    return then == nullptr || FitsHere(*then);
  }
  bool visit(const ConstConstraint&) override { return true; }  // SchemaNode::allowed
  bool visit(const EnumConstraint&) override { return true; }
  bool visit(const FormatConstraint&) override { return true; }  // a note
  bool visit(const PolyConstraint&) override { return true; }    // there are none
  bool visit(const TypeConstraint& type) override;

  bool visit(const ContainsConstraint& contains) override;
  bool visit(const LinearItemsConstraint& items) override;
  bool visit(const SingularItemsConstraint& items) override;
  bool visit(const UniqueItemsConstraint&) override;
  bool visit(const MaxItemsConstraint& max) override {
    return !value_->is_array() || AtMost(value_->size(), max.getMaxItems(), "items");
  }
  bool visit(const MinItemsConstraint& min) override {
    return !value_->is_array() || AtLeast(value_->size(), min.getMinItems(), "items");
  }

  bool visit(const DependenciesConstraint& dependencies) override;
  bool visit(const PropertiesConstraint& properties) override;
  bool visit(const PropertyNamesConstraint& names) override;
  bool visit(const RequiredConstraint& required) override;
  bool visit(const MaxPropertiesConstraint& max) override {
    return !value_->is_object() || AtMost(value_->size(), max.getMaxProperties(), "properties");
  }
  bool visit(const MinPropertiesConstraint& min) override {
    return !value_->is_object() || AtLeast(value_->size(), min.getMinProperties(), "properties");
  }

  bool visit(const MaximumConstraint& max) override;
  bool visit(const MinimumConstraint& min) override;
  bool visit(const MultipleOfDoubleConstraint& multiple) override;
  bool visit(const MultipleOfIntConstraint& multiple) override;

  bool visit(const MaxLengthConstraint& max) override {
    return !value_->is_string() || AtMost(Characters(), max.getMaxLength(), "characters");
  }
  bool visit(const MinLengthConstraint& min) override {
    return !value_->is_string() || AtLeast(Characters(), min.getMinLength(), "characters");
  }
  bool visit(const PatternConstraint& pattern) override;

 private:
  bool Spend(size_t steps) {
    if (steps > steps_left_) is_exhausted_ = true;
    steps_left_ -= std::min(steps, steps_left_);
    return !is_exhausted_;
  }
  bool Wrong(std::string_view rest) {
    if (fault_ != nullptr) *fault_ = {place_.depth, place_.Text(name_), std::string(rest)};
    return false;
  }
  bool AtMost(uint64_t size, uint64_t max, std::string_view of) {
    if (size <= max || fault_ == nullptr) return size <= max;
    return Wrong("must have at most " + std::to_string(max) + " " + std::string(of));
  }
  bool AtLeast(uint64_t size, uint64_t min, std::string_view of) {
    if (size >= min || fault_ == nullptr) return size >= min;
    return Wrong("must have at least " + std::to_string(min) + " " + std::string(of));
  }
  uint64_t Characters() {
    const auto& text = value_->get_ref<const std::string&>();
    Spend(text.size() / kPatternStep);
    return CharactersOf(text);
  }

  bool FitsNode(const SchemaNode& node);
  bool FitsHere(const Subschema& stub);
  bool FitsAt(const SchemaJson& value, const Place& place, const Subschema& stub);
  bool FitsMember(const SchemaJson::const_iterator& member, const Subschema& stub) {
    return FitsAt(*member, {&place_, &member.key(), 0, place_.depth + 1}, stub);
  }
  bool FitsItem(size_t index, const Subschema& stub) {
    return FitsAt((*value_)[index], {&place_, nullptr, index, place_.depth + 1}, stub);
  }
  bool FitsQuietly(const Subschema& stub) {
    Fault* const fault = std::exchange(fault_, nullptr);
    const bool fits = FitsHere(stub);
    fault_ = fault;
    return fits;
  }
  template <class Constraint>
  bool FitsSome(const Constraint& some, std::string_view word, bool exactly_one);
  bool Matches(std::string_view pattern, const std::string& text);

  const SchemaTable& table_;
  const std::string_view name_;
  const SchemaJson* value_;
  Place place_;
  size_t steps_left_;
  size_t depth_ = 0;
  bool is_exhausted_ = false;
  Fault* fault_;
};

bool Walk::FitsNode(const SchemaNode& node) {
  if (node.is_never) return Wrong("is not allowed");
  if (!Spend(1)) return false;
  if (depth_ == kDepthMax) {
    is_exhausted_ = true;
    return false;
  }
  ++depth_;
  bool fits = true;
  if (node.allowed && !Holds(*node.allowed, *value_)) {
    const bool is_one = node.allowed->size() == 1;
    fits = Wrong(fault_ == nullptr ? ""
                 : is_one          ? "must be " + Shown(node.allowed->front())
                                   : "must be one of " + Shown(*node.allowed));
  }
  Subschema::ApplyFunction each = [this](const valijson::constraints::Constraint& constraint) {
    return Spend(1) && constraint.accept(*this);
  };
  fits = fits && node.keywords->applyStrict(each);
  --depth_;
  return fits;
}

bool Walk::FitsHere(const Subschema& stub) {
  if (stub.getAlwaysInvalid()) return Wrong("is not allowed");
  const std::optional<size_t> number = NumberOfStub(stub);
  return !number || FitsNode(table_.node(*number));
}

bool Walk::FitsAt(const SchemaJson& value, const Place& place, const Subschema& stub) {
  const SchemaJson* const value_above = std::exchange(value_, &value);
  const Place above = place_;
  place_ = place;
  place_.above = &above;
  const bool fits = FitsHere(stub);
  place_ = above;
  value_ = value_above;
  return fits;
}

// Of the faults of several schemas, the one that lies deepest in the value says most. If none lies
// deeper than the value itself, all are told.
template <class Constraint>
bool Walk::FitsSome(const Constraint& some, std::string_view word, bool exactly_one) {
  size_t fitting = 0;
  size_t schemas = 0;
  Fault deepest{.depth = place_.depth};
  std::string all;
  Fault* const fault = fault_;
  some.applyToSubschemas([&](unsigned, const Subschema* each) {
    ++schemas;
    Fault own;
    if (fault != nullptr) fault_ = &own;
    fitting += FitsHere(*each);
    if (schemas <= kToldAtOnce) all.append(all.empty() ? "" : ", or ").append(own.what);
    if (own.depth > deepest.depth) deepest = std::move(own);
    return exactly_one ? fitting < 2 : fitting == 0;
  });
  fault_ = fault;
  if (fitting == 1 || (fitting > 1 && !exactly_one)) return true;
  if (fault_ == nullptr) return false;
  if (fitting > 1) return Wrong("fits more than one schema of \"oneOf\"");
  if (deepest.path.empty() && schemas > kToldAtOnce)
    return Wrong("must fit one of the " + std::to_string(schemas) + " schemas of \"" +
                 std::string(word) + "\"");
  if (deepest.path.empty()) return Wrong(all);
  *fault_ = std::move(deepest);
  return false;
}

bool Walk::visit(const TypeConstraint& type) {
  bool fits = false;
  type.applyToNamedTypes([&](auto each) { return !(fits = fits || IsOfType(*value_, each)); });
  if (fits || fault_ == nullptr) return fits;
  std::string words;
  type.applyToNamedTypes([&](auto each) {
    words.append(words.empty() ? "must be " : " or ").append(TypeWord(each));
    return true;
  });
  return Wrong(words);
}

bool Walk::visit(const ContainsConstraint& contains) {
  if (!value_->is_array()) return true;
  Fault* const fault = std::exchange(fault_, nullptr);
  bool found = false;
  for (size_t i = 0; i < value_->size() && !found && !is_exhausted_; ++i)
    found = FitsItem(i, *contains.getSubschema());
  fault_ = fault;
  return found || Wrong("must hold an item that fits the schema of \"contains\"");
}

bool Walk::visit(const LinearItemsConstraint& items) {
  if (!value_->is_array()) return true;
  bool fits = true;
  items.applyToItemSubschemas([&](unsigned index, const Subschema* each) {
    return fits = index >= value_->size() || FitsItem(index, *each);
  });
  const Subschema* const more = items.getAdditionalItemsSubschema();
  const size_t listed = items.getItemSubschemaCount();
  if (fits && more == nullptr) return AtMost(value_->size(), listed, "items");
  for (size_t i = listed; fits && i < value_->size(); ++i) fits = FitsItem(i, *more);
  return fits;
}

bool Walk::visit(const SingularItemsConstraint& items) {
  if (!value_->is_array()) return true;
  bool fits = true;
  for (size_t i = 0; fits && i < value_->size(); ++i)
    fits = FitsItem(i, *items.getItemsSubschema());
  return fits;
}

bool Walk::visit(const UniqueItemsConstraint&) {
  if (!value_->is_array() || value_->size() < 2) return true;
  if (!Spend(value_->size() * static_cast<size_t>(std::bit_width(value_->size())) / 4))
    return false;
  std::vector<const SchemaJson*> sorted;
  sorted.reserve(value_->size());
  for (const SchemaJson& item : *value_) sorted.push_back(&item);
  std::ranges::sort(sorted, [](const auto* a, const auto* b) { return Compare(*a, *b) < 0; });
  const auto twins = std::ranges::adjacent_find(
      sorted, [](const auto* a, const auto* b) { return Compare(*a, *b) == 0; });
  if (twins == sorted.end()) return true;
  return Wrong(fault_ ? "must not hold the same item twice: " + Shown(**twins) : "");
}

bool Walk::visit(const DependenciesConstraint& dependencies) {
  if (!value_->is_object()) return true;
  bool fits = true;
  dependencies.applyToPropertyDependencies([&](const auto& name, const auto& needed) {
    if (!value_->contains(View(name))) return true;
    for (const auto& each : needed) {
      if (!Spend(1) || value_->contains(View(each))) continue;
      fits = Wrong("must have " + std::string(View(each)) + ", because it has " +
                   std::string(View(name)));
      return false;
    }
    return true;
  });
  if (!fits) return false;
  dependencies.applyToSchemaDependencies([&](const auto& name, const Subschema* each) {
    return fits = !value_->contains(View(name)) || FitsHere(*each);
  });
  return fits;
}

bool Walk::visit(const PropertiesConstraint& properties) {
  if (!value_->is_object()) return true;
  bool fits = true;
  std::unordered_set<const SchemaJson*> known;
  properties.applyToProperties([&](const auto& name, const Subschema* each) {
    const auto member = value_->find(View(name));
    if (!Spend(1) || member == value_->end()) return !is_exhausted_;
    known.insert(&*member);
    return fits = FitsMember(member, *each);
  });
  if (!fits || is_exhausted_) return false;
  properties.applyToPatternProperties([&](const auto& pattern, const Subschema* each) {
    for (auto member = value_->begin(); fits && !is_exhausted_ && member != value_->end();
         ++member) {
      if (!Matches(View(pattern), member.key())) continue;
      known.insert(&*member);
      fits = FitsMember(member, *each);
    }
    return fits;
  });
  const Subschema* const more = properties.getAdditionalPropertiesSubschema();
  const bool takes_all = more != nullptr && !more->getAlwaysInvalid() && !more->hasTitle();
  if (!fits || takes_all) return fits;
  for (auto member = value_->begin(); fits && member != value_->end(); ++member) {
    if (known.contains(&*member)) continue;
    if (more != nullptr) fits = FitsMember(member, *more);
    if (more == nullptr)
      return Wrong(fault_ ? "must not have the property " + Shown(member.key()) : "");
  }
  return fits;
}

bool Walk::visit(const PropertyNamesConstraint& names) {
  if (!value_->is_object()) return true;
  Fault* const fault = std::exchange(fault_, nullptr);
  auto member = value_->begin();
  for (; member != value_->end(); ++member) {
    const SchemaJson name = member.key();
    if (!FitsAt(name, {&place_, &member.key(), 0, place_.depth + 1}, *names.getSubschema())) break;
  }
  fault_ = fault;
  if (member == value_->end()) return true;
  return Wrong(fault_ ? "must not have a property called " + Shown(member.key()) : "");
}

bool Walk::visit(const RequiredConstraint& required) {
  if (!value_->is_object()) return true;
  bool fits = true;
  required.applyToRequiredProperties([&](const auto& name) {
    if (!Spend(1) || value_->contains(View(name))) return !is_exhausted_;
    const std::string key(View(name));
    const Place missing{&place_, &key, 0, place_.depth + 1};
    if (fault_ != nullptr) *fault_ = {missing.depth, missing.Text(name_), "is missing"};
    return fits = false;
  });
  return fits && !is_exhausted_;
}

bool Walk::visit(const MaximumConstraint& max) {
  if (!value_->is_number()) return true;
  const SchemaNumber number = NumberOf(*value_);
  const bool exclusive = max.getExclusiveMaximum();
  if (exclusive ? number < max.getMaximum() : number <= max.getMaximum()) return true;
  return Wrong(fault_ ? (exclusive ? "must be less than " : "must be at most ") +
                            Shown(max.getMaximum())
                      : "");
}

bool Walk::visit(const MinimumConstraint& min) {
  if (!value_->is_number()) return true;
  const SchemaNumber number = NumberOf(*value_);
  const bool exclusive = min.getExclusiveMinimum();
  if (exclusive ? number > min.getMinimum() : number >= min.getMinimum()) return true;
  return Wrong(fault_ ? (exclusive ? "must be more than " : "must be at least ") +
                            Shown(min.getMinimum())
                      : "");
}

// Decimal fractions are none in binary: what is left over may be as much as rounding makes of it.
bool Walk::visit(const MultipleOfDoubleConstraint& multiple) {
  if (!value_->is_number()) return true;
  const double quotient = value_->get<double>() / multiple.getDivisor();
  if (std::isfinite(quotient) &&
      std::abs(quotient - std::nearbyint(quotient)) <= std::abs(quotient) * 0x1p-51)
    return true;
  return Wrong(fault_ ? "must be a multiple of " + Shown(multiple.getDivisor()) : "");
}

bool Walk::visit(const MultipleOfIntConstraint& multiple) {
  if (!value_->is_number()) return true;
  if (std::fmod(NumberOf(*value_), static_cast<SchemaNumber>(multiple.getDivisor())) == 0)
    return true;
  return Wrong(fault_ ? "must be a multiple of " + std::to_string(multiple.getDivisor()) : "");
}

bool Walk::visit(const PatternConstraint& pattern) {
  if (!value_->is_string()) return true;
  const std::string text = pattern.getPattern<std::string::allocator_type>();
  if (Matches(text, value_->get_ref<const std::string&>())) return true;
  return Wrong(fault_ ? "must match the pattern " + text : "");
}

bool Walk::Matches(std::string_view pattern, const std::string& text) {
  const re2::RE2* const compiled = table_.Pattern(pattern);
  const auto program = static_cast<size_t>(std::max(compiled->ProgramSize(), 1));
  if (!Spend(1 + text.size() * program / kPatternStep)) return false;
  return re2::RE2::PartialMatch(text, *compiled);
}

}  // namespace

std::string KeyText(std::string_view key) {
  const bool is_plain =
      !key.empty() && key.size() <= kShownBytes && std::ranges::all_of(key, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-' || c == '$';
      });
  return is_plain ? "." + std::string(key) : "[" + Shown(SchemaJson(key)) + "]";
}

// Nearly all values fit: only for the few that do not is it looked again, to be able to say why.
Status CheckAgainst(const SchemaTable& table, const SchemaJson& value, size_t bytes,
                    std::string_view name) {
  const size_t steps = kStepsAtLeast + kStepsPerByte * bytes;
  Walk quick(table, value, steps, name, nullptr);
  const bool fits = quick.Fits();
  if (fits && !quick.is_exhausted()) return {};
  Fault fault;
  bool is_exhausted = quick.is_exhausted();
  if (!is_exhausted) {
    Walk talking(table, value, steps, name, &fault);
    talking.Fits();
    is_exhausted = talking.is_exhausted();
  }
  if (is_exhausted)
    return {Code::kInvalidArgument,
            std::string(name) + " takes more work to check than a value of its size may"};
  return {Code::kInvalidArgument, fault.path + " " + fault.what};
}

}  // namespace treadle
