#include "sim/border.h"

#include <optional>
#include <utility>
#include <vector>

#include "api/contract_in.h"
#include "base/check.h"
#include "engine/commands/types.h"
#include "model/validate.h"

namespace treadle::sim {

void Border::Open() {
  node_->Do(ListTypes{}, [this](const Result<ListPart<TypeView>>& types) {
    for (const TypeView& type : types->views)
      if (!type.policy.contracts.empty()) book_->Put(type.name, type.policy.contracts);
    is_open_ = true;
  });
}

void Border::Enqueue(EnqueueCommand command, Node::Callback<EnqueueReply> done) {
  size_t bytes = 0;
  for (const NewTask& task : command.tasks) bytes += task.body->payload.size();
  TREADLE_CHECK(bytes <= kBodyBytes);
  const Status status = api::FitContracts(book_->Page().get(), &command);
  if (!status.ok()) return done(status);
  node_->Do(std::move(command), std::move(done));
}

void Border::Exchange(const ExchangeRequest& request, Node::Callback<ExchangeReply> done) {
  const auto page = book_->Page();
  auto in = std::make_shared<api::ExchangeIn>(api::ExchangeIn{.request = request});
  std::vector<TaskId> tasks = api::ResultsToCheck(page.get(), *in);
  if (tasks.empty()) {
    node_->Exchange(request, std::move(done));
    return;
  }
  node_->Do(FindContracts{std::move(tasks)},
            [this, page, in, done = std::move(done)](const Result<FindContracts::Reply>& names) {
              api::RefuseResults(*page, *names, in.get());
              node_->Exchange(in->request, [in, done](Result<ExchangeReply> reply) {
                if (reply.ok()) api::MergeRefused(*in, &*reply);
                done(std::move(reply));
              });
            });
}

// An edited payload must fit the task's contract.
void Border::Do(const TaskCommand& command, Node::Callback<TaskStanding> done) {
  const auto page = book_->Page();
  if (page == nullptr || command.edit.payload == nullptr)
    return node_->Do(command, std::move(done));
  node_->Do(GetTask{.id = command.id}, [this, page, command, done](const Result<TaskView>& view) {
    if (!view.ok()) return done(view.status());
    const uint32_t version = view->task.terms ? view->task.terms->contract : 0;
    const TaskBody& body = *command.edit.payload;
    if (Status status = page->CheckInput(view->type, version, {body.payload, body.content_type});
        version != 0 && !status.ok())
      return done(std::move(status));
    node_->Do(command, done);
  });
}

Node::Callback<TypeView> Border::TakeOver(Node::Callback<TypeView> done) {
  return [book = book_, done = std::move(done)](Result<TypeView> view) {
    if (view.ok()) book->Put(view->name, view->policy.contracts);
    done(std::move(view));
  };
}

void Border::PutContract(const std::string& type,
                         const std::shared_ptr<const TypeContract>& contract,
                         Node::Callback<TypeView> done) {
  node_->Do(SetTypePolicy{type, {.contract = contract}}, TakeOver(std::move(done)));
}

void Border::DeleteContract(const std::string& type, uint32_t version,
                            Node::Callback<TypeView> done) {
  node_->Do(SetTypePolicy{type, {.dropped_contract = version}}, TakeOver(std::move(done)));
}

}  // namespace treadle::sim
