#include "http/router.h"

#include <gtest/gtest.h>

#include <optional>

namespace treadle::http {
namespace {

class RecordingSink final : public ResponderSink {
 public:
  void Deliver(uint64_t, Response response, Done) override { answer = std::move(response); }
  void WatchDisconnect(uint64_t, std::function<void()>) override {}
  void Run(std::function<void()> work) override { work(); }

  std::optional<Response> answer;
};

Response Dispatch(const Router& router, Method method, const std::string& target) {
  const auto sink = std::make_shared<RecordingSink>();
  router.Dispatch({.method = method, .target = target}, Responder(sink, 1));
  return sink->answer.value_or(Response{.status = 0});
}

// Answers with `name` and the parameters.
Handler Named(std::string name) {
  return [name = std::move(name)](RequestContext context, Responder responder) {
    std::string body = name;
    for (const auto& [key, value] : context.path_parameters) body += " " + key + "=" + value;
    responder.Send({.body = body});
  };
}

TEST(Router, ParametersMatchOneSegmentAndAreDecoded) {
  Router router;
  router.Add(Method::kGet, "/v1/tasks/{id}/payload", Named("payload"));
  router.Add(Method::kGet, "/v1/queues/{queue}/tasks/{id}", Named("both"));
  EXPECT_EQ(Dispatch(router, Method::kGet, "/v1/tasks/1-2/payload?x=1").body, "payload id=1-2");
  EXPECT_EQ(Dispatch(router, Method::kGet, "/v1/queues/a%2Fb/tasks/%20").body,
            "both queue=a/b id= ");
  EXPECT_EQ(Dispatch(router, Method::kGet, "/v1/tasks//payload").status, 404);
  EXPECT_EQ(Dispatch(router, Method::kGet, "/v1/tasks/a/b/payload").status, 404);
}

TEST(Router, LiteralsComeBeforeParametersButDoNotHideThem) {
  Router router;
  router.Add(Method::kGet, "/tasks/search", Named("search"));
  router.Add(Method::kGet, "/tasks/{id}", Named("one"));
  router.Add(Method::kGet, "/tasks/{task}/log", Named("log"));
  EXPECT_EQ(Dispatch(router, Method::kGet, "/tasks/search").body, "search");
  EXPECT_EQ(Dispatch(router, Method::kGet, "/tasks/se%61rch").body, "search");
  EXPECT_EQ(Dispatch(router, Method::kGet, "/tasks/other").body, "one id=other");
  EXPECT_EQ(Dispatch(router, Method::kGet, "/tasks/search/log").body, "log task=search");
}

TEST(Router, UnknownPathIsNotFound) {
  Router router;
  router.Add(Method::kGet, "/a/b", Named("ab"));
  for (const char* target : {"/", "/a", "/a/b/", "/a/b/c", "//a/b", "*", "a/b", ""}) {
    EXPECT_EQ(Dispatch(router, Method::kGet, target).status, 404) << target;
  }
}

TEST(Router, RootAndTrailingSlashAreOrdinaryPaths) {
  Router router;
  router.Add(Method::kGet, "/", Named("root"));
  router.Add(Method::kGet, "/ui/", Named("ui"));
  EXPECT_EQ(Dispatch(router, Method::kGet, "/?q").body, "root");
  EXPECT_EQ(Dispatch(router, Method::kGet, "/ui/").body, "ui");
  EXPECT_EQ(Dispatch(router, Method::kGet, "/ui").status, 404);
}

TEST(Router, AnotherMethodOnAKnownPathReportsWhatIsAllowed) {
  Router router;
  router.Add(Method::kGet, "/tasks", Named("list"));
  router.Add(Method::kPost, "/tasks", Named("enqueue"));
  const Response response = Dispatch(router, Method::kDelete, "/tasks");
  EXPECT_EQ(response.status, 405);
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers[0].name, "Allow");
  EXPECT_EQ(response.headers[0].value, "GET, HEAD, POST");
}

TEST(Router, HeadGoesToGet) {
  Router router;
  router.Add(Method::kGet, "/a", Named("get"));
  EXPECT_EQ(Dispatch(router, Method::kHead, "/a").body, "get");
}

TEST(Router, BrokenPercentEncodingIsABadRequest) {
  Router router;
  router.Add(Method::kGet, "/a/{x}", Named("a"));
  EXPECT_EQ(Dispatch(router, Method::kGet, "/a/%zz").status, 400);
}

TEST(Router, RoutesAreListedInOrder) {
  Router router;
  router.Add(Method::kPost, "/b/{x}", Named("b"));
  router.Add(Method::kGet, "/a", Named("a"));
  EXPECT_EQ(router.Routes(),
            (std::vector<Router::Route>{{Method::kPost, "/b/{x}"}, {Method::kGet, "/a"}}));
}

TEST(RouterDeathTest, ASecondHandlerOrABrokenPatternAborts) {
  Router router;
  router.Add(Method::kGet, "/a/{x}", Named("a"));
  EXPECT_DEATH(router.Add(Method::kGet, "/a/{y}", Named("b")), "");
  EXPECT_DEATH(router.Add(Method::kGet, "a", Named("b")), "");
  EXPECT_DEATH(router.Add(Method::kGet, "/a{x}", Named("b")), "");
}

TEST(Responder, DroppedUnsentAnswers500) {
  const auto sink = std::make_shared<RecordingSink>();
  {
    const Responder dropped(sink, 1);
  }
  ASSERT_TRUE(sink->answer);
  EXPECT_EQ(sink->answer->status, 500);
}

TEST(ResponderDeathTest, SendingTwiceAborts) {
  Responder responder(std::make_shared<RecordingSink>(), 1);
  responder.Send({});
  EXPECT_DEATH(responder.Send({}), "");
}

}  // namespace
}  // namespace treadle::http
