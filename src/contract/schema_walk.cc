#include "contract/schema_walk.h"

#include <re2/re2.h>

#include <algorithm>
#include <functional>

namespace treadle {
namespace {

constexpr size_t kPatternStep = 64;  // bytes times instructions of a pattern
constexpr size_t kDepthMax = 400;    // calls within calls; a value has at most 64 levels
constexpr size_t kToldAtOnce = 3;    // faults
// Bytes times instructions for one match, which nothing can interrupt: some 70 ns each where RE2's
// automaton does not fit into its memory. A text of 1 MiB may meet 24 instructions.
constexpr size_t kMatchMax = size_t{24} << 20;

uint64_t CharactersOf(const std::string& text) {
  return static_cast<uint64_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
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

}  // namespace

bool SchemaWalk::Exhaust(std::string why) {
  if (!is_exhausted_) why_ = std::move(why);
  is_exhausted_ = true;
  return false;
}

void SchemaWalk::LookAtBudget() {
  steps_since_look_ = 0;
  if (budget_ != nullptr && budget_->IsSpent())
    Exhaust(std::string(name_) +
            " takes more processor time to check than a request may use: make it smaller, or "
            "simplify the patterns of the schema");
}

bool SchemaWalk::FitsNode(const SchemaNode& node) {
  if (node.is_never) return Wrong("is not allowed");
  if (!Spend(1)) return false;
  if (depth_ == kDepthMax) return Exhaust();
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

bool SchemaWalk::FitsHere(const Subschema& stub) {
  if (stub.getAlwaysInvalid()) return Wrong("is not allowed");
  const std::optional<size_t> number = NumberOfStub(stub);
  return !number || FitsNode(table_.node(*number));
}

bool SchemaWalk::FitsAt(const SchemaJson& value, const SchemaPlace& place, const Subschema& stub) {
  const SchemaJson* const value_above = std::exchange(value_, &value);
  const SchemaPlace above = place_;
  place_ = place;
  place_.above = &above;
  const bool fits = FitsHere(stub);
  place_ = above;
  value_ = value_above;
  return fits;
}

// Of the faults of several schemas, the one that lies deepest in the value says most. If none lies
// deeper than the value itself, all are reported.
template <class Constraint>
bool SchemaWalk::FitsSome(const Constraint& some, std::string_view word, bool exactly_one) {
  size_t fitting = 0;
  size_t schemas = 0;
  SchemaFault deepest{.depth = place_.depth};
  std::string all;
  SchemaFault* const fault = fault_;
  some.applyToSubschemas([&](unsigned, const Subschema* each) {
    ++schemas;
    SchemaFault own;
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

bool SchemaWalk::visit(const AnyOfConstraint& any) { return FitsSome(any, "anyOf", false); }

bool SchemaWalk::visit(const OneOfConstraint& one) { return FitsSome(one, "oneOf", true); }

bool SchemaWalk::visit(const TypeConstraint& type) {
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

uint64_t SchemaWalk::Characters() {
  const auto& text = value_->get_ref<const std::string&>();
  Spend(text.size() / kPatternStep);
  return CharactersOf(text);
}

bool SchemaWalk::Matches(std::string_view pattern, const std::string& text) {
  const re2::RE2* const compiled = table_.Pattern(pattern);
  const auto program = static_cast<size_t>(std::max(compiled->ProgramSize(), 1));
  if (text.size() * program > kMatchMax)
    return Exhaust(place_.Text(name_) + " is too long to match against the pattern " +
                   std::string(pattern));
  if (!Spend(1 + text.size() * program / kPatternStep)) return false;
  return re2::RE2::PartialMatch(text, *compiled);
}

}  // namespace treadle
