#include "worker/contracts.h"

#include <chrono>
#include <string>
#include <thread>

#include "base/random.h"
#include "client/backoff.h"
#include "client/wire.h"
#include "json/writer.h"

namespace treadle::worker {
namespace {

constexpr int64_t kTimeoutMs = 10'000;
constexpr std::chrono::milliseconds kLookEvery(100);

Status WriteSchema(std::string_view field, const std::string& schema, const std::string& type,
                   JsonWriter* json) {
  if (schema.empty()) return {};
  if (!wire::IsJson(schema))
    return {Code::kInvalidArgument,
            "the " + std::string(field) + " of type " + type + " is not JSON"};
  json->Key(field).Raw(wire::TrimJson(schema));
  return {};
}

Result<std::string> Body(const std::string& type, const Contract& contract) {
  std::string body;
  JsonWriter json(&body);
  json.Open('{').Key("description").Text(contract.description);
  TREADLE_RETURN_IF_ERROR(WriteSchema("input_schema", contract.input_schema, type, &json));
  TREADLE_RETURN_IF_ERROR(WriteSchema("output_schema", contract.output_schema, type, &json));
  json.Key("error_codes").Open('[');
  for (const ContractError& error : contract.error_codes) {
    json.Open('{').Key("code").Text(error.code).Key("retry").Text(error.retry);
    json.Key("description").Text(error.description).Close('}');
  }
  json.Close(']');
  if (contract.default_priority)
    json.Key("defaults").Open('{').Key("priority").Number(*contract.default_priority).Close('}');
  json.Close('}');
  return body;
}

// False if it is time to stop.
bool Pause(std::chrono::milliseconds time, const std::function<bool()>& goes_on) {
  for (; time > kLookEvery && goes_on(); time -= kLookEvery)
    std::this_thread::sleep_for(kLookEvery);
  std::this_thread::sleep_for(std::min(time, kLookEvery));
  return goes_on();
}

Status Register(ServerConnection* server, const std::string& type, const Contract& contract,
                const std::function<bool()>& goes_on) {
  TREADLE_ASSIGN_OR_RETURN(const std::string body, Body(type, contract));
  const std::string target =
      "/v1/types/" + wire::PercentEncode(type) + "/contracts/" + std::to_string(contract.version);
  Backoff backoff(SystemRandom().Next());
  while (true) {
    const Result<ServerAnswer> answer = server->Call("PUT", target, body, kTimeoutMs);
    if (answer.ok()) return {};
    const Code code = answer.status().code();
    if (code != Code::kUnavailable && code != Code::kDeadlineExceeded) return answer.status();
    if (!Pause(std::chrono::milliseconds(backoff.NextMs()), goes_on)) return {};
  }
}

}  // namespace

Status RegisterContracts(const ConnectionOptions& connection, const HandlerSet& set,
                         const std::function<bool()>& goes_on) {
  TREADLE_ASSIGN_OR_RETURN(const std::unique_ptr<ServerConnection> server,
                           ServerConnection::Make(connection));
  for (const auto& [type, entry] : set.handlers)
    for (const Contract& contract : entry.options.contracts)
      TREADLE_RETURN_IF_ERROR(Register(server.get(), type, contract, goes_on));
  return {};
}

}  // namespace treadle::worker
