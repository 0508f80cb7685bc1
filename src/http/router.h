// Router: which handler answers which method and path.
//
// Filled by one thread, then const and shared by all. Handlers run on the server's threads and must
// not block; they are called by several threads at once. They do not throw.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/message.h"
#include "http/responder.h"

namespace treadle::http {

struct RequestContext {
  Request request;
  std::vector<std::pair<std::string, std::string>> path_parameters;  // name, decoded value

  /// The value of `{name}`; aborts if the route's pattern has no such parameter.
  const std::string& PathParameter(std::string_view name) const;
};

using Handler = std::function<void(RequestContext, Responder)>;

class Router {
 public:
  struct Route {
    Method method;
    std::string pattern;
    bool operator==(const Route&) const = default;
  };

  Router();
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  /// `pattern` is a path such as "/v1/tasks/{id}/payload": each segment a literal, or `{name}` for
  /// any one segment that is not empty. Where both fit, the literal wins, whatever the methods.
  /// Aborts for a pattern that is not of this form, and for a second handler of the same method and
  /// path.
  void Add(Method method, std::string_view pattern, Handler handler);

  /// Calls the handler, or answers itself: 400 for a broken percent-encoding, 404 for an unknown
  /// path, 405 with Allow for a known one. HEAD goes to the handler of GET unless it has its own;
  /// OPTIONS is a method like any other.
  void Dispatch(Request request, Responder responder) const;

  /// In order of addition.
  const std::vector<Route>& Routes() const { return routes_; }

 private:
  struct Node;
  struct Leaf;

  static const Node* Find(const Node& node, const std::vector<std::string>& segments, size_t depth);

  std::unique_ptr<Node> root_;
  std::vector<Route> routes_;
};

}  // namespace treadle::http
