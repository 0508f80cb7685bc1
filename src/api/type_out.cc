#include "api/type_out.h"

#include <utility>

#include "api/policy_json.h"
#include "http/problem.h"

namespace treadle::api {
namespace {

void WriteContract(const TypeContract& contract, TypeDetail detail, JsonWriter* out) {
  out->Open('{').Key("version").Number(contract.version);
  out->Key("description").Text(contract.description);
  if (detail == TypeDetail::kWhole) {
    if (!contract.input_schema.empty()) out->Key("input_schema").Raw(contract.input_schema);
    if (!contract.output_schema.empty()) out->Key("output_schema").Raw(contract.output_schema);
  }
  out->Key("error_codes").Open('[');
  for (const ContractCode& code : contract.codes) {
    out->Open('{').Key("code").Text(code.code);
    out->Key("retry").PlainText(CodeRetryName(code.retry));
    out->Key("description").Text(code.description).Close('}');
  }
  out->Close(']').Key("defaults").Open('{');
  if (contract.priority) out->Key("priority").Number(*contract.priority);
  out->Close('}').Close('}');
}

}  // namespace

void WriteType(const TypeView& type, TypeDetail detail, JsonWriter* out) {
  out->Open('{').Key("name").PlainText(type.name).Key("policy");
  WriteTypePolicy(type.policy, out);
  out->Key("contracts").Open('[');
  for (const auto& contract : type.policy.contracts) WriteContract(*contract, detail, out);
  out->Close(']');
  if (type.created) out->Key("created").Flag(true);
  out->Close('}');
}

http::Response OneType(const TypeView& view) {
  std::string body;
  JsonWriter out(&body);
  WriteType(view, TypeDetail::kWhole, &out);
  return {.status = 200, .content_type = "application/json", .body = std::move(body)};
}

}  // namespace treadle::api
