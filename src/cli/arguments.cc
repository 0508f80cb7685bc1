#include "cli/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/check.h"
#include "base/duration_hint.h"
#include "base/nearest.h"
#include "base/units.h"

namespace treadle::cli {
namespace {

constexpr std::string_view kOptionalTime = "[=TIME]";  // of a flag whose value may be left out

[[noreturn]] void Refuse(std::string_view flag, const std::string& why) {
  throw CLI::ValidationError(std::string(flag.substr(flag.rfind(',') + 1)), why);
}

/// An option with one value, which `take` receives.
template <class Take>
CLI::Option* AddValue(CLI::App* app, std::string_view flag, std::string_view placeholder,
                      std::string_view help, Take take) {
  const auto callback = [take](const CLI::results_t& values) { return take(values.back()), true; };
  return app->add_option(std::string(flag), callback, std::string(help))
      ->option_text(std::string(placeholder))
      ->take_last();
}

/// "30s", and what was meant to be one: "30", "30sec". Neither an id nor JSON, but for a number.
bool IsMeantAsTime(std::string_view word) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  return !word.empty() && is_digit(word.front()) &&
         std::ranges::all_of(word, [&](char c) { return is_digit(c) || is_letter(c); });
}

/// The command that the words so far have reached.
CLI::App* Deepest(CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().back();
  return app;
}

/// The command that the words before `end` name.
const CLI::App* Named(const CLI::App* command, const std::vector<std::string>& words, size_t end) {
  for (size_t i = 0; i < end; ++i) {
    const auto named =
        command->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == words[i]; });
    if (!named.empty()) command = named.front();
  }
  return command;
}

/// Makes "--wait 30s" of a TextOrNone() one word.
void JoinTimes(const CLI::App* root, std::vector<std::string>* words) {
  const CLI::App* const command = Named(root, *words, words->size());
  const auto takes_time = [&](const std::string& word) {
    const CLI::Option* const option = command->get_option_no_throw(word);
    return word.starts_with("--") && option != nullptr &&
           option->get_option_text() == kOptionalTime;
  };
  for (size_t i = 0; i + 1 < words->size() && (*words)[i] != "--"; ++i) {
    const std::string& next = (*words)[i + 1];
    if (!takes_time((*words)[i]) || !IsMeantAsTime(next)) continue;
    (*words)[i] += '=' + next;
    words->erase(words->begin() + static_cast<ptrdiff_t>(i) + 1);
  }
}

std::string FullName(const CLI::App* app) {
  std::string name = app->get_name();
  while ((app = app->get_parent()) != nullptr) name = app->get_name() + ' ' + name;
  return name;
}

std::vector<std::string> CommandNames(CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app->get_subcommands([](CLI::App*) { return true; })) {
    if (!sub->get_group().empty()) names.push_back(sub->get_name());
  }
  return names;
}

std::vector<std::string> FlagNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::string WhatIsWrong(CLI::App* root, CLI::App* command, const CLI::ParseError& error) {
  const std::vector<std::string> extras = root->remaining(true);
  const auto extra = std::find_if(extras.begin(), extras.end(), [](auto& e) { return e != "--"; });
  if (extra != extras.end()) {
    const bool flag = extra->starts_with('-');
    const std::string name = flag ? extra->substr(0, extra->find('=')) : *extra;
    const std::vector<std::string> known = flag ? FlagNames(command) : CommandNames(command);
    const std::string nearest = Nearest(name, known);
    const std::string_view kind = flag ? "flag" : known.empty() ? "argument" : "command";
    return fmt::format("unknown {} \"{}\"{}", kind, name,
                       nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest));
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    const bool group = !CommandNames(command).empty();
    if (group)
      return "a command is missing: " + fmt::format("{}", fmt::join(CommandNames(command), ", "));
    const std::string what = error.what();
    return what.substr(0, what.find(' ')) + " is missing";
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string what = error.what();
    return what.substr(0, what.find_first_of(": ")) + " needs a value";
  }
  return error.what();
}

}  // namespace

Command Command::Sub(std::string_view name, std::string_view summary) {
  CLI::App* sub = app_->add_subcommand(std::string(name), std::string(summary));
  sub->fallthrough()->group("Commands");
  app_->require_subcommand(1);
  return {sub, extras_};
}

Command& Command::Positional(std::string_view name, Need need, std::string* target,
                             std::string_view help) {
  AddValue(app_, name, "", help, [target](const std::string& v) {
    *target = v;
  })->required(need == Need::kRequired);
  return *this;
}

Command& Command::Positional(std::string_view name, std::optional<std::string>* target,
                             std::string_view help) {
  AddValue(app_, name, "", help, [target](const std::string& v) { *target = v; });
  return *this;
}

Command& Command::Words(std::string_view name, const std::vector<std::string>& words,
                        std::vector<std::string>* target, std::string_view help) {
  const auto check = [words](const std::string& word) -> std::string {
    if (std::find(words.begin(), words.end(), word) != words.end()) return "";
    return fmt::format("\"{}\" is not one of {}", word, fmt::join(words, ", "));
  };
  app_->add_option(std::string(name), *target, std::string(help))
      ->option_text(" ")
      ->type_name(fmt::format("{}", fmt::join(words, "|")))  // not shown; completions read it
      ->check(check);
  return *this;
}

Command& Command::Many(std::string_view name, std::vector<std::string>* target,
                       std::string_view help) {
  app_->add_option(std::string(name), *target, std::string(help))->option_text(" ")->required();
  return *this;
}

Command& Command::Rest(std::string_view name, std::vector<std::string>* target,
                       std::string_view help) {
  app_->add_option(std::string(name), *target, std::string(help))->option_text(" ");
  (*extras_)[app_].rest = target;
  return *this;
}

Command& Command::Text(std::string_view flag, std::string_view placeholder, std::string* target,
                       std::string_view help) {
  // An empty value is most often a shell variable that is not set.
  AddValue(app_, flag, placeholder, help, [flag = std::string(flag), target](const std::string& v) {
    if (v.empty()) Refuse(flag, "the value is empty; leave the flag out, or give a value");
    *target = v;
  });
  return *this;
}

Command& Command::Checked(std::string_view flag, std::string_view placeholder,
                          std::optional<std::string>* target,
                          std::function<Status(const std::string&)> check, std::string_view help) {
  AddValue(app_, flag, placeholder, help, [flag = std::string(flag), target, check](auto& value) {
    if (const Status status = check(value); !status.ok()) Refuse(flag, status.message());
    *target = value;
  });
  return *this;
}

Command& Command::Texts(std::string_view flag, std::string_view placeholder,
                        std::vector<std::string>* target, std::string_view help) {
  app_->add_option(std::string(flag), *target, std::string(help))
      ->option_text(std::string(placeholder))
      ->allow_extra_args(false);
  return *this;
}

Command& Command::TextOrNone(std::string_view flag, std::optional<std::string>* target,
                             std::string_view help) {
  const auto callback = [flag = std::string(flag), target](const CLI::results_t& values) {
    *target = values.back() == "true" ? "" : values.back();
    if (!(*target)->empty() && !ParseDuration(**target)) Refuse(flag, WhyNoDuration(**target));
    return true;
  };
  app_->add_option(std::string(flag), callback, std::string(help))
      ->option_text(std::string(kOptionalTime))
      ->expected(0);
  return *this;
}

Command& Command::Number(std::string_view flag, std::optional<int64_t>* target, int64_t min,
                         int64_t max, std::string_view help) {
  AddValue(app_, flag, "N", help, [=](const std::string& v) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(v.data(), v.data() + v.size(), number);
    const bool whole = error == std::errc() && end == v.data() + v.size();
    if (!whole || number < min || number > max) {
      Refuse(flag, fmt::format("\"{}\" is not a number from {} to {}", v, min, max));
    }
    *target = number;
  });
  return *this;
}

Command& Command::Duration(std::string_view flag, std::optional<int64_t>* target,
                           std::string_view help) {
  AddValue(app_, flag, "TIME", help, [=](const std::string& v) {
    *target = ParseDuration(v);
    if (!*target) Refuse(flag, WhyNoDuration(v));
  });
  return *this;
}

Command& Command::Size(std::string_view flag, uint64_t* target, std::string_view help) {
  AddValue(app_, flag, "SIZE", help, [=](const std::string& v) {
    const std::optional<uint64_t> size = ParseSize(v);
    if (!size)
      Refuse(flag,
             fmt::format("\"{}\" is not a size with its unit; write for example 64MiB or 2GiB", v));
    *target = *size;
  });
  return *this;
}

Command& Command::Choice(std::string_view flag, std::vector<std::string> choices,
                         std::string* target, std::string_view help) {
  const std::string list = fmt::format("{}", fmt::join(choices, "|"));
  AddValue(app_, flag, list, help, [=](const std::string& v) {
    if (std::find(choices.begin(), choices.end(), v) == choices.end()) {
      Refuse(flag, fmt::format("\"{}\" is not one of {}", v, fmt::join(choices, ", ")));
    }
    *target = v;
  });
  return *this;
}

Command& Command::Switch(std::string_view flag, bool* target, std::string_view help) {
  app_->add_flag(std::string(flag), *target, std::string(help));
  return *this;
}

Command& Command::Environment(std::string_view flag, std::string_view variable) {
  app_->get_option(std::string(flag))->envname(std::string(variable));
  return *this;
}

Command& Command::Example(std::string_view lines) {
  std::string footer = "Example:";
  for (size_t start = 0; start <= lines.size();) {
    const size_t end = std::min(lines.find('\n', start), lines.size());
    footer += fmt::format("\n  {}", lines.substr(start, end - start));
    start = end + 1;
  }
  return Footer(footer + '\n');
}

Command& Command::Hide() {
  app_->group("");
  return *this;
}

Command& Command::Footer(std::string_view text) {
  const std::string before = app_->get_footer();
  app_->footer(before.empty() ? std::string(text) : before + '\n' + std::string(text));
  return *this;
}

void Command::Run(Action action) {
  Footer("Every command also takes -o, --server and --token-file: treadle --help\n");
  (*extras_)[app_].action = std::move(action);
}

CommandLine::CommandLine(std::string_view summary)
    : app_(std::make_unique<CLI::App>(std::string(summary), "treadle")) {
  app_->set_help_flag("-h,--help", "Print this help");
  app_->get_formatter()->column_width(34);
  app_->get_formatter()->label("SUBCOMMAND", "COMMAND");
  app_->get_formatter()->label("REQUIRED", "");
  app_->get_formatter()->label("Positionals", "Arguments");
}

CommandLine::~CommandLine() = default;

Command CommandLine::root() { return {app_.get(), &extras_}; }

std::vector<std::string> CommandLine::TakeRest(std::vector<std::string>* words) {
  const auto mark = std::find(words->begin(), words->end(), "--");
  const CLI::App* const command =
      Named(app_.get(), *words, static_cast<size_t>(mark - words->begin()));
  if (mark == words->end() || extras_[command].rest == nullptr) return {};
  std::vector<std::string> rest(mark + 1, words->end());
  words->erase(mark, words->end());
  return rest;
}

Parsed CommandLine::Parse(std::vector<std::string> words, std::string_view version) {
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  app_->set_version_flag("--version", std::string(version), "Print the version");
  if (words.empty()) return {.status = ExitStatus::kUsage, .err = app_->help()};
  const std::vector<std::string> rest = TakeRest(&words);
  JoinTimes(app_.get(), &words);
  std::reverse(words.begin(), words.end());  // the order that CLI11 asks for
  try {
    app_->parse(words);
    const Command::Extras& extras = extras_[Deepest(app_.get())];
    if (extras.rest != nullptr) {
      extras.rest->insert(extras.rest->end(), rest.begin(), rest.end());
      if (extras.rest->empty()) throw CLI::RequiredError("PROGRAM");
    }
    TREADLE_CHECK(extras.action != nullptr);
    return {.action = extras.action};
  } catch (const CLI::CallForHelp&) {
    return {.out = Help()};
  } catch (const CLI::CallForVersion& call) {
    return {.out = std::string(call.what()) + '\n'};
  } catch (const CLI::ParseError& error) {
    CLI::App* command = Deepest(app_.get());
    const std::string name = FullName(command);
    std::string wrong = WhatIsWrong(app_.get(), command, error);
    const bool program = extras_[command].rest != nullptr && wrong.starts_with("unknown flag");
    if (program) wrong += "; if it is a flag of your program, put -- before the program";
    return {.status = ExitStatus::kUsage,
            .err = fmt::format("{}: {}; see: {} --help\n", name, wrong, name)};
  }
}

std::string CommandLine::Help() const {
  static constexpr std::string_view kRest = "[PROGRAM...]";
  std::string help = app_->help();
  const size_t at = help.find(kRest);
  if (at != std::string::npos) help.replace(at, kRest.size(), "-- PROGRAM...");
  return help;
}

}  // namespace treadle::cli
