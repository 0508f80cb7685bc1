// What each keyword asks of arrays, objects, numbers and texts.

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_set>
#include <vector>

#include "contract/schema_walk.h"

namespace treadle {
namespace {

template <class String>
std::string_view View(const String& text) {
  return {text.data(), text.size()};
}

}  // namespace

// Arrays.

bool SchemaWalk::visit(const ContainsConstraint& contains) {
  if (!value_->is_array()) return true;
  SchemaFault* const fault = std::exchange(fault_, nullptr);
  bool found = false;
  for (size_t i = 0; i < value_->size() && !found && !is_exhausted_; ++i)
    found = FitsItem(i, *contains.getSubschema());
  fault_ = fault;
  return found || Wrong("must contain an item that fits the schema of \"contains\"");
}

bool SchemaWalk::visit(const LinearItemsConstraint& items) {
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

bool SchemaWalk::visit(const SingularItemsConstraint& items) {
  if (!value_->is_array()) return true;
  bool fits = true;
  for (size_t i = 0; fits && i < value_->size(); ++i)
    fits = FitsItem(i, *items.getItemsSubschema());
  return fits;
}

bool SchemaWalk::visit(const UniqueItemsConstraint&) {
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
  return Wrong(fault_ ? "must not contain the same item twice: " + Shown(**twins) : "");
}

// Objects.

bool SchemaWalk::visit(const DependenciesConstraint& dependencies) {
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

bool SchemaWalk::visit(const PropertiesConstraint& properties) {
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

bool SchemaWalk::visit(const PropertyNamesConstraint& names) {
  if (!value_->is_object()) return true;
  SchemaFault* const fault = std::exchange(fault_, nullptr);
  auto member = value_->begin();
  for (; member != value_->end(); ++member) {
    const SchemaJson name = member.key();
    if (!FitsAt(name, {&place_, &member.key(), 0, place_.depth + 1}, *names.getSubschema())) break;
  }
  fault_ = fault;
  if (member == value_->end()) return true;
  return Wrong(fault_ ? "must not have a property named " + Shown(member.key()) : "");
}

bool SchemaWalk::visit(const RequiredConstraint& required) {
  if (!value_->is_object()) return true;
  bool fits = true;
  required.applyToRequiredProperties([&](const auto& name) {
    if (!Spend(1) || value_->contains(View(name))) return !is_exhausted_;
    const std::string key(View(name));
    const SchemaPlace missing{&place_, &key, 0, place_.depth + 1};
    if (fault_ != nullptr) *fault_ = {missing.depth, missing.Text(name_), "is missing"};
    return fits = false;
  });
  return fits && !is_exhausted_;
}

// Numbers and texts.

bool SchemaWalk::visit(const MaximumConstraint& max) {
  if (!value_->is_number()) return true;
  const SchemaNumber number = NumberOf(*value_);
  const bool exclusive = max.getExclusiveMaximum();
  if (exclusive ? number < max.getMaximum() : number <= max.getMaximum()) return true;
  return Wrong(fault_ ? (exclusive ? "must be less than " : "must be at most ") +
                            Shown(max.getMaximum())
                      : "");
}

bool SchemaWalk::visit(const MinimumConstraint& min) {
  if (!value_->is_number()) return true;
  const SchemaNumber number = NumberOf(*value_);
  const bool exclusive = min.getExclusiveMinimum();
  if (exclusive ? number > min.getMinimum() : number >= min.getMinimum()) return true;
  return Wrong(fault_ ? (exclusive ? "must be more than " : "must be at least ") +
                            Shown(min.getMinimum())
                      : "");
}

// Decimal fractions are none in binary: what is left over may be as much as rounding makes of it.
bool SchemaWalk::visit(const MultipleOfDoubleConstraint& multiple) {
  if (!value_->is_number()) return true;
  const double quotient = value_->get<double>() / multiple.getDivisor();
  if (std::isfinite(quotient) &&
      std::abs(quotient - std::nearbyint(quotient)) <= std::abs(quotient) * 0x1p-51)
    return true;
  return Wrong(fault_ ? "must be a multiple of " + Shown(multiple.getDivisor()) : "");
}

bool SchemaWalk::visit(const MultipleOfIntConstraint& multiple) {
  if (!value_->is_number()) return true;
  if (std::fmod(NumberOf(*value_), static_cast<SchemaNumber>(multiple.getDivisor())) == 0)
    return true;
  return Wrong(fault_ ? "must be a multiple of " + std::to_string(multiple.getDivisor()) : "");
}

bool SchemaWalk::visit(const PatternConstraint& pattern) {
  if (!value_->is_string()) return true;
  const std::string text = pattern.getPattern<std::string::allocator_type>();
  if (Matches(text, value_->get_ref<const std::string&>())) return true;
  return Wrong(fault_ ? "must match the pattern " + text : "");
}

}  // namespace treadle
