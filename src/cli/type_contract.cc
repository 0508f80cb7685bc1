// treadle type contract set, treadle type contract remove
#include "cli/type_contract.h"

#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/input_file.h"
#include "client/wire.h"

namespace treadle::cli {
namespace {

struct ContractFlags {
  std::string type;
  std::string version;
  std::string input;
  std::string output;
  std::vector<std::string> codes;
  std::string description;
  std::optional<int64_t> priority;
};

Result<std::string> ReadSchema(const std::string& path) {
  TREADLE_ASSIGN_OR_RETURN(std::string text, ReadInputFile(path));
  if (const auto error = FindJsonError(text))
    return InvalidArgument(fmt::format("{} is not JSON: {}", path, error->ToString(text)));
  return text;
}

// "sold_out", "sold_out=never".
std::string CodeJson(const std::string& word) {
  const size_t equals = word.rfind('=');
  JsonObject code;
  code.Text("code", word.substr(0, equals));
  if (equals != std::string::npos) code.Text("retry", word.substr(equals + 1));
  return code.Done();
}

Result<std::string> ContractJson(const ContractFlags& flags) {
  JsonObject contract;
  if (!flags.input.empty()) {
    TREADLE_ASSIGN_OR_RETURN(const std::string schema, ReadSchema(flags.input));
    contract.Raw("input_schema", schema);
  }
  if (!flags.output.empty()) {
    TREADLE_ASSIGN_OR_RETURN(const std::string schema, ReadSchema(flags.output));
    contract.Raw("output_schema", schema);
  }
  std::string codes;
  for (const std::string& word : flags.codes) codes += (codes.empty() ? "" : ",") + CodeJson(word);
  if (!codes.empty()) contract.Raw("error_codes", "[" + codes + "]");
  if (!flags.description.empty()) contract.Text("description", flags.description);
  if (flags.priority) contract.Raw("defaults", fmt::format("{{\"priority\":{}}}", *flags.priority));
  return contract.Done();
}

std::string ContractPath(const ContractFlags& flags) {
  return fmt::format("/v1/types/{}/contracts/{}", wire::PercentEncode(flags.type),
                     wire::PercentEncode(flags.version));
}

ExitStatus Answer(Session& session, const Result<JsonDocument>& type, const std::string& said) {
  if (!type.ok()) return session.Fail(type.status());
  if (session.json() || session.jsonl()) return PrintJson(session, type->root), ExitStatus::kOk;
  session.console().OutLine(said);
  return ExitStatus::kOk;
}

ExitStatus PutContract(Session& session, const ContractFlags& flags) {
  const Result<std::string> body = ContractJson(flags);
  if (!body.ok()) return session.Fail(body.status());
  return Answer(session, session.CallJson("PUT", ContractPath(flags), wire::kTypeShape, *body),
                fmt::format("contract {} of type {} is registered", Printable(flags.version),
                            Printable(flags.type)));
}

ExitStatus Remove(Session& session, const ContractFlags& flags) {
  return Answer(session, session.CallJson("DELETE", ContractPath(flags), wire::kTypeShape),
                fmt::format("contract {} of type {} is removed", Printable(flags.version),
                            Printable(flags.type)));
}

Command& AddNames(Command& command, ContractFlags* flags) {
  return command.Positional("TYPE", Need::kRequired, &flags->type, "The name of the task type")
      .Positional("VERSION", Need::kRequired, &flags->version,
                  "The version of the contract, a number; the highest is the newest");
}

}  // namespace

void AddContractRows(const JsonNode& type, Table* table) {
  const JsonNode* const contracts = type.Find("contracts");
  if (contracts == nullptr || contracts->items.empty())
    return table->Row({"contract", "none: payloads and results are not checked"});
  for (const JsonNode& contract : contracts->items) {
    const auto schema = [&](std::string_view name) {
      return contract.Find(name) == nullptr ? "anything" : "by schema";
    };
    std::string words =
        fmt::format("payload {}, result {}", schema("input_schema"), schema("output_schema"));
    if (const JsonNode* codes = contract.Find("error_codes"); codes && !codes->items.empty())
      words += fmt::format(", {} error code{}", codes->items.size(),
                           codes->items.size() == 1 ? "" : "s");
    if (const std::string text = contract.Text("description"); !text.empty()) words += ": " + text;
    table->Row({fmt::format("contract {}", contract.Integer("version")), words});
  }
}

void AddTypeContract(Command parent, Session& session) {
  Command group = parent.Sub("contract", "Describe the payloads and results of a task type");
  auto flags = std::make_shared<ContractFlags>();
  Command set = group.Sub("set", "Register a version of a type's contract, or replace it");
  AddNames(set, flags.get())
      .Text("--input", "FILE", &flags->input, "The JSON Schema (draft 7) of payloads; - is stdin")
      .Text("--output", "FILE", &flags->output, "The JSON Schema of results")
      .Texts("--error-code", "CODE[=RETRY]", &flags->codes,
             "An error code that workers report; RETRY is never or always; may be repeated")
      .Number("-p,--priority", &flags->priority, 0, 9,
              "Default priority for tasks enqueued without one")
      .Text("--description", "TEXT", &flags->description, "A description for people")
      .Example(
          "treadle type contract set order 2 --input order.json --output receipt.json\n"
          "treadle type contract set order 2 --input order.json --error-code sold_out=never")
      .Run([flags, &session] { return PutContract(session, *flags); });
  auto names = std::make_shared<ContractFlags>();
  Command remove = group.Sub("remove", "Remove a version that is no longer needed");
  AddNames(remove, names.get())
      .Example("treadle type contract remove order 1")
      .Run([names, &session] { return Remove(session, *names); });
  group.Example("treadle type contract set order 2 --input order.json");
}

}  // namespace treadle::cli
