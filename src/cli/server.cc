// treadle start, treadle server
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/server_flags.h"

namespace treadle::cli {
namespace {

enum class Hangup { kReloads, kEnds };  // what the server does when its terminal goes away

// Before anything that may take its time, or fail.
void SayWhatStarts(Session& session, const std::string& directory) {
  std::error_code error;
  const bool is_there =
      std::filesystem::exists(directory, error) && !std::filesystem::is_empty(directory, error);
  session.console().Message(fmt::format(
      "{} {}", is_there ? "opening the data directory" : "making a new data directory,",
      Printable(std::filesystem::absolute(directory, error).lexically_normal().string())));
}

ExitStatus Serve(Session& session, const ServerFlags& flags, const ServeFn& serve, Hangup hangup,
                 const std::function<void(const ServerReady&)>& on_ready) {
  const config::ConfigurationSources sources = flags.Sources();
  const Result<config::Configuration> configuration = config::LoadConfiguration(sources);
  if (!configuration.ok()) return session.Fail(configuration.status());
  config::ServerOptions options = configuration->options;
  if (hangup == Hangup::kReloads) options.reload = config::MakeReload(sources, *configuration);
  if (hangup == Hangup::kEnds) SayWhatStarts(session, options.data_dir);
  return static_cast<ExitStatus>(serve(options, on_ready));
}

std::string Welcome(Session& session, const ServerReady& ready) {
  const Console& console = session.console();
  const std::string note =
      ready.durability_note.empty() ? "" : fmt::format(" ({})", ready.durability_note);
  // Without it, the command would go to the server of a context, or of the environment.
  const bool is_usual = ready.url == kDefaultServer && !session.flags.server_is_named;
  const std::string server = is_usual ? "" : " --server " + ready.url;
  return fmt::format(
      "Treadle is ready at {url}\n"
      "  data   {data}{note}\n"
      "\n"
      "Enqueue a task from the command line or from any program:\n"
      "  treadle task enqueue hello '{{\"name\":\"Ada\"}}'{server}\n"
      "  curl -d '{{\"type\":\"hello\",\"payload\":{{\"name\":\"Ada\"}}}}' -H 'content-type: "
      "application/json' {url}/v1/tasks\n"
      "\n"
      "Then run a worker for it; any program can be one:\n"
      "  treadle worker exec hello{server} -- tr a-z A-Z\n"
      "\n"
      "Ctrl-C stops the server. The data in {data} stays.\n",
      fmt::arg("url", console.PaintErr(ready.url, Color::kBold)), fmt::arg("data", ready.data_dir),
      fmt::arg("note", note), fmt::arg("server", server));
}

}  // namespace

void AddServerFlags(Command& command, ServerFlags& flags) {
  command.Text("--config", "FILE", &flags.config, "The configuration file, in TOML")
      .Environment("--config", "TREADLE_CONFIG");
  for (const config::Setting& setting : config::Settings()) {
    if (setting.is_secret()) continue;
    const std::string key(setting.key);
    if (setting.kind == config::Setting::Kind::kSwitch) {
      command.Switch(setting.flag, &flags.switches[key], setting.help);
      continue;
    }
    const auto given = flags.defaults.find(key);
    const std::string_view value =
        given == flags.defaults.end() ? setting.default_text : std::string_view(given->second);
    const std::string help = value.empty() ? std::string(setting.help)
                                           : fmt::format("{} (default {})", setting.help, value);
    command.Checked(
        setting.flag, setting.Placeholder(), &flags.given[key],
        [&setting](const std::string& text) { return config::CheckSetting(setting, text); }, help);
  }
}

config::ConfigurationSources ServerFlags::Sources() const {
  config::ConfigurationSources sources{.environment = config::ProcessEnvironment(), .file = config};
  sources.defaults = defaults;
  for (const auto& [key, text] : given) {
    if (text) sources.flags[key] = *text;
  }
  for (const auto& [key, is_given] : switches) {
    if (is_given) sources.flags[key] = "true";
  }
  if (sources.file.empty() && system_file && access(config::kSystemConfigFile, F_OK) == 0) {
    sources.file = config::kSystemConfigFile;
  }
  return sources;
}

void UseStateDirectory(ServerFlags* flags) {
  const char* const directory = std::getenv("STATE_DIRECTORY");
  if (directory != nullptr && *directory == '/' && std::strchr(directory, ':') == nullptr)
    flags->defaults["server.data"] = directory;
}

void AddStart(Command parent, Session& session, ServeFn serve) {
  auto flags = std::make_shared<ServerFlags>();
  flags->defaults["server.log_level"] = "warning";  // a person reads along
  Command command = parent.Sub("start", "Start a server and show how to use it");
  AddServerFlags(command, *flags);
  command.Example("treadle start\ntreadle start --data /srv/treadle --listen 127.0.0.1:8000")
      .Run([flags, &session, serve] {
        return Serve(session, *flags, serve, Hangup::kEnds, [&session](const ServerReady& ready) {
          session.console().Err(Welcome(session, ready));
        });
      });
}

void AddServer(Command parent, Session& session, ServeFn serve) {
  auto flags = std::make_shared<ServerFlags>();
  flags->system_file = true;
  UseStateDirectory(flags.get());
  Command command =
      parent.Sub("server", "Start a server for production, which prints only its log");
  AddServerFlags(command, *flags);
  command
      .Example(
          "treadle server --data /var/lib/treadle --listen 127.0.0.1:7373\n"
          "treadle server --data /var/lib/treadle --listen 0.0.0.0:7373 --token-file "
          "/etc/treadle/tokens\n"
          "treadle server --config /etc/treadle/treadle.toml")
      .Run([flags, &session, serve] {
        return Serve(
            session, *flags, serve, Hangup::kReloads, [&session](const ServerReady& ready) {
              session.console().Message(
                  fmt::format("treadle is ready at {}, data in {}", ready.url, ready.data_dir));
            });
      });
}

}  // namespace treadle::cli
