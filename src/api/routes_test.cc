#include "api/routes.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

namespace treadle::api {
namespace {

bool IsMethod(const std::string& word) {
  return word == "get" || word == "put" || word == "post" || word == "delete" || word == "patch";
}

// "get /v1/tasks" and so on: what stands below "paths:", by its indentation.
std::set<std::string> OperationsOfContract() {
  std::set<std::string> operations;
  std::istringstream text{std::string(OpenApiYaml())};
  std::string path;
  bool in_paths = false;
  for (std::string line; std::getline(text, line);) {
    if (!line.empty() && line.front() != ' ') in_paths = line == "paths:";
    if (!in_paths || !line.ends_with(':')) continue;
    line.pop_back();
    if (line.starts_with("  /")) path = line.substr(2);
    if (line.starts_with("    ") && IsMethod(line.substr(4)))
      operations.insert(line.substr(4) + " " + path);
  }
  return operations;
}

TEST(Routes, AreExactlyThoseOfTheContract) {
  std::set<std::string> operations;
  const auto router = MakeRouter(nullptr, {});
  for (const auto& [method, pattern] : router->Routes()) {
    std::string name(http::MethodName(method));
    for (char& c : name) c = static_cast<char>(c - 'A' + 'a');
    operations.insert(name + " " + pattern);
  }
  EXPECT_GT(operations.size(), 10U);
  EXPECT_EQ(operations, OperationsOfContract());
}

}  // namespace
}  // namespace treadle::api
