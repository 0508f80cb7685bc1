// treadle config show, treadle config init
#include <fmt/format.h>

#include <memory>

#include "cli/commands.h"
#include "cli/server_flags.h"
#include "config/config_toml.h"
#include "config/configuration.h"
#include "console/table.h"

namespace treadle::cli {
namespace {

std::string SettingJson(const config::SettingInForce& each) {
  JsonObject object;
  object.Text("key", each.setting->key);
  if (each.setting->kind == config::Setting::Kind::kSwitch) {
    object.Bool("value", each.text == "true");
  } else {
    object.Text("value", each.Shown());
  }
  return object.Text("origin", each.origin).Bool("reloadable", each.setting->reloadable).Done();
}

ExitStatus Show(Session& session, const ServerFlags& flags) {
  const Result<config::Configuration> configuration = config::LoadConfiguration(flags.Sources());
  if (!configuration.ok()) return session.Fail(configuration.status());
  if (session.jsonl()) {
    for (const auto& each : configuration->settings) session.console().OutLine(SettingJson(each));
    return ExitStatus::kOk;
  }
  if (session.json()) {
    std::vector<std::string> settings;
    for (const auto& each : configuration->settings) settings.push_back(SettingJson(each));
    const Result<JsonDocument> document =
        ReadJson(fmt::format("{{\"settings\":[{}]}}", fmt::join(settings, ",")));
    if (!document.ok()) return session.Fail(document.status());
    return PrintJson(session, document->root), ExitStatus::kOk;
  }
  Table table({{"SETTING"}, {"VALUE"}, {"FROM"}});
  for (const config::SettingInForce& each : configuration->settings) {
    const std::string value = each.Shown();
    table.Row({std::string(each.setting->key),
               Printable(value.empty() ? "-" : value),
               {Printable(each.origin), each.origin == "default" ? Color::kDim : Color::kPlain}});
  }
  session.console().Out(table.ToString(session.console()));
  return ExitStatus::kOk;
}

}  // namespace

void AddConfig(Command parent, Session& session) {
  Command config = parent.Sub("config", "Show the configuration of a server");
  auto flags = std::make_shared<ServerFlags>();
  flags->system_file = true;
  UseStateDirectory(flags.get());
  Command show = config.Sub(
      "show", "Show the settings that `treadle server` would use, and where each comes from");
  AddServerFlags(show, *flags);
  show.Example("treadle config show --config treadle.toml\ntreadle config show -o json")
      .Run([flags, &session] { return Show(session, *flags); });
  config.Sub("init", "Print a configuration file with every default as a comment")
      .Example("treadle config init > treadle.toml")
      .Run([&session] { return session.console().Out(config::ConfigToml()), ExitStatus::kOk; });
  config.Example("treadle config show");
}

}  // namespace treadle::cli
