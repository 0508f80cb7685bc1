#include "worker/contracts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "client/test_server.h"

namespace treadle::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::TestServer;

HandlerSet OneContract(Contract contract) {
  HandlerSet set;
  set.handlers["order"].options.contracts.push_back(std::move(contract));
  return set;
}

class ContractsTest : public ::testing::Test {
 protected:
  std::future<Status> Register(const HandlerSet& set) {
    return std::async(std::launch::async, [this, set] {
      return RegisterContracts({.server = server_.url()}, set, [this] { return goes_on_.load(); });
    });
  }

  TestServer server_;
  std::atomic<bool> goes_on_ = true;
};

TEST_F(ContractsTest, AWholeContractIsRegisteredBeforeAnythingElse) {
  auto done = Register(OneContract({.version = 2,
                                    .description = "with a price",
                                    .input_schema = R"( {"type":"object"} )",
                                    .error_codes = {{.code = "sold_out", .retry = "never"}},
                                    .default_priority = 7}));
  const auto request = server_.Next();
  EXPECT_THAT(request.head, StartsWith("PUT /v1/types/order/contracts/2 "));
  EXPECT_EQ(request.body, R"({"description":"with a price","input_schema":{"type":"object"},)"
                          R"("error_codes":[{"code":"sold_out","retry":"never","description":""}],)"
                          R"("defaults":{"priority":7}})");
  TestServer::Answer(request, 200, "{}");
  EXPECT_TRUE(done.get().ok());
}

TEST_F(ContractsTest, ARefusalIsPassedOn) {
  auto done = Register(OneContract({.input_schema = "true"}));
  TestServer::Answer(server_.Next(), 400,
                     R"({"code":"INVALID_ARGUMENT","detail":"input_schema must not be so"})");
  const Status status = done.get();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("must not be so"));
}

TEST_F(ContractsTest, AServerThatIsUnreachableIsAskedAgain) {
  auto done = Register(OneContract({}));
  TestServer::Answer(server_.Next(), 503, R"({"code":"UNAVAILABLE","detail":"starting"})");
  TestServer::Answer(server_.Next(), 200, "{}");
  EXPECT_TRUE(done.get().ok());
}

TEST_F(ContractsTest, AStoppedWorkerWaitsForNoServer) {
  auto done = Register(OneContract({}));
  const auto request = server_.Next();
  goes_on_ = false;
  TestServer::Answer(request, 503, R"({"code":"UNAVAILABLE","detail":"starting"})");
  EXPECT_TRUE(done.get().ok());
}

TEST_F(ContractsTest, ASchemaThatIsNotJsonIsRefusedWithoutARequest) {
  const Status status = Register(OneContract({.output_schema = "{"})).get();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("output_schema of type order"));
}

}  // namespace
}  // namespace treadle::worker
