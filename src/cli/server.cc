// treadle start, treadle server
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/server_flags.h"
#include "cli/units.h"

namespace treadle::cli {
namespace {

ExitStatus Serve(Session& session, const ServerFlags& flags, const ServeFn& serve,
                 const std::function<void(const ServerReady&)>& on_ready) {
  const Result<ServerOptions> options = ReadServerFlags(flags);
  if (!options.ok()) return session.Fail(ExitStatus::kUsage, options.status().message());
  return static_cast<ExitStatus>(serve(*options, on_ready));
}

std::string Welcome(const Console& console, const ServerReady& ready) {
  const std::string note =
      ready.durability_note.empty() ? "" : fmt::format(" ({})", ready.durability_note);
  const std::string server = ready.url == kDefaultServer ? "" : " --server " + ready.url;
  return fmt::format(
      "Treadle is ready at {url}\n"
      "  data   {data}{note}\n"
      "\n"
      "Enqueue a task, from here or from any program:\n"
      "  treadle task enqueue hello '{{\"name\":\"Ada\"}}'{server}\n"
      "  curl -d '{{\"type\":\"hello\",\"payload\":{{\"name\":\"Ada\"}}}}' "
      "-H 'content-type: application/json' {url}/v1/tasks\n"
      "\n"
      "Then run a worker for it; any program is one:\n"
      "  treadle worker exec hello{server} -- tr a-z A-Z\n"
      "\n"
      "Ctrl-C stops the server; what is in {data} stays.\n",
      fmt::arg("url", console.PaintErr(ready.url, Color::kBold)), fmt::arg("data", ready.data_dir),
      fmt::arg("note", note), fmt::arg("server", server));
}

}  // namespace

void AddServerFlags(Command& command, ServerFlags& flags) {
  command
      .Text("--data", "DIR", &flags.options.data_dir, "The data directory (default ./treadle-data)")
      .Text("--listen", "HOST:PORT", &flags.listen, "Where to listen (default 127.0.0.1:7373)")
      .Choice("--durability", {"fsync", "interval"}, &flags.durability,
              "fsync: what is acknowledged is on disk (default); interval: on disk within a second")
      .Text("--token-file", "FILE", &flags.options.token_file,
            "Requests must carry a token of this file")
      .Switch("--allow-unauthenticated", &flags.options.allow_unauthenticated,
              "Listen beyond loopback without a token file")
      .Size("--disk-reserve", &flags.options.disk_reserve_bytes,
            "Refuse new tasks when less than this is free on the disk (default 128MiB)")
      .Choice("--log-level", {"debug", "info", "warning", "error"}, &flags.options.log_level,
              "What is logged to standard error");
}

Result<ServerOptions> ReadServerFlags(const ServerFlags& flags) {
  const std::optional<Address> address = ParseAddress(flags.listen);
  if (!address) {
    return Status(Code::kInvalidArgument,
                  fmt::format("--listen: \"{}\" is not an address; write HOST:PORT, for example "
                              "127.0.0.1:7373",
                              flags.listen));
  }
  ServerOptions options = flags.options;
  options.host = address->host;
  options.port = address->port;
  options.durability = flags.durability == "interval" ? ServerOptions::Durability::kInterval
                                                      : ServerOptions::Durability::kFsync;
  return options;
}

void AddStart(Command parent, Session& session, ServeFn serve) {
  auto flags = std::make_shared<ServerFlags>();
  flags->options.log_level = "warning";
  Command command = parent.Sub("start", "Start a server and show how to use it");
  AddServerFlags(command, *flags);
  command.Example("treadle start\ntreadle start --data /srv/treadle --listen 127.0.0.1:8000")
      .Run([flags, &session, serve] {
        return Serve(session, *flags, serve, [&session](const ServerReady& ready) {
          session.console().Err(Welcome(session.console(), ready));
        });
      });
}

void AddServer(Command parent, Session& session, ServeFn serve) {
  auto flags = std::make_shared<ServerFlags>();
  Command command =
      parent.Sub("server", "Start a server, for production: it logs and says no more");
  AddServerFlags(command, *flags);
  command
      .Example(
          "treadle server --data /var/lib/treadle --listen 127.0.0.1:7373\n"
          "treadle server --data /var/lib/treadle --listen 0.0.0.0:7373 --token-file "
          "/etc/treadle/tokens")
      .Run([flags, &session, serve] {
        return Serve(session, *flags, serve, [&session](const ServerReady& ready) {
          session.console().Message(
              fmt::format("treadle is ready at {}, data in {}", ready.url, ready.data_dir));
        });
      });
}

}  // namespace treadle::cli
