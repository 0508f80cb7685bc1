#include "api/contract_in.h"

#include <utility>

#include "json/reader.h"
#include "model/limits.h"

namespace treadle::api {
namespace {

Status ReadSchema(JsonValue value, std::string* out) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view json, value.Raw());
  out->assign(json);
  return {};
}

Status ReadCodeRetry(JsonValue value, ContractCode* code) {
  TREADLE_ASSIGN_OR_RETURN(const std::string_view text, value.Text());
  for (const CodeRetry each : {CodeRetry::kDefault, CodeRetry::kNever, CodeRetry::kAlways}) {
    if (CodeRetryName(each) != text) continue;
    code->retry = each;
    return {};
  }
  return value.Wrong("must be default, never or always");
}

constexpr JsonField<ContractCode> kCodeFields[] = {
    {"code", [](JsonValue v, ContractCode* code) { return ReadText(v, &code->code); }},
    {"retry", ReadCodeRetry},
    {"description",
     [](JsonValue v, ContractCode* code) { return ReadText(v, &code->description); }},
};

constexpr JsonField<TypeContract> kDefaultFields[] = {
    {"priority",
     [](JsonValue v, TypeContract* contract) {
       return ReadWhole(v, 0, limits::kPriorityMax, &contract->priority.emplace());
     }},
};

constexpr JsonField<TypeContract> kContractFields[] = {
    {"description",
     [](JsonValue v, TypeContract* contract) { return ReadText(v, &contract->description); }},
    {"input_schema",
     [](JsonValue v, TypeContract* contract) { return ReadSchema(v, &contract->input_schema); }},
    {"output_schema",
     [](JsonValue v, TypeContract* contract) { return ReadSchema(v, &contract->output_schema); }},
    {"error_codes",
     [](JsonValue v, TypeContract* contract) {
       return v.Each(limits::kContractErrorCodes, [contract](size_t, JsonValue each) {
         return ReadObject(each, kCodeFields, &contract->codes.emplace_back());
       });
     }},
    {"defaults",
     [](JsonValue v, TypeContract* contract) { return ReadObject(v, kDefaultFields, contract); }},
};

std::string Place(const EnqueueCommand& command, size_t i) {
  return command.tasks.size() == 1 ? std::string() : "tasks[" + std::to_string(i) + "].";
}

}  // namespace

Result<std::shared_ptr<const TypeContract>> ReadContract(std::string* body, uint32_t version) {
  auto contract = std::make_shared<TypeContract>(TypeContract{.version = version});
  TREADLE_RETURN_IF_ERROR(ParseJson(body, "the request body", [&](JsonValue value) {
    return ReadObject(value, kContractFields, contract.get());
  }));
  TREADLE_RETURN_IF_ERROR(Validate(*contract));
  return std::shared_ptr<const TypeContract>(std::move(contract));
}

std::optional<size_t> BytesToFit(const ContractPage* page, const EnqueueCommand& command) {
  std::optional<size_t> bytes;
  if (page == nullptr) return bytes;
  for (const NewTask& task : command.tasks)
    if (page->HasType(task.type)) bytes = bytes.value_or(0) + task.body->payload.size();
  return bytes;
}

Status FitContracts(const ContractPage* page, EnqueueCommand* command, const CheckBudget* budget) {
  static const ContractPage kNone;
  for (size_t i = 0; i < command->tasks.size(); ++i) {
    NewTask& task = command->tasks[i];
    if (page == nullptr && !task.contract_was_asked_for) continue;
    const auto version = (page ? *page : kNone)
                             .FitInput(task.type, task.contract,
                                       {task.body->payload, task.body->content_type}, budget);
    if (!version.ok())
      return {version.status().code(), Place(*command, i) + version.status().message()};
    task.contract = *version;
  }
  return {};
}

std::vector<TaskId> ResultsToCheck(const ContractPage* page, const ExchangeIn& in) {
  std::vector<TaskId> tasks;
  if (page == nullptr || !page->has_outputs()) return tasks;
  for (const Report& report : in.request.reports)
    if (report.kind == Report::Kind::kCompleted) tasks.push_back(report.token.task);
  return tasks;
}

namespace {

// Calls `each` for every report of `in` whose result is to be checked, with its place and contract.
template <class Each>
void ForResults(const ContractPage& page, const std::vector<std::optional<ContractName>>& names,
                const ExchangeIn& in, const Each& each) {
  auto name = names.begin();
  for (size_t i = 0; i < in.request.reports.size(); ++i) {
    const Report& report = in.request.reports[i];
    if (report.kind != Report::Kind::kCompleted) continue;
    const std::optional<ContractName>& contract = *name++;
    if (contract && report.result && page.HasOutput(contract->type, contract->version))
      each(i, *contract, *report.result);
  }
}

}  // namespace

std::optional<size_t> BytesToCheck(const ContractPage& page,
                                   const std::vector<std::optional<ContractName>>& names,
                                   const ExchangeIn& in) {
  std::optional<size_t> bytes;
  ForResults(page, names, in, [&](size_t, const ContractName&, const TaskResult& result) {
    bytes = bytes.value_or(0) + result.bytes.size();
  });
  return bytes;
}

void RefuseResults(const ContractPage& page, const std::vector<std::optional<ContractName>>& names,
                   ExchangeIn* in, const CheckBudget* budget) {
  std::vector<Status> statuses(in->request.reports.size());
  ForResults(page, names, *in,
             [&](size_t i, const ContractName& contract, const TaskResult& result) {
               statuses[i] = page.CheckOutput(contract.type, contract.version,
                                              {result.bytes, result.content_type}, budget);
             });
  RefuseReports(in, statuses);
}

}  // namespace treadle::api
