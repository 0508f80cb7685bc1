// The handlers behind the routes, one file per resource. Each answers its responder exactly once;
// the node's callbacks run on the shard's executor, so what they do is short. `context` is theirs
// for the length of the call.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/routes.h"
#include "api/turns.h"
#include "contract/contract_book.h"
#include "http/problem.h"
#include "http/router.h"

namespace treadle::api {

struct Api {
  Node* node;
  ApiInfo info;
  std::shared_ptr<ContractBook> contracts;  // callbacks of the node share it
  /// Of large answers, from the question to the node until they count in the memory for bodies.
  std::shared_ptr<Turns> lists = std::make_shared<Turns>(8);
  std::shared_ptr<Turns> task_lists = std::make_shared<Turns>(8);  // these wait for the store
  std::shared_ptr<Turns> metrics = std::make_shared<Turns>(4);
};

using ApiHandler = void (*)(const Api& api, http::RequestContext& context,
                            http::Responder responder);

// tasks.cc
void EnqueueTask(const Api& api, http::RequestContext& context, http::Responder responder);
void EnqueueBatch(const Api& api, http::RequestContext& context, http::Responder responder);
void GetTask(const Api& api, http::RequestContext& context, http::Responder responder);
void GetPayload(const Api& api, http::RequestContext& context, http::Responder responder);
void GetTaskResult(const Api& api, http::RequestContext& context, http::Responder responder);
// task_by_hand.cc
void RunTaskNow(const Api& api, http::RequestContext& context, http::Responder responder);
void CancelTask(const Api& api, http::RequestContext& context, http::Responder responder);
void ReleaseTask(const Api& api, http::RequestContext& context, http::Responder responder);
void RedriveTask(const Api& api, http::RequestContext& context, http::Responder responder);
void EditTask(const Api& api, http::RequestContext& context, http::Responder responder);
void DeleteTask(const Api& api, http::RequestContext& context, http::Responder responder);
// task_explain.cc
void ExplainTask(const Api& api, http::RequestContext& context, http::Responder responder);
// attempts.cc
void SaveAttempt(const Api& api, http::RequestContext& context, http::Responder responder);
void GetAttempts(const Api& api, http::RequestContext& context, http::Responder responder);
void GetLog(const Api& api, http::RequestContext& context, http::Responder responder);
// bulk.cc
void StartBulk(const Api& api, http::RequestContext& context, http::Responder responder);
void ListBulk(const Api& api, http::RequestContext& context, http::Responder responder);
void GetBulk(const Api& api, http::RequestContext& context, http::Responder responder);
void StopBulk(const Api& api, http::RequestContext& context, http::Responder responder);
// backups.cc
void StartBackup(const Api& api, http::RequestContext& context, http::Responder responder);
void ListBackups(const Api& api, http::RequestContext& context, http::Responder responder);
void GetBackup(const Api& api, http::RequestContext& context, http::Responder responder);
// task_list.cc
void ListTasks(const Api& api, http::RequestContext& context, http::Responder responder);
// queues.cc
void ListQueues(const Api& api, http::RequestContext& context, http::Responder responder);
void GetQueue(const Api& api, http::RequestContext& context, http::Responder responder);
void PutQueue(const Api& api, http::RequestContext& context, http::Responder responder);
void DeleteQueue(const Api& api, http::RequestContext& context, http::Responder responder);
void PauseQueue(const Api& api, http::RequestContext& context, http::Responder responder);
void ResumeQueue(const Api& api, http::RequestContext& context, http::Responder responder);
// types.cc
void ListTypes(const Api& api, http::RequestContext& context, http::Responder responder);
void GetType(const Api& api, http::RequestContext& context, http::Responder responder);
void DeleteType(const Api& api, http::RequestContext& context, http::Responder responder);
void PutType(const Api& api, http::RequestContext& context, http::Responder responder);
// contracts.cc
void PutContract(const Api& api, http::RequestContext& context, http::Responder responder);
void DeleteContract(const Api& api, http::RequestContext& context, http::Responder responder);
/// Waits for the node to return what it has.
void FillContracts(Node* node, ContractBook* book);
// exchange.cc
void Exchange(const Api& api, http::RequestContext& context, http::Responder responder);
// service.cc, metrics.cc
void GetInfo(const Api& api, http::RequestContext& context, http::Responder responder);
void GetOpenApi(const Api& api, http::RequestContext& context, http::Responder responder);
void GetLivez(const Api& api, http::RequestContext& context, http::Responder responder);
void GetReadyz(const Api& api, http::RequestContext& context, http::Responder responder);
void GetMetrics(const Api& api, http::RequestContext& context, http::Responder responder);

/// Runs `work` where contracts are checked: `checks` is ApiInfo's.
inline void CheckOn(const std::shared_ptr<CheckPool>& checks, CheckPool::Work work) {
  checks != nullptr ? checks->Post(std::move(work)) : work(Status());
}

/// A responder that a callback of the node can hold.
inline std::shared_ptr<http::Responder> Shared(http::Responder responder) {
  return std::make_shared<http::Responder>(std::move(responder));
}

/// For the node's callback: answers with what `format` makes of its result, or with a problem. The
/// connection's thread formats the answer, so the shard does not wait. Keeps `turn` until then.
template <class Format>
auto Answering(http::Responder responder, Format format, Turns::Turn turn = nullptr) {
  return [to = Shared(std::move(responder)), format = std::move(format),
          turn = std::move(turn)]<class T>(Result<T> result) {
    auto held = std::make_shared<Result<T>>(std::move(result));
    to->Run([to, format, turn, held] {
      to->Send(held->ok() ? format(*std::move(*held)) : http::ProblemResponse(held->status()));
    });
  };
}

inline http::Response JsonResponse(int status, std::string body) {
  return {.status = status, .content_type = "application/json", .body = std::move(body)};
}

/// The refusal of a request without a JSON content type: 415. Nothing if it is.
std::optional<http::Response> RefuseOtherThanJson(const http::Request& request);

/// INVALID_ARGUMENT unless the request has no body, or an object without fields.
Status CheckNoFields(http::RequestContext* context);

/// False, with the answer sent, if the request has a query.
bool HasNoQuery(const http::RequestContext& context, http::Responder* responder);

/// Which tasks a request is about, by the parameters of its query; task_list.cc.
Result<TaskQuery> ReadTaskQuery(const http::Request& request);

/// The id in the path.
Result<TaskId> TaskIdOf(const http::RequestContext& context);

}  // namespace treadle::api
