// native_client PEER enqueue|drain|latency --port N [--name value]...: does the work, prints one
// JSON object. bench/peers/clients/README.md has the options; bench/peers/peers.py calls it.
#include <cstdio>
#include <cstdlib>
#include <map>

#include "caller.h"
#include "workloads.h"

namespace peers {

void Fail(std::string_view sentence) {
  std::fprintf(stderr, "native_client: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
  std::_Exit(1);
}

namespace {

using Verb = std::string (*)(const NewCaller&, const Work&);
using Peer = NewCaller (*)(const Settings&);

const std::map<std::string, Peer> kPeers = {{"redis-streams", RedisStreams},
                                            {"redis-lists", RedisLists},
                                            {"beanstalkd", Beanstalkd},
                                            {"gearmand", Gearmand}};
const std::map<std::string, Verb> kVerbs = {
    {"enqueue", Enqueue}, {"drain", Drain}, {"latency", Latency}};

void Read(const std::string& option, const std::string& value, Settings& settings, Work& work) {
  if (option == "--port")
    settings.port = std::stoi(value);
  else if (option == "--pipelined")
    settings.pipelined = value != "0";
  else if (option == "--seconds")
    work.seconds = std::stod(value);
  else if (option == "--tasks")
    work.tasks = std::stoll(value);
  else if (option == "--callers")
    work.callers = std::stoi(value);
  else if (option == "--batch")
    work.batch = std::stoi(value);
  else if (option == "--rate")
    work.rate = std::stoi(value);
  else if (option == "--payload")
    work.payload = std::stoul(value);
  else
    Fail("there is no option " + option);
}

int Main(const std::vector<std::string>& words) {
  if (words.size() < 2 || words.size() % 2 != 0) Fail("call it with PEER VERB [--name value]...");
  const auto peer = kPeers.find(words[0]);
  const auto verb = kVerbs.find(words[1]);
  if (peer == kPeers.end() || verb == kVerbs.end()) Fail("it does not know that peer or verb");
  Settings settings;
  Work work;
  for (std::size_t i = 2; i < words.size(); i += 2) Read(words[i], words[i + 1], settings, work);
  std::puts(verb->second(peer->second(settings), work).c_str());
  return 0;
}

}  // namespace
}  // namespace peers

int main(int argc, char** argv) { return peers::Main({argv + 1, argv + argc}); }
