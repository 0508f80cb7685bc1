#include "http/router.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "http/problem.h"

namespace treadle::http {
namespace {

constexpr size_t kMethods = static_cast<size_t>(Method::kOther) + 1;

// "/a/b" is {a, b}; "/" is {""}, one empty segment; nothing for a path that does not begin with
// "/".
std::optional<std::vector<std::string_view>> Split(std::string_view path) {
  if (path.empty() || path.front() != '/') return std::nullopt;
  std::vector<std::string_view> segments;
  segments.reserve(8);
  for (size_t begin = 1; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    segments.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return segments;
}

bool IsParameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool IsLiteral(std::string_view segment) {
  return segment.find_first_of("{}%?") == std::string_view::npos;
}

}  // namespace

struct Router::Leaf {
  Handler handler;
  std::vector<std::pair<size_t, std::string>> parameters;  // place in the path, name
};

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::array<std::unique_ptr<Leaf>, kMethods> leaves;

  bool is_path() const {
    return std::ranges::any_of(leaves, [](const auto& leaf) { return leaf != nullptr; });
  }
  const Leaf* LeafFor(Method method) const {
    const auto& own = leaves[static_cast<size_t>(method)];
    if (own == nullptr && method == Method::kHead) return LeafFor(Method::kGet);
    return own.get();
  }
  // "GET, HEAD, POST"
  std::string Allow() const {
    std::string allow;
    for (size_t i = 0; i < static_cast<size_t>(Method::kOther); ++i) {
      const auto method = static_cast<Method>(i);
      if (LeafFor(method) == nullptr) continue;
      allow.append(allow.empty() ? "" : ", ").append(MethodName(method));
    }
    return allow;
  }
};

const std::string& RequestContext::PathParameter(std::string_view name) const {
  const auto found =
      std::ranges::find(path_parameters, name, [](const auto& p) { return p.first; });
  TREADLE_CHECK(found != path_parameters.end());
  return found->second;
}

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;

void Router::Add(Method method, std::string_view pattern, Handler handler) {
  const auto segments = Split(pattern);
  TREADLE_CHECK(segments.has_value());
  auto leaf = std::make_unique<Leaf>();
  leaf->handler = std::move(handler);
  Node* node = root_.get();
  for (size_t i = 0; i < segments->size(); ++i) {
    const std::string_view segment = (*segments)[i];
    const bool is_parameter = IsParameter(segment);
    TREADLE_CHECK(is_parameter || IsLiteral(segment));
    auto& next = is_parameter ? node->parameter : node->literals[std::string(segment)];
    if (next == nullptr) next = std::make_unique<Node>();
    if (is_parameter) leaf->parameters.emplace_back(i, segment.substr(1, segment.size() - 2));
    node = next.get();
  }
  auto& place = node->leaves[static_cast<size_t>(method)];
  TREADLE_CHECK(place == nullptr);
  place = std::move(leaf);
  routes_.push_back({method, std::string(pattern)});
}

// Goes back to `{name}` when the literal leads to no path: "/a/{x}/c" is found for "/a/b/c" beside
// a route "/a/b".
const Router::Node* Router::Find(const Node& node, const std::vector<std::string>& segments,
                                 size_t depth) {
  if (depth == segments.size()) return node.is_path() ? &node : nullptr;
  const std::string& segment = segments[depth];
  if (const auto literal = node.literals.find(segment); literal != node.literals.end()) {
    if (const Node* found = Find(*literal->second, segments, depth + 1)) return found;
  }
  if (node.parameter == nullptr || segment.empty()) return nullptr;
  return Find(*node.parameter, segments, depth + 1);
}

void Router::Dispatch(Request request, Responder responder) const {
  const auto raw = Split(request.path());
  std::vector<std::string> segments;
  if (raw) segments.reserve(raw->size());
  for (size_t i = 0; raw && i < raw->size(); ++i) {
    auto decoded = PercentDecode((*raw)[i], false);
    if (!decoded) {
      return responder.Send(ProblemResponse(
          Status(Code::kInvalidArgument,
                 "the path contains a '%' without two hexadecimal digits after it")));
    }
    segments.push_back(*std::move(decoded));
  }
  const Node* node = raw ? Find(*root_, segments, 0) : nullptr;
  if (node == nullptr) {
    return responder.Send(ProblemResponse(
        Status(Code::kNotFound, "there is no resource at " + std::string(request.path()))));
  }
  const Leaf* leaf = node->LeafFor(request.method);
  if (leaf == nullptr) {
    Response refusal = ProblemResponse(
        405, Status(Code::kUnimplemented,
                    "this resource does not support the method; see the Allow header"));
    refusal.headers.push_back({"Allow", node->Allow()});
    return responder.Send(std::move(refusal));
  }
  RequestContext context{.request = std::move(request), .path_parameters = {}};
  for (const auto& [place, name] : leaf->parameters) {
    context.path_parameters.emplace_back(name, std::move(segments[place]));
  }
  leaf->handler(std::move(context), std::move(responder));
}

}  // namespace treadle::http
