// Border: what a server does between a request and its node. Contracts are checked here, with the
// code of the API; all else goes through as it is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "contract/contract_book.h"
#include "node/node.h"

namespace treadle::sim {

/// No enqueue carries more: the bound of a request's body, over 256. See also kSegmentBytes.
inline constexpr size_t kBodyBytes = size_t{64} << 10;

/// Of one life of a server, on the lanes of its node, which it borrows. Dies with them.
class Border {
 public:
  explicit Border(Node* node) : node_(node) {}

  /// Asks the node for the contracts that it has. No request before is_open().
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
