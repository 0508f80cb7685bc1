#include "cli/reference/command_words.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/arguments.h"

namespace treadle::cli {
namespace {

/// Of "a|b"; none in a text without "|".
std::vector<std::string> SplitChoices(const std::string& text) {
  std::vector<std::string> choices;
  if (text.find('|') == std::string::npos) return choices;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find('|', start), text.size());
    choices.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return choices;
}

FlagWords FlagOf(const CLI::Option& option) {
  FlagWords flag{.help = option.get_description(), .variable = option.get_envname()};
  for (const std::string& name : option.get_snames()) flag.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
  flag.placeholder = option.get_option_text();
  if (flag.placeholder.starts_with("[=")) {
    flag.value_optional = true;
    flag.placeholder = flag.placeholder.substr(2, flag.placeholder.size() - 3);
  }
  return flag;
}

CommandWords Describe(CLI::App* app, const std::string& before) {
  CommandWords command{.name = before + app->get_name(),
                       .summary = app->get_description(),
                       .footer = app->get_footer()};
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional()) {
      command.arguments.push_back({option->get_name(true), option->get_description(),
                                   option->get_required(), option->get_expected_max() > 1,
                                   SplitChoices(option->get_type_name())});
    } else {
      command.flags.push_back(FlagOf(*option));
    }
  }
  for (CLI::App* sub : app->get_subcommands([](CLI::App*) { return true; })) {
    if (!sub->get_group().empty()) command.commands.push_back(Describe(sub, command.name + ' '));
  }
  return command;
}

void Collect(const CommandWords& command, std::vector<const CommandWords*>* all) {
  all->push_back(&command);
  for (const CommandWords& each : command.commands) Collect(each, all);
}

}  // namespace

std::vector<std::string> FlagWords::Choices() const { return SplitChoices(placeholder); }

std::string_view FlagWords::LiveNames() const {
  if (names.back() == "--context") return "contexts";
  return names.back() == "--queue" || placeholder == "QUEUE" ? "queues" : "";
}

std::string FlagWords::Title() const {
  std::string title = fmt::format("{}", fmt::join(names, ", "));
  if (value_optional) return title + "[=" + placeholder + ']';
  return placeholder.empty() ? title : title + ' ' + placeholder;
}

std::string_view CommandWords::last_name() const {
  return std::string_view(name).substr(name.rfind(' ') + 1);
}

std::string_view CommandWords::LiveNames() const {
  const bool has_name =
      std::ranges::any_of(arguments, [](const ArgumentWords& each) { return each.name == "NAME"; });
  if (!has_name) return "";
  if (name.starts_with("treadle queue ")) return "queues";
  return name == "treadle context use" || name == "treadle context remove" ? "contexts" : "";
}

std::string CommandWords::Usage() const {
  std::string usage = name + " [FLAGS]";
  if (!commands.empty()) return usage + " COMMAND";
  for (const ArgumentWords& each : arguments) {
    if (each.name == "PROGRAM") {
      usage += " -- PROGRAM...";
    } else {
      usage += each.required ? ' ' + each.name : " [" + each.name + ']';
      if (each.repeated) usage += "...";
    }
  }
  return usage;
}

std::vector<const CommandWords*> CommandWords::All() const {
  std::vector<const CommandWords*> all;
  Collect(*this, &all);
  return all;
}

CommandWords CommandLine::Describe() const { return cli::Describe(app_.get(), ""); }

}  // namespace treadle::cli
