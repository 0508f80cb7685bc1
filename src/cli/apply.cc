// treadle apply
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/policy_file.h"
#include "client/wire.h"
#include "console/table.h"
#include "model/field_json.h"
#include "model/policy_fields.h"

namespace treadle::cli {
namespace {

struct ApplyFlags {
  std::string file;
  bool dry_run = false;
};

/// What the server has to change about one queue or task type.
struct PolicyDifference {
  struct Field {
    WantedField wanted;
    std::string now;  // JSON; empty: it is not there yet, or has no such field
  };
  bool is_type = false;
  std::string name;
  bool is_new = false;
  std::vector<Field> fields;

  bool empty() const { return !is_new && fields.empty(); }
};

std::string_view KindOf(bool is_type) { return is_type ? "type" : "queue"; }

std::string PolicyPath(bool is_type, const std::string& name) {
  return fmt::format("/v1/{}s/{}", KindOf(is_type), wire::PercentEncode(name));
}

const wire::Shape& ShapeOf(bool is_type) { return is_type ? wire::kTypeShape : wire::kQueueShape; }

bool IsPreset(const WantedField& wanted) { return wanted.field == &kPresetField; }

std::optional<RetryPolicy> PresetOf(const WantedField& preset) {
  const auto is_it = [&](std::string_view word) { return QuoteJson(word) == preset.json; };
  const auto at = std::ranges::find_if(kPresetField.choices, is_it);
  if (at == kPresetField.choices.end()) return {};
  return PresetPolicy(at - kPresetField.choices.begin());
}

/// A preset is no field of a policy: it is in force if all its values are, except those that the
/// file says otherwise.
bool HoldsPreset(const WantedField& preset, const WantedPolicy& wanted, const JsonNode* policy) {
  const JsonNode* const retry = policy == nullptr ? nullptr : policy->Find("retry");
  if (retry == nullptr) return false;
  const auto says_otherwise = [&](const FieldInfo& field) {
    return std::ranges::any_of(
        wanted.fields, [&](const WantedField& each) { return each.field->path == field.path; });
  };
  const std::optional<RetryPolicy> values = PresetOf(preset);
  if (!values) return false;  // the server names those that it knows
  return std::ranges::all_of(Fields<RetryPolicy>(), [&](const Field<RetryPolicy>& field) {
    const JsonNode* const now = retry->Find(field.name());
    return says_otherwise(field) ||
           (now != nullptr && now->raw == FieldJson(field, field.get(*values)));
  });
}

Result<PolicyDifference> Compare(Session& session, const WantedPolicy& wanted) {
  PolicyDifference change{.is_type = wanted.is_type, .name = wanted.name};
  const Result<JsonDocument> now =
      session.CallJson("GET", PolicyPath(wanted.is_type, wanted.name), ShapeOf(wanted.is_type));
  if (!now.ok() && now.status().code() != Code::kNotFound) return now.status();
  change.is_new = !now.ok();
  const JsonNode* const policy = now.ok() ? now->root.Find("policy") : nullptr;
  // A preset also sets the other fields of its section, so send those that the file names with it.
  const bool sets_preset = std::ranges::any_of(wanted.fields, [&](const WantedField& field) {
    return IsPreset(field) && !HoldsPreset(field, wanted, policy);
  });
  for (const WantedField& field : wanted.fields) {
    std::string value = policy == nullptr ? "" : FieldIn(*field.field, *policy);
    const bool goes_along = sets_preset && field.field->section() == kPresetField.section();
    const bool holds = IsPreset(field) || value == field.json;
    if (goes_along || !holds) change.fields.push_back({field, std::move(value)});
  }
  return change;
}

Status Put(Session& session, const PolicyDifference& change) {
  std::vector<WantedField> fields;
  for (const PolicyDifference::Field& each : change.fields) fields.push_back(each.wanted);
  return session
      .CallJson("PUT", PolicyPath(change.is_type, change.name), ShapeOf(change.is_type),
                PolicyChangeJson(fields))
      .status();
}

std::string DifferenceJson(const PolicyDifference& change) {
  std::vector<std::string> fields;
  for (const auto& [wanted, now] : change.fields) {
    JsonObject field;
    field.Text("field", wanted.field->word());
    if (!now.empty()) field.Text("from", FieldText(*wanted.field, now));
    fields.push_back(field.Text("to", FieldText(*wanted.field, wanted.json)).Done());
  }
  return JsonObject()
      .Text(KindOf(change.is_type), change.name)
      .Bool("new", change.is_new)
      .Raw("fields", fmt::format("[{}]", fmt::join(fields, ",")))
      .Done();
}

std::string InTable(Session& session, const std::vector<PolicyDifference>& changes) {
  Table table({{"KIND"}, {"NAME"}, {"FIELD"}, {"NOW"}, {"THEN"}});
  for (const PolicyDifference& change : changes) {
    const std::string name = Printable(change.name);
    const std::string kind(KindOf(change.is_type));
    if (change.is_new) table.Row({kind, name, "(itself)", "-", {"new", Color::kGreen}});
    for (const auto& [wanted, now] : change.fields) {
      table.Row({kind,
                 name,
                 std::string(wanted.field->word()),
                 FieldText(*wanted.field, now),
                 {FieldText(*wanted.field, wanted.json), Color::kGreen}});
    }
  }
  return table.ToString(session.console());
}

ExitStatus PrintDifferences(Session& session, const std::vector<PolicyDifference>& changes,
                            bool dry_run) {
  std::vector<std::string> lines;
  for (const PolicyDifference& change : changes) lines.push_back(DifferenceJson(change));
  if (session.jsonl()) {
    for (const std::string& line : lines) session.console().OutLine(line);
  } else if (session.json()) {
    const auto document = ReadJson(JsonObject()
                                       .Bool("dry_run", dry_run)
                                       .Raw("changes", fmt::format("[{}]", fmt::join(lines, ",")))
                                       .Done());
    if (!document.ok()) return session.Fail(document.status());
    PrintJson(session, document->root);
  } else if (changes.empty()) {
    session.console().Message("nothing to change: the server already matches the file");
  } else {
    session.console().Out(InTable(session, changes));
    if (dry_run) session.console().Message("dry run: nothing was changed");
  }
  return ExitStatus::kOk;
}

// All is read and compared before anything is changed.
ExitStatus Apply(Session& session, const ApplyFlags& flags) {
  if (flags.file.empty())
    return session.Fail(ExitStatus::kUsage, "apply needs a policy file: -f FILE");
  const auto policies = ReadPolicyFile(flags.file);
  if (!policies.ok()) return session.Fail(policies.status());
  std::vector<PolicyDifference> changes;
  for (const WantedPolicy& policy : *policies) {
    Result<PolicyDifference> change = Compare(session, policy);
    if (!change.ok()) return session.Fail(change.status());
    if (!change->empty()) changes.push_back(*std::move(change));
  }
  if (const ExitStatus said = PrintDifferences(session, changes, flags.dry_run);
      said != ExitStatus::kOk) {
    return said;
  }
  for (size_t i = 0; i < changes.size() && !flags.dry_run; ++i) {
    const Status status = Put(session, changes[i]);
    if (status.ok()) continue;
    return session.Fail(ExitStatusFor(status),
                        fmt::format("{} {}: {}; {} of {} are changed", KindOf(changes[i].is_type),
                                    changes[i].name, status.message(), i, changes.size()));
  }
  return ExitStatus::kOk;
}

}  // namespace

void AddApply(Command parent, Session& session) {
  auto flags = std::make_shared<ApplyFlags>();
  parent.Sub("apply", "Apply queue and task-type policies from a file")
      .Text("-f,--file", "FILE", &flags->file, "The policy file, in TOML")
      .Switch("--dry-run", &flags->dry_run, "Show what would change without changing it")
      .Example("treadle apply -f queues.toml --dry-run")
      .Footer(
          "The file names only what should change; everything else stays as it is:\n"
          "  [queues.emails]\n"
          "  lease = \"30s\"\n"
          "  idempotency_window = \"1d\"\n"
          "  attempt_timeout = \"30m\"\n"
          "  cancel_grace = \"30s\"\n"
          "  max_worker_losses = 5\n"
          "  paused = false\n"
          "  draining = false\n"
          "  search_payloads = false\n"
          "  retry = { backoff = \"exponential\", jitter = \"full\", backoff_base = \"500ms\",\n"
          "            backoff_cap = \"1m\", max_attempts = 20, total = \"1d\", never = "
          "[\"payload_invalid\"] }\n"
          "  retention = { completed_tasks = 1000, completed = \"1d\", completed_bytes = "
          "\"64MiB\", dead = \"30d\" }\n"
          "  capacity = { tasks = 100000, bytes = \"1GiB\", when_full = \"reject\" }\n"
          "  [types.invoice]\n"
          "  attempt_timeout = \"10s\"\n"
          "  retry = { backoff = \"listed\", delays = [\"1s\", \"1m\", \"1h\"] }\n")
      .Run([flags, &session] { return Apply(session, *flags); });
}

}  // namespace treadle::cli
