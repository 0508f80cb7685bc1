// The command line as a person meets it: words in, text and an exit status out, against a server
// that is a fake.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "cli/run.h"
#include "console/fake_server.h"

namespace treadle::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kCompleted[] =
    R"({"id":"1-7","type":"hello","queue":"default","state":"completed","attempt":1,)"
    R"("max_attempts":20})";
constexpr char kReady[] =
    R"({"id":"1-7","type":"hello","queue":"default","state":"ready","attempt":0,)"
    R"("max_attempts":20})";
constexpr char kDead[] =
    R"({"id":"1-7","type":"hello","queue":"default","state":"dead","attempt":3,"max_attempts":3,)"
    R"("error":{"code":"exit_1","message":"no such host"}})";

struct Said {
  ExitStatus status = ExitStatus::kOk;
  std::string out;
  std::string err;
};

class CliTest : public ::testing::Test {
 protected:
  Said Do(std::vector<std::string> words, bool terminal = false) {
    Said said;
    Console console(
        {.write = [&](std::string_view t) { return said.out += t, true; }, .is_terminal = terminal},
        {.write = [&](std::string_view t) { return said.err += t, true; },
         .is_terminal = terminal});
    said.status = RunCommand(std::move(words), console, serve_);
    return said;
  }

  /// The same with --server.
  Said Ask(std::vector<std::string> words, bool terminal = false) {
    words.insert(words.begin(), {"--server", server_.url()});
    return Do(std::move(words), terminal);
  }

  FakeServer server_;
  ServeFn serve_ = [this](const config::ServerOptions& options, auto on_ready) {
    served_ = options;
    on_ready({.url = "http://127.0.0.1:7373", .data_dir = "/data"});
    return 0;
  };
  config::ServerOptions served_;
};

TEST_F(CliTest, HelpNamesCommandsExamplesAndExitStatuses) {
  const Said said = Do({"--help"});
  EXPECT_EQ(said.status, ExitStatus::kOk);
  EXPECT_THAT(said.out, HasSubstr("Example:\n  treadle start\n"));
  EXPECT_THAT(said.out, HasSubstr("  3  no Treadle server can be reached"));
  EXPECT_THAT(said.err, IsEmpty());
}

TEST_F(CliTest, EveryCommandHasHelpWithAnExample) {
  const std::vector<std::vector<std::string>> commands = {{"apply"},
                                                          {"context"},
                                                          {"context", "list"},
                                                          {"context", "add"},
                                                          {"context", "use"},
                                                          {"context", "remove"},
                                                          {"completion"},
                                                          {"completion", "bash"},
                                                          {"completion", "zsh"},
                                                          {"completion", "fish"},
                                                          {"docs"},
                                                          {"docs", "cli"},
                                                          {"docs", "config"},
                                                          {"docs", "policies"},
                                                          {"docs", "fields"},
                                                          {"docs", "man"},
                                                          {"config"},
                                                          {"config", "show"},
                                                          {"config", "init"},
                                                          {"start"},
                                                          {"server"},
                                                          {"task"},
                                                          {"task", "enqueue"},
                                                          {"enqueue"},
                                                          {"task", "get"},
                                                          {"task", "result"},
                                                          {"task", "payload"},
                                                          {"task", "list"},
                                                          {"queue"},
                                                          {"queue", "list"},
                                                          {"queue", "get"},
                                                          {"worker"},
                                                          {"worker", "exec"},
                                                          {"worker", "demo"},
                                                          {"demo"},
                                                          {"data"},
                                                          {"data", "check"},
                                                          {"backup"},
                                                          {"backup", "create"},
                                                          {"backup", "list"},
                                                          {"backup", "verify"},
                                                          {"backup", "restore"},
                                                          {"info"},
                                                          {"version"}};
  for (std::vector<std::string> words : commands) {
    words.emplace_back("--help");
    const Said said = Do(words);
    EXPECT_EQ(said.status, ExitStatus::kOk);
    EXPECT_THAT(said.out, HasSubstr("Example:\n  treadle ")) << words[0];
  }
}

TEST_F(CliTest, WrongUsageIsOneSentenceWithTheNearestWord) {
  const auto wrong = [this](std::vector<std::string> words) {
    const Said said = Do(std::move(words));
    EXPECT_EQ(said.status, ExitStatus::kUsage);
    EXPECT_THAT(said.out, IsEmpty());
    return said.err;
  };
  EXPECT_EQ(wrong({"tsk", "list"}),
            "treadle: unknown command \"tsk\"; did you mean \"task\"?; see: treadle --help\n");
  EXPECT_EQ(wrong({"task", "list", "--stat=dead"}),
            "treadle task list: unknown flag \"--stat\"; did you mean \"--state\"?; see: treadle "
            "task list --help\n");
  EXPECT_THAT(wrong({"task", "enqueue"}), HasSubstr("TYPE is missing"));
  EXPECT_THAT(wrong({"worker", "exec", "hello"}), HasSubstr("PROGRAM is missing"));
  EXPECT_THAT(wrong({"worker", "exec", "hello", "tr", "-d"}),
              HasSubstr("put -- before the program"));
  EXPECT_THAT(wrong({"task", "list", "--state"}), HasSubstr("--state needs a value"));
  EXPECT_THAT(wrong({"task", "list", "--limit", "0"}), HasSubstr("\"0\" is not a number from 1"));
  EXPECT_THAT(wrong({"enqueue", "hello", "--delay", "5x"}), HasSubstr("\"5x\" is not a duration"));
  EXPECT_EQ(wrong({"enqueue", "hello", "--delay", "30"}),
            "treadle enqueue: --delay: \"30\" has no unit; did you mean 30s?; see: treadle enqueue "
            "--help\n");
  EXPECT_THAT(wrong({"worker", "exec", "t", "--timeout", "30", "--", "x"}),
              HasSubstr("did you mean 30s?"));
  for (const std::vector<std::string>& wait : {std::vector<std::string>{"--wait=30"},
                                               {"--wait", "30"},
                                               {"--wait", "30sec"},
                                               {"--wait=soon"}}) {
    std::vector<std::string> words = {"enqueue", "hello", "1"};
    words.insert(words.end(), wait.begin(), wait.end());
    EXPECT_THAT(wrong(words),
                HasSubstr("--wait: \"" + wait.back().substr(wait.back().find('=') + 1)));
  }
  EXPECT_THAT(wrong({"start", "--disk-reserve", "1MB"}),
              HasSubstr("\"1MB\" is not a size with its unit"));
  EXPECT_THAT(wrong({"start", "--listen", "here"}), HasSubstr("\"here\" is not an address"));
  EXPECT_THAT(wrong({}), HasSubstr("Commands:"));
}

TEST_F(CliTest, StartPassesItsFlagsOnAndSaysWhatToTryNext) {
  const Said said = Do({"start", "--data", "/d", "--listen", "[::1]:80", "--durability", "interval",
                        "--token-file", "/t", "--allow-unauthenticated", "--disk-reserve", "2GiB",
                        "--log-level", "debug"});
  EXPECT_EQ(said.status, ExitStatus::kOk);
  EXPECT_EQ(served_.data_dir, "/d");
  EXPECT_EQ(served_.http.host, "::1");
  EXPECT_EQ(served_.http.port, 80);
  EXPECT_EQ(served_.node.durability, NodeOptions::Durability::kInterval);
  EXPECT_EQ(served_.security.token_file, "/t");
  EXPECT_TRUE(served_.security.allow_unauthenticated);
  EXPECT_EQ(served_.node.disk_reserve_bytes, uint64_t{2} << 30);
  EXPECT_EQ(served_.log_level, "debug");
  EXPECT_THAT(said.err, HasSubstr("curl -d '{\"type\":\"hello\""));
  EXPECT_THAT(said.err, HasSubstr("/data"));
  EXPECT_THAT(said.out, IsEmpty());
}

TEST_F(CliTest, ConfigShowNamesTheSourceOfEachValue) {
  const Said said = Do({"config", "show", "--listen", ":1", "--allow-unauthenticated"});
  EXPECT_EQ(said.status, ExitStatus::kOk) << said.err;
  EXPECT_THAT(said.out, ContainsRegex("server.listen +:1 +--listen\n"));
  EXPECT_THAT(said.out, ContainsRegex("server.log_level +info +default\n"));
  EXPECT_THAT(Do({"config", "show", "--listen", ":1", "-o", "jsonl"}).out,
              HasSubstr(R"({"key":"server.listen","value":":1","origin":"--listen",)"
                        R"("reloadable":false})"));
  EXPECT_THAT(Do({"config", "show", "-o", "json"}).out, HasSubstr("\"reloadable\": true"));
}

TEST_F(CliTest, AServerWithoutItsConfigurationFileDoesNotStart) {
  const Said said = Do({"server", "--config", "/nowhere/treadle.toml"});
  EXPECT_EQ(said.status, ExitStatus::kBadInput);
  EXPECT_THAT(said.err, HasSubstr("/nowhere/treadle.toml cannot be read"));
}

TEST_F(CliTest, EnqueuePrintsOnlyTheId) {
  server_.Answer("POST /v1/tasks", {{201, R"({"id":"1-7","state":"ready","duplicate":false})"}});
  const Said said = Ask({"task", "enqueue", "hello", R"({"name":"Ada"})", "-q", "q", "-p", "9",
                         "--key", "k", "--max-attempts", "3", "--delay", "30s"});
  EXPECT_EQ(said.status, ExitStatus::kOk) << said.err;
  EXPECT_EQ(said.out, "1-7\n");
  EXPECT_THAT(said.err, IsEmpty());
  ASSERT_THAT(server_.requests(), SizeIs(1));
  const std::string body = server_.requests()[0].body;
  for (const char* part :
       {R"("type":"hello")", R"("payload":{"name":"Ada"})", R"("queue":"q")", R"("priority":9)",
        R"("max_attempts":3)", R"("delay_ms":30000)", R"("idempotency_key":"k")"}) {
    EXPECT_THAT(body, HasSubstr(part));
  }
}

TEST_F(CliTest, OnATerminalEnqueueSaysWhatToTryNext) {
  server_.Answer("POST /v1/tasks", {{201, R"({"id":"1-7","state":"ready","duplicate":false})"}});
  const Said said = Ask({"enqueue", "hello"}, /*terminal=*/true);
  EXPECT_THAT(said.err,
              HasSubstr("treadle worker exec hello --server " + server_.url() + " -- tr a-z A-Z"));
}

TEST_F(CliTest, RawBytesTravelAsBase64) {
  server_.Answer("POST /v1/tasks", {{201, R"({"id":"1-7","duplicate":false})"}});
  EXPECT_EQ(Ask({"enqueue", "hello", "--raw", "info"}).status, ExitStatus::kOk);
  EXPECT_THAT(server_.requests()[0].body, HasSubstr(R"("payload_base64":"aW5mbw==")"));
}

TEST_F(CliTest, BadJsonIsRefusedBeforeItIsSent) {
  const Said said = Ask({"enqueue", "hello", R"({name:"Ada"})"});
  EXPECT_EQ(said.status, ExitStatus::kBadInput);
  EXPECT_THAT(said.err, HasSubstr("at column 2"));
  EXPECT_THAT(said.err, HasSubstr("single quotes"));
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(CliTest, WaitPrintsTheResultOnceItIsThere) {
  server_.Answer("POST /v1/tasks", {{201, R"({"id":"1-7","duplicate":false})"}});
  server_.Answer("GET /v1/tasks/1-7?wait=30000ms", {{200, kReady}, {200, kCompleted}});
  server_.Answer("GET /v1/tasks/1-7/result", {{200, "HELLO\n", "text/plain"}});
  const Said said = Ask({"enqueue", "hello", "--wait"});
  EXPECT_EQ(said.status, ExitStatus::kOk) << said.err;
  EXPECT_EQ(said.out, "HELLO\n");
}

TEST_F(CliTest, WaitingForATaskThatDiesHasItsOwnStatus) {
  server_.Answer("POST /v1/tasks", {{201, R"({"id":"1-7","duplicate":false})"}});
  server_.Answer("GET /v1/tasks/1-7?wait=5000ms", {{200, kDead}});
  const Said said = Ask({"enqueue", "hello", "--wait=5s"});
  EXPECT_EQ(said.status, ExitStatus::kTaskDied);
  EXPECT_THAT(said.out, IsEmpty());
  EXPECT_THAT(said.err,
              HasSubstr("task 1-7 (hello) is dead after 3 of 3 attempts: exit_1: no such host"));
}

TEST_F(CliTest, WaitingTooLongTimesOut) {
  server_.Answer("GET /v1/tasks/1-7?wait=0ms", {{200, kReady}});
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"task", "result", "1-7", "--wait=0s"},
        {"task", "result", "1-7", "--wait", "0s"},
        {"task", "result", "--wait", "0s", "1-7"}}) {
    const Said said = Ask(words);
    EXPECT_EQ(said.status, ExitStatus::kTimedOut) << said.err;
    EXPECT_THAT(said.err, HasSubstr("still ready"));
  }
}

TEST_F(CliTest, AWordAfterWaitThatIsNotATimeIsThePayload) {
  server_.Answer("POST /v1/tasks", {{201, R"({"id":"1-7","duplicate":false})"}});
  server_.Answer("GET /v1/tasks/1-7?wait=30000ms", {{200, kDead}});
  EXPECT_EQ(Ask({"enqueue", "hello", "--wait", R"({"name":"Ada"})"}).status, ExitStatus::kTaskDied);
  EXPECT_THAT(server_.requests()[0].body, HasSubstr(R"("payload":{"name":"Ada"})"));
}

TEST_F(CliTest, GetShowsATaskInEachForm) {
  server_.Answer("GET /v1/tasks/1-7", {{200, kDead}});
  EXPECT_THAT(Ask({"task", "get", "1-7"}).out, HasSubstr("error         exit_1: no such host\n"));
  EXPECT_EQ(Ask({"task", "get", "1-7", "-o", "jsonl"}).out, std::string(kDead) + '\n');
  EXPECT_THAT(Ask({"-o", "json", "task", "get", "1-7"}).out, HasSubstr("{\n  \"id\": \"1-7\",\n"));
}

TEST_F(CliTest, BytesFromOutsideReachATerminalAsTextUnlessAskedForRaw) {
  const std::string bytes = "\x1b]0;owned\x07 exe.\u202ecod\n";
  server_.Answer("GET /v1/tasks/1-7", {{200, kCompleted}});
  for (const std::string what : {"log", "result", "payload"}) {
    server_.Answer("GET /v1/tasks/1-7/" + what, {{200, bytes, "text/plain"}});
    EXPECT_EQ(Ask({"task", what, "1-7"}, /*terminal=*/true).out,
              "\\x1b]0;owned\\x07 exe.\\u202ecod\n");
    EXPECT_EQ(Ask({"task", what, "1-7"}).out, bytes) << "no terminal";
  }
  EXPECT_EQ(Ask({"task", "log", "1-7", "--raw"}, /*terminal=*/true).out, bytes);
}

constexpr char kTraceback[] =
    R"({"id":"1-7","type":"hello","queue":"default","state":"dead","attempt":1,"max_attempts":1,)"
    R"("error":{"code":"exit_1","fingerprint":"f","message":"Traceback (most recent call last):\n)"
    R"(  File \"x.py\", line 1, in <module>\nKeyError: 'name'"}})";

TEST_F(CliTest, ListsShowTheLastLineOfATraceback) {
  const std::string page = std::string(R"({"tasks":[)") + kTraceback + R"(],"as_of":"t"})";
  server_.Answer("GET /v1/tasks?limit=50", {{200, page}});
  server_.Answer("GET /v1/tasks?limit=1000&state=dead", {{200, page}});
  for (const std::string list : {"list", "errors"}) {
    const std::string out = Ask({"task", list}).out;
    EXPECT_THAT(out, HasSubstr("KeyError: 'name'")) << list;
    EXPECT_THAT(out, Not(HasSubstr("Traceback"))) << list;
  }
}

TEST_F(CliTest, OneTaskShowsItsTracebackOnSeveralLines) {
  server_.Answer("GET /v1/tasks/1-7", {{200, kTraceback}});
  EXPECT_THAT(Ask({"task", "get", "1-7"}).out,
              HasSubstr("error         exit_1: Traceback (most recent call last):\n"
                        "                File \"x.py\", line 1, in <module>\n"
                        "              KeyError: 'name'\n"));
  EXPECT_EQ(Ask({"task", "result", "1-7"}).err,
            "treadle: task 1-7 (hello) is dead after 1 of 1 attempts: exit_1: KeyError: 'name'\n"
            "  Traceback (most recent call last):\n    File \"x.py\", line 1, in <module>\n"
            "  KeyError: 'name'\n");
  server_.Answer(
      "GET /v1/tasks/1-7/attempts",
      {{200, std::string(R"({"attempts":[)") +
                 R"({"attempt":1,"outcome":"failed","started_at":"s","worker":"w",)"
                 R"("error":{"code":"exit_1","message":"Traceback:\n  File\nKeyError"}}]})"}});
  EXPECT_THAT(Ask({"task", "history", "1-7"}).out,
              ContainsRegex("exit_1  Traceback:\n +File\n +KeyError\n"));
}

TEST_F(CliTest, EachKindOfFailureHasItsOwnStatus) {
  EXPECT_EQ(Ask({"task", "get", "1-99"}).status, ExitStatus::kNotFound);
  EXPECT_EQ(Ask({"task", "get", "x"}).status, ExitStatus::kBadInput);
  server_.Answer(
      "POST /v1/tasks",
      {{503, R"({"code":"RESOURCE_EXHAUSTED","detail":"the disk is full"})",
        "application/problem+json"},
       {401, R"({"code":"UNAUTHENTICATED","detail":"no token"})", "application/problem+json"},
       {503, R"({"code":"UNAVAILABLE","detail":"stopping"})", "application/problem+json"}});
  EXPECT_EQ(Ask({"enqueue", "hello"}).status, ExitStatus::kRefused);
  const Said refused = Ask({"enqueue", "hello"});
  EXPECT_EQ(refused.status, ExitStatus::kPermission);
  EXPECT_THAT(refused.err, HasSubstr("--token-file"));
  EXPECT_EQ(Ask({"enqueue", "hello"}).status, ExitStatus::kRefused);
}

TEST_F(CliTest, AServerThatCannotBeReachedIsNamedWithWhatToDo) {
  const Said said = Do({"task", "get", "1-7", "--server", "http://127.0.0.1:1"});
  EXPECT_EQ(said.status, ExitStatus::kUnreachable);
  EXPECT_EQ(said.err,
            "treadle: cannot reach a Treadle server at http://127.0.0.1:1: Connection refused; "
            "start one with: treadle start --listen 127.0.0.1:1\n");
}

TEST_F(CliTest, AListFollowsItsPages) {
  const std::string task = kReady;
  server_.Answer("GET /v1/tasks?limit=1000&state=dead",
                 {{200, R"({"tasks":[)" + task + R"(],"next_cursor":"c/1","as_of":"t"})"}});
  server_.Answer("GET /v1/tasks?limit=1000&state=dead&cursor=c%2F1",
                 {{200, R"({"tasks":[)" + task + R"(],"as_of":"u"})"}});
  EXPECT_EQ(Ask({"task", "list", "--state", "dead", "--all", "-o", "jsonl"}).out,
            task + '\n' + task + '\n');
  const Said json = Ask({"task", "list", "--state", "dead", "--all", "-o", "json"});
  EXPECT_THAT(json.out, HasSubstr("\"as_of\": \"u\""));
  EXPECT_THAT(Ask({"task", "list", "--state", "dead", "--all"}).out,
              HasSubstr("ID   TYPE   QUEUE    STATE"));
}

TEST_F(CliTest, AnEmptyListIsAMessageAndNoData) {
  server_.Answer("GET /v1/tasks?limit=50", {{200, R"({"tasks":[],"as_of":"t"})"}});
  const Said said = Ask({"task", "list"});
  EXPECT_EQ(said.status, ExitStatus::kOk);
  EXPECT_THAT(said.out, IsEmpty());
  EXPECT_EQ(said.err, "no task matches\n");
}

TEST_F(CliTest, AQueueShowsItsPolicyInWords) {
  server_.Answer(
      "GET /v1/queues/a.b",
      {{200,
        R"({"name":"a.b","tasks":{"ready":1234},"accepted":1234,"removed":{"retention":0},)"
        R"("policy":{"retry":{"backoff_base_ms":500,"backoff_cap_ms":60000,"max_attempts":20},)"
        R"("retention":{"completed_tasks":10000,"completed_ms":86400000,)"
        R"("completed_bytes":67108864,"dead_ms":2592000000},"lease_ms":30000,)"
        R"("idempotency_window_ms":86400000}})"}});
  const std::string out = Ask({"queue", "get", "a.b"}).out;
  EXPECT_THAT(out, HasSubstr("1,234 ready"));
  EXPECT_THAT(out, HasSubstr("at most 13 min 3 s"));
  EXPECT_THAT(out, HasSubstr("kept for 30 d"));
}

TEST_F(CliTest, OutputThatCannotBeWrittenIsAFailure) {
  server_.Answer("GET /v1/tasks/1-7/payload", {{200, "x"}});
  std::string err;
  Console console({.write = [](std::string_view) { return errno = ENOSPC, false; }},
                  {.write = [&](std::string_view t) { return err += t, true; }});
  EXPECT_EQ(RunCommand({"--server", server_.url(), "task", "payload", "1-7"}, console, serve_),
            ExitStatus::kFailure);
  EXPECT_EQ(err,
            "treadle: cannot write to standard output, so some output is lost: No space left on "
            "device\n");
}

TEST_F(CliTest, OutputThatIsLostAtTheEndIsAFailure) {
  std::string err;
  Console console({.write = [](std::string_view) { return true; },
                   .flush = [] { return errno = EDQUOT, false; }},
                  {.write = [&](std::string_view t) { return err += t, true; }});
  EXPECT_EQ(RunCommand({"version"}, console, serve_), ExitStatus::kFailure);
  EXPECT_THAT(err, HasSubstr("Disk quota exceeded"));
}

// ---- several tasks ----

TEST_F(CliTest, SeveralTasksAreReportedEachAndTheWorstStatusIsReturned) {
  server_.Answer("GET /v1/tasks/1-7", {{200, kDead}});
  server_.Answer("GET /v1/tasks/1-8", {{200, kReady}});
  const Said said = Ask({"task", "get", "1-7", "1-99", "1-8"});
  EXPECT_EQ(said.status, ExitStatus::kNotFound);
  EXPECT_THAT(said.out, HasSubstr("dead"));
  EXPECT_THAT(said.out, HasSubstr("ready"));
  EXPECT_THAT(said.err, HasSubstr("no such thing"));
  const Said json = Ask({"task", "get", "1-7", "1-8", "-o", "json"});
  EXPECT_THAT(json.out, ::testing::StartsWith("[\n  {\n    \"id\": \"1-7\""));
  EXPECT_EQ(Ask({"task", "get", "1-7", "1-8", "-o", "jsonl"}).out,
            std::string(kDead) + '\n' + kReady + '\n');
}

TEST_F(CliTest, NothingIsDoneIfOneIdIsInvalid) {
  const Said said = Ask({"task", "cancel", "1-7", "x"});
  EXPECT_EQ(said.status, ExitStatus::kBadInput);
  EXPECT_THAT(server_.requests(), IsEmpty());
}

// ---- payloads and results ----

TEST_F(CliTest, GetShowsPayloadAndResultAsText) {
  const std::string view =
      R"({"id":"1-7","type":"t","queue":"q","state":"completed","attempt":1,"max_attempts":20,)"
      R"("content_type":"text/plain","payload_bytes":10,"result_content_type":"text/plain",)"
      R"("result_base64":"b25lCnR3byBcIiAb")";
  server_.Answer("GET /v1/tasks/1-7", {{200, view + "}"}, {200, view + R"(,"sensitive":true})"}});
  server_.Answer("GET /v1/tasks/1-7/payload", {{200, "a \x1b[31mred", "text/plain"}});
  const std::string out = Ask({"task", "get", "1-7"}).out;
  EXPECT_THAT(out, Not(HasSubstr("b25lC")));
  EXPECT_THAT(out, ContainsRegex("payload +a .x1b.31mred\n"));
  EXPECT_THAT(out, ContainsRegex("result +one\n +two .\" .x1b\n"));
  const std::string hidden = Ask({"task", "get", "1-7"}).out;
  EXPECT_THAT(hidden, HasSubstr("(sensitive; show it with: treadle task result 1-7"));
}

// ---- a server that starts, or is another ----

TEST_F(CliTest, ServersOfOtherMachinesGetOtherAdvice) {
  const Said unknown = Do({"info", "--server", "http://no-such-host.invalid"});
  EXPECT_EQ(unknown.status, ExitStatus::kUnreachable);
  EXPECT_THAT(unknown.err, HasSubstr("check the address, which comes from --server"));
  EXPECT_THAT(unknown.err, Not(HasSubstr("treadle start")));
}

TEST_F(CliTest, APlainWordIsShownAsJson) {
  EXPECT_THAT(Ask({"enqueue", "hello", "hi"}).err, HasSubstr(R"('"hi"')"));
}

TEST_F(CliTest, AWaitForATypeThatNobodyRunsSaysSoWithTheNearestName) {
  server_.Answer("POST /v1/tasks", {{201, R"({"id":"1-7","duplicate":false})"}});
  server_.Answer(
      "GET /v1/tasks/1-7/explain",
      {{200, R"({"id":"1-7","type":"helo","queue":"q","reason":"no_worker",)"
             R"("summary":"No worker.","next":"Start: treadle worker exec helo -- X"})"}});
  server_.Answer("GET /v1/types", {{200, R"({"types":[{"name":"helo","policy":{}},)"
                                         R"({"name":"hello","policy":{}}]})"}});
  server_.Answer("GET /v1/tasks/1-7?wait=5000ms", {{200, kDead}});
  const Said said = Ask({"enqueue", "helo", "--wait=5s"});
  EXPECT_THAT(said.err, HasSubstr("no worker asks for tasks of type helo in queue q so far; did "
                                  "you mean \"hello\"?"));
  const Said why = Ask({"task", "explain", "1-7"});
  EXPECT_THAT(why.out, HasSubstr("did you mean \"hello\"?"));
  EXPECT_THAT(why.out, HasSubstr("treadle --server " + server_.url() + " worker exec helo"));
}
}  // namespace
}  // namespace treadle::cli
