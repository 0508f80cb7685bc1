#include "cli/reference/pages.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/settings.h"
#include "console/exit_status.h"

namespace treadle::cli {
namespace {

constexpr std::string_view kMade =
    "<!-- Made by ./dev docs from the program itself; do not edit. -->\n\n";

// A cell of a table.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) cell += c == '|' ? std::string("\\|") : std::string(1, c);
  return cell;
}

std::string FlagTable(const std::vector<FlagWords>& flags) {
  std::string table = "| flag | meaning |\n|---|---|\n";
  for (const FlagWords& flag : flags) {
    const std::string variable =
        flag.variable.empty() ? "" : fmt::format(" (variable `{}`)", flag.variable);
    table += fmt::format("| `{}` | {}{} |\n", Cell(flag.Title()), Cell(flag.help), variable);
  }
  return table + '\n';
}

// -h explains itself and is listed once at the top.
std::vector<FlagWords> WithoutHelp(std::vector<FlagWords> flags) {
  std::erase_if(flags, [](const FlagWords& flag) { return flag.names.back() == "--help"; });
  return flags;
}

std::string CommandSection(const CommandWords& command) {
  std::string page = fmt::format("## {}\n\n{}.\n\n```\n{}\n```\n\n", command.name, command.summary,
                                 command.Usage());
  if (!command.arguments.empty()) {
    page += "| argument | meaning |\n|---|---|\n";
    for (const ArgumentWords& each : command.arguments) {
      page += fmt::format("| `{}` | {} |\n", each.name, Cell(each.help));
    }
    page += '\n';
  }
  if (const auto flags = WithoutHelp(command.flags); !flags.empty()) page += FlagTable(flags);
  return page + fmt::format("```\n{}```\n\n", command.footer);
}

// A line of text in roff.
std::string Roff(std::string_view text) {
  std::string roff;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool starts_line = i == 0 || text[i - 1] == '\n';
    if (starts_line && (text[i] == '.' || text[i] == '\'')) roff += "\\&";
    if (text[i] == '\\') {
      roff += "\\e";
    } else if (text[i] == '-') {
      roff += "\\-";
    } else {
      roff += text[i];
    }
  }
  return roff;
}

std::string RoffFlags(const std::vector<FlagWords>& flags) {
  std::string page;
  for (const FlagWords& flag : flags) {
    page += fmt::format(".TP\n.B {}\n{}.\n", Roff(flag.Title()), Roff(flag.help));
    if (!flag.variable.empty()) page += fmt::format("Variable: {}.\n", Roff(flag.variable));
  }
  return page;
}

std::string PageName(const CommandWords& command) {
  std::string name = command.name;
  std::ranges::replace(name, ' ', '-');
  return name;
}

}  // namespace

std::string CliMarkdown(const CommandWords& root) {
  std::string page =
      fmt::format("{}# The command line\n\nEvery command takes these flags.\n\n{}```\n{}```\n\n",
                  kMade, FlagTable(root.flags), ExitStatusHelp());
  for (const CommandWords* command : root.All()) {
    if (command != &root) page += CommandSection(*command);
  }
  page.pop_back();
  return page;
}

std::string ConfigMarkdown() {
  std::string page = fmt::format(
      "{}# The configuration of a server\n"
      "\n"
      "A flag overrides a variable, a variable overrides the file, and the file overrides the "
      "default. The file is TOML: `--config FILE`, else `TREADLE_CONFIG`, else, for `treadle "
      "server`, `/etc/treadle/treadle.toml` if it exists. `treadle config init` prints a file to "
      "begin with; `treadle config show` prints every value and where it comes from.\n"
      "\n"
      "On SIGHUP, `treadle server` reads the file again. It applies the settings marked *reload* "
      "at once; the log names the ones that need a restart. Lists in variables and flags are "
      "written with commas. A setting without a flag is a secret, because other users can see "
      "command lines.\n",
      kMade);
  std::string_view section;
  for (const config::Setting& setting : config::Settings()) {
    if (setting.section() != section) {
      section = setting.section();
      page += fmt::format(
          "\n## [{}]\n\n| setting | default | value | meaning |\n|---|---|---|---|\n", section);
    }
    const std::string flag = setting.is_secret() ? "" : fmt::format(", `{}`", setting.flag);
    page +=
        fmt::format("| `{}` (`{}`{}) | `{}` | {} | {}{} |\n", setting.name(), setting.Variable(),
                    flag, setting.AsToml(setting.default_text), Cell(setting.Range()),
                    Cell(setting.help), setting.reloadable ? " (*reload*)" : "");
  }
  return page;
}

std::string ManPage(const CommandWords& root, const CommandWords& command) {
  std::string page =
      fmt::format(".TH {} 1\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n.B {}\n", Roff(PageName(command)),
                  Roff(PageName(command)), Roff(command.summary), Roff(command.Usage()));
  if (!command.commands.empty()) page += ".SH COMMANDS\n";
  for (const CommandWords& each : command.commands) {
    page += fmt::format(".TP\n.B {}\n{}.\n", Roff(each.name), Roff(each.summary));
  }
  if (!command.arguments.empty()) page += ".SH ARGUMENTS\n";
  for (const ArgumentWords& each : command.arguments) {
    page += fmt::format(".TP\n.B {}\n{}.\n", Roff(each.name), Roff(each.help));
  }
  page += ".SH OPTIONS\n" + RoffFlags(command.flags);
  page += fmt::format(".SH NOTES\n.nf\n{}.fi\n", Roff(command.footer));
  if (&command != &root) page += ".SH SEE ALSO\n.BR treadle (1)\n";
  return page;
}

}  // namespace treadle::cli
