// The smallest worker and the smallest producer.
//
//   hello worker      runs "hello" tasks until Ctrl-C
//   hello Ada         enqueues one, waits for its result and prints it

#include <treadle/client.h>
#include <treadle/worker.h>

#include <cstdio>
#include <string>

// [payload]
struct Greeting {
  std::string name;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Greeting, name)
// [payload end]

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: hello worker | hello NAME\n"), 2;

  if (std::string(argv[1]) == "worker") {
    // [worker]
    treadle::Worker worker;
    worker.Handle("hello", [](const Greeting& in) { return "Hello, " + in.name + "!"; });
    return worker.RunUntilSignal();
    // [worker end]
  }

  // [producer]
  treadle::Client client;
  const auto task =
      client.Enqueue({.type = "hello", .payload = treadle::ToJson(Greeting{argv[1]})});
  if (!task.ok()) return std::fprintf(stderr, "%s\n", task.status().message().c_str()), 1;
  const auto text = client.WaitFor<std::string>(task->id, std::chrono::seconds(30));
  if (!text.ok()) return std::fprintf(stderr, "%s\n", text.status().message().c_str()), 1;
  std::printf("%s\n", text->c_str());
  // [producer end]
}
