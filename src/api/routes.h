// The HTTP interface of a node: docs/openapi.yaml, as a table of handlers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/check_pool.h"
#include "base/turn_times.h"
#include "http/router.h"
#include "http/server.h"
#include "node/node.h"

namespace treadle::api {

/// Facts about the server that the node does not have.
struct ApiInfo {
  std::string version;
  NodeOptions::Durability durability = NodeOptions::Durability::kFsync;
  std::string data_directory;
  WallTime started_at;
  /// The server's counters; empty, or called by several threads at once.
  std::function<http::ServerStats()> server_stats;
  /// Of the shard's executor; likewise.
  std::function<ExecutorTurns()> shard_turns;
  /// Where payloads and results are checked against contracts. It must be stopped before the node's
  /// executors are. Null, in tests: by whoever brings them, at once.
  std::shared_ptr<CheckPool> checks;
};

/// A router for every operation of the contract. `node` is borrowed: it must outlive every request
/// of the server that uses the router. Waits for the node to return the contracts of its types, so
/// that no request comes before; its executors must run. Null, in tests: a router that is only
/// looked at.
std::shared_ptr<const http::Router> MakeRouter(Node* node, ApiInfo info);

/// What a server answers while it opens its data, to any request that may pass: /livez is well, all
/// else is UNAVAILABLE, with the server's progress.
http::Response StartingResponse(const http::Request& request, const RecoveryProgress& progress);

/// How far that is, for a person: "120000 of 310000 tasks read".
std::string DescribeProgress(const RecoveryProgress& progress);

/// The text of docs/openapi.yaml as of this build.
std::string_view OpenApiYaml();

}  // namespace treadle::api
