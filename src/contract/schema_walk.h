// SchemaWalk: a value held against a schema, keyword by keyword. How the walk goes is in
// schema_walk.cc; what each keyword asks of arrays, objects, numbers and texts, in
// schema_keywords.cc. Inside contract/ only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <valijson/constraints/concrete_constraints.hpp>
#include <valijson/constraints/constraint_visitor.hpp>

#include "contract/check_budget.h"
#include "contract/schema_table.h"
#include "contract/schema_value.h"

namespace treadle {

/// Where the walk is, as a chain up to the value itself. Costs nothing until it is shown.
struct SchemaPlace {
  const SchemaPlace* above = nullptr;
  const std::string* key = nullptr;  // of an object
  size_t index = 0;                  // in an array, if `key` is null
  size_t depth = 0;

  std::string Text(std::string_view name) const {
    if (above == nullptr) return std::string(name);
    return above->Text(name) + (key ? KeyText(*key) : "[" + std::to_string(index) + "]");
  }
};

struct SchemaFault {
  size_t depth = 0;
  std::string path;  // "payload.price"
  std::string what;  // "must be …"
};

/// One walk; its work is bounded by `steps`, of some 20 ns each where no pattern is slow, and by a
/// budget of processor time.
class SchemaWalk final : public valijson::constraints::ConstraintVisitor {
 public:
  using Subschema = valijson::Subschema;

  /// Without `fault`, nobody wants to know more than whether the value fits.
  /// Without `budget` only the steps count.
  SchemaWalk(const SchemaTable& table, const SchemaJson& value, size_t steps,
             const CheckBudget* budget, std::string_view name, SchemaFault* fault)
      : table_(table),
        name_(name),
        value_(&value),
        steps_left_(steps),
        budget_(budget),
        fault_(fault) {}

  bool Fits() { return FitsNode(table_.node(0)); }
  /// The walk ended before it knew.
  bool is_exhausted() const { return is_exhausted_; }
  /// The sentence with the reason.
  const std::string& why() const { return why_; }

  bool visit(const AllOfConstraint& all) override {
    bool fits = true;
    all.applyToSubschemas([&](unsigned, const Subschema* each) { return fits = FitsHere(*each); });
    return fits;
  }
  bool visit(const AnyOfConstraint& any) override;
  bool visit(const OneOfConstraint& one) override;
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
  static constexpr size_t kStepsToLook = 4'096;  // at the clock
  static constexpr std::string_view kTooMuchWork = " takes more work to check than its size allows";

  bool Spend(size_t steps) {
    if (steps > steps_left_) return Exhaust();
    steps_left_ -= steps;
    steps_since_look_ += steps;
    if (steps_since_look_ >= kStepsToLook) LookAtBudget();
    return !is_exhausted_;
  }
  bool Exhaust() { return Exhaust(std::string(name_).append(kTooMuchWork)); }
  bool Exhaust(std::string why);
  void LookAtBudget();
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
  uint64_t Characters();

  bool FitsNode(const SchemaNode& node);
  bool FitsHere(const Subschema& stub);
  bool FitsAt(const SchemaJson& value, const SchemaPlace& place, const Subschema& stub);
  bool FitsMember(const SchemaJson::const_iterator& member, const Subschema& stub) {
    return FitsAt(*member, {&place_, &member.key(), 0, place_.depth + 1}, stub);
  }
  bool FitsItem(size_t index, const Subschema& stub) {
    return FitsAt((*value_)[index], {&place_, nullptr, index, place_.depth + 1}, stub);
  }
  bool FitsQuietly(const Subschema& stub) {
    SchemaFault* const fault = std::exchange(fault_, nullptr);
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
  SchemaPlace place_;
  size_t steps_left_;
  size_t steps_since_look_ = 0;
  const CheckBudget* const budget_;
  size_t depth_ = 0;
  bool is_exhausted_ = false;
  std::string why_;
  SchemaFault* fault_;
};

}  // namespace treadle
