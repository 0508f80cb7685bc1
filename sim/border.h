// Border: what a server does between a request and its node. It checks contracts with the API's own
// code and passes everything else through unchanged.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "contract/contract_book.h"
#include "node/node.h"

namespace treadle::sim {

/// Upper bound of an enqueue's body: the production limit divided by 256. See also kSegmentBytes.
inline constexpr size_t kBodyBytes = size_t{64} << 10;

/// Belongs to one life of a server and dies with it. Runs on the executors of the node, which it
/// borrows.
class Border {
 public:
  explicit Border(Node* node) : node_(node) {}

  /// Fetches the node's contracts. Send no request before is_open().
  void Open();
  bool is_open() const { return is_open_; }

  void Enqueue(EnqueueCommand command, Node::Callback<EnqueueReply> done);
  void Exchange(const ExchangeRequest& request, Node::Callback<ExchangeReply> done);
  void Do(const TaskCommand& command, Node::Callback<TaskStanding> done);
  void PutContract(const std::string& type, const std::shared_ptr<const TypeContract>& contract,
                   Node::Callback<TypeView> done);
  void DeleteContract(const std::string& type, uint32_t version, Node::Callback<TypeView> done);

 private:
  Node::Callback<TypeView> TakeOver(Node::Callback<TypeView> done);

  Node* node_;
  std::shared_ptr<ContractBook> book_ = std::make_shared<ContractBook>();
  bool is_open_ = false;
};

}  // namespace treadle::sim
