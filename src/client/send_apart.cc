#include "client/send_apart.h"

#include <iterator>
#include <utility>

namespace treadle {
namespace {

// The fault may lie with one task of the request, and the others may pass without it.
bool MayBeOneTasksFault(Code code) {
  return code == Code::kInvalidArgument || code == Code::kAlreadyExists ||
         code == Code::kFailedPrecondition;
}

}  // namespace

std::vector<Result<Enqueued>> SendApart(const SendTasks& send,
                                        std::span<const EncodedTask* const> tasks) {
  Result<std::vector<Enqueued>> sent = send({tasks.begin(), tasks.end()});
  if (sent.ok()) return {std::move_iterator(sent->begin()), std::move_iterator(sent->end())};
  if (tasks.size() == 1 || !MayBeOneTasksFault(sent.status().code()))
    return std::vector<Result<Enqueued>>(tasks.size(), sent.status());
  std::vector<Result<Enqueued>> answers = SendApart(send, tasks.first(tasks.size() / 2));
  for (Result<Enqueued>& answer : SendApart(send, tasks.subspan(tasks.size() / 2)))
    answers.push_back(std::move(answer));
  return answers;
}

}  // namespace treadle
