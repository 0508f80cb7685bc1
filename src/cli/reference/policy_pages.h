// What the tables of the fields of policies (model/policy_fields.h) are in pages: the schemas of
// docs/openapi.yaml, and the tables of docs/formats/effects.md. Pure; any thread.
#pragma once

#include <string>

namespace treadle::cli {

/// Policy, PolicyChange, TypePolicy, TypePolicyChange and the schemas of their sections, as YAML
/// that is indented as members of components/schemas.
std::string PolicySchemas();
/// A table for each kind of policy, in Markdown.
std::string FieldTables();

}  // namespace treadle::cli
