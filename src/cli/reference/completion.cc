#include "cli/reference/completion.h"

#include <fmt/format.h>

#include <set>

namespace treadle::cli {
namespace {

// Each asks the server that the line names so far. bash cuts its words at colons, so it looks at
// the whole line.
constexpr std::string_view kBashNames = R"sh(_treadle_names() {
  local flag where=()
  for flag in server context token-file ca-file; do
    [[ $COMP_LINE =~ " --$flag"[=\ ]+([^\ ]+) ]] && where+=("--$flag=${BASH_REMATCH[1]}")
  done
  "${COMP_WORDS[0]}" __complete "$1" "${where[@]}" 2> /dev/null
}
_treadle_offer_names() {
  mapfile -t COMPREPLY < <(compgen -W "$(_treadle_names "$1")" -- "$current")
}
)sh";
constexpr std::string_view kZshNames = R"sh(_treadle_names() {
  local flag match mbegin mend
  local -a where names
  for flag in server context token-file ca-file; do
    [[ "$words" =~ " --${flag}[= ]+([^ ]+)" ]] && where+=("--$flag=$match[1]")
  done
  names=(${(f)"$($words[1] __complete $1 $where 2> /dev/null)"})
  compadd -a names
}
)sh";
constexpr std::string_view kFishNames = R"sh(function __treadle_names
    set -l words (commandline -opc)
    set -l given '--(?:server|context|token-file|ca-file)[= ]\S+'
    set -l where (string match -r -a -- $given "$words" | string replace ' ' '=')
    $words[1] __complete $argv[1] $where 2> /dev/null
end
)sh";

// In single quotes, as bash and zsh read them (fish: see FishQuoted).
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + '\'';
}

std::string FishQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '\'';
}

/// The flags of `command` and those that hold for every command. The nearer one hides the other.
std::vector<FlagWords> FlagsAt(const CommandWords& root, const CommandWords& command) {
  std::vector<FlagWords> flags = command.flags;
  std::set<std::string> seen;
  for (const FlagWords& flag : flags) seen.insert(flag.names.begin(), flag.names.end());
  for (const FlagWords& flag : root.flags) {
    if (!seen.contains(flag.names.back())) flags.push_back(flag);
  }
  return flags;
}

// "a"|'b' as the pattern of a case, for bash and zsh.
std::string Pattern(const std::set<std::string>& words) {
  std::vector<std::string> quoted;
  for (const std::string& word : words) quoted.push_back(Quoted(word));
  return fmt::format("{}", fmt::join(quoted, " | "));
}

std::set<std::string> CommandPaths(const CommandWords& root) {
  std::set<std::string> paths;
  for (const CommandWords* command : root.All()) {
    if (command != &root) paths.insert(command->name);
  }
  return paths;
}

std::set<std::string> FlagsWithValue(const CommandWords& root) {
  std::set<std::string> names;
  for (const CommandWords* command : root.All()) {
    for (const FlagWords& flag : command->flags) {
      if (flag.takes_next_word()) names.insert(flag.names.begin(), flag.names.end());
    }
  }
  return names;
}

std::set<std::string> Spellings(const CommandWords& command, const FlagWords& flag) {
  std::set<std::string> words;
  for (const std::string& name : flag.names) words.insert(command.name + ' ' + name);
  return words;
}

/// How a shell completes the value of a flag.
struct ValueActions {
  std::string_view choices;  // {} is the list, blanks between
  std::string_view live;     // {} is what to ask for
  std::string_view files;
  std::string_view directories;
  std::string_view anything;
};

// The arms of `case "$at $previous" in`.
std::string ValueArms(const CommandWords& root, const ValueActions& actions) {
  std::string arms;
  for (const CommandWords* command : root.All()) {
    for (const FlagWords& flag : FlagsAt(root, *command)) {
      if (!flag.takes_next_word()) continue;
      const std::vector<std::string> choices = flag.Choices();
      std::string action(flag.is_file()        ? actions.files
                         : flag.is_directory() ? actions.directories
                                               : actions.anything);
      if (!choices.empty())
        action = fmt::format(fmt::runtime(actions.choices), fmt::join(choices, " "));
      if (!flag.LiveNames().empty())
        action = fmt::format(fmt::runtime(actions.live), flag.LiveNames());
      arms += fmt::format("    {}) {}; return ;;\n", Pattern(Spellings(*command, flag)), action);
    }
  }
  return arms;
}

/// The words that may follow the command itself: its commands, or what its argument may be.
std::vector<std::string> WordsAt(const CommandWords& command) {
  std::vector<std::string> words;
  words.reserve(command.commands.size());
  for (const CommandWords& sub : command.commands) words.emplace_back(sub.last_name());
  for (const ArgumentWords& each : command.arguments)
    words.insert(words.end(), each.choices.begin(), each.choices.end());
  return words;
}

// Sets `live` in an arm of bash or zsh.
std::string Live(const CommandWords& command) {
  const std::string_view names = command.LiveNames();
  return names.empty() ? "" : fmt::format(" live={}", names);
}

std::string ZshItem(std::string_view name, std::string_view help) {
  std::string item;
  for (const char c : name) item += c == ':' ? std::string("\\:") : std::string(1, c);
  return ' ' + Quoted(fmt::format("{}:{}", item, help));
}

}  // namespace

std::string BashCompletion(const CommandWords& root) {
  std::string words;
  for (const CommandWords* command : root.All()) {
    std::vector<std::string> offers = WordsAt(*command);
    for (const FlagWords& flag : FlagsAt(root, *command)) offers.push_back(flag.names.back());
    words += fmt::format("    {}) offers={}{} ;;\n", Quoted(command->name),
                         Quoted(fmt::format("{}", fmt::join(offers, " "))), Live(*command));
  }
  return fmt::format(
      R"sh(# bash completion for treadle. For one shell: source <(treadle completion bash)
# For all: treadle completion bash > /etc/bash_completion.d/treadle
{}_treadle() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local at=treadle offers='' live='' i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      --) mapfile -t COMPREPLY < <(compgen -c -f -- "$current"); return ;;
      {}) ((i++)); [[ ${{COMP_WORDS[i]}} == '=' ]] && ((i++)); continue ;;
    esac
    case "$at ${{COMP_WORDS[i]}}" in
      {}) at="$at ${{COMP_WORDS[i]}}" ;;
    esac
  done
  # Bash makes three words of --flag=value.
  if [[ $current == '=' ]]; then
    current=''
  elif [[ $previous == '=' ]]; then
    previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  case "$at $previous" in
{}  esac
  case $at in
{}  esac
  [[ -n $live && $current != -* ]] && offers+=" $(_treadle_names "$live")"
  mapfile -t COMPREPLY < <(compgen -W "$offers" -- "$current")
}}
complete -F _treadle treadle
)sh",
      kBashNames, Pattern(FlagsWithValue(root)), Pattern(CommandPaths(root)),
      ValueArms(root, {R"(mapfile -t COMPREPLY < <(compgen -W '{}' -- "$current"))",
                       R"(_treadle_offer_names {})",
                       R"(compopt -o filenames 2> /dev/null; )"
                       R"(mapfile -t COMPREPLY < <(compgen -f -- "$current"))",
                       R"(compopt -o filenames 2> /dev/null; )"
                       R"(mapfile -t COMPREPLY < <(compgen -d -- "$current"))",
                       ":"}),
      words);
}

std::string ZshCompletion(const CommandWords& root) {
  std::string arms;
  for (const CommandWords* command : root.All()) {
    std::string subs;
    std::string flags;
    for (const CommandWords& sub : command->commands) subs += ZshItem(sub.last_name(), sub.summary);
    for (const ArgumentWords& each : command->arguments) {
      for (const std::string& choice : each.choices) subs += ' ' + Quoted(choice);
    }
    for (const FlagWords& flag : FlagsAt(root, *command)) {
      flags += ZshItem(flag.names.back(), flag.help);
    }
    arms += fmt::format("    {}) commands=({} ) flags=({} ){} ;;\n", Quoted(command->name), subs,
                        flags, Live(*command));
  }
  return fmt::format(
      R"(#compdef treadle
# zsh completion for treadle. Install as a file _treadle in a folder of $fpath.
{}_treadle() {{
  local at=treadle live='' i
  local -a commands flags
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
      --) _normal; return ;;
      {}) ((i++)); continue ;;
    esac
    case "$at $words[i]" in
      {}) at="$at $words[i]" ;;
    esac
  done
  case "$at $words[CURRENT-1]" in
{}  esac
  case $at in
{}  esac
  ((${{#commands}})) && _describe command commands
  [[ -n $live ]] && _treadle_names $live
  _describe -o flag flags
}}
if [[ $funcstack[1] == _treadle ]]; then _treadle "$@"; else compdef _treadle treadle; fi
)",
      kZshNames, Pattern(FlagsWithValue(root)), Pattern(CommandPaths(root)),
      ValueArms(root,
                {"compadd -- {}", "_treadle_names {}", "_files", "_files -/", "_message value"}),
      arms);
}

std::string FishCompletion(const CommandWords& root) {
  std::string lines;
  for (const CommandWords* command : root.All()) {
    const std::string here = fmt::format("complete -c treadle -n {}",
                                         FishQuoted("__treadle_at '" + command->name + "'"));
    for (const CommandWords& sub : command->commands) {
      lines += fmt::format("{} -a {} -d {}\n", here, sub.last_name(), FishQuoted(sub.summary));
    }
    for (const ArgumentWords& each : command->arguments) {
      if (!each.choices.empty())
        lines += fmt::format("{} -a '{}'\n", here, fmt::join(each.choices, " "));
    }
    if (const std::string_view live = command->LiveNames(); !live.empty())
      lines += fmt::format("{} -a '(__treadle_names {})'\n", here, live);
    for (const FlagWords& flag : FlagsAt(root, *command)) {
      lines += here;
      for (const std::string& name : flag.names) {
        lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      const std::vector<std::string> choices = flag.Choices();
      if (!choices.empty()) {
        lines += " -x -a " + FishQuoted(fmt::format("{}", fmt::join(choices, " ")));
      } else if (!flag.LiveNames().empty()) {
        lines += fmt::format(" -x -a '(__treadle_names {})'", flag.LiveNames());
      } else if (flag.is_directory()) {
        lines += " -x -a '(__fish_complete_directories)'";
      } else if (flag.takes_next_word()) {
        lines += flag.is_file() ? " -r -F" : " -x";
      }
      lines += " -d " + FishQuoted(flag.help) + '\n';
    }
  }
  std::string paths;
  for (const std::string& path : CommandPaths(root)) paths += ' ' + FishQuoted(path);
  return fmt::format(
      R"(# fish completion for treadle. Install it with:
# treadle completion fish > ~/.config/fish/completions/treadle.fish
function __treadle_at
    set -l commands{}
    set -l at treadle
    for word in (commandline -opc)[2..-1]
        contains -- "$at $word" $commands; and set at "$at $word"
    end
    test "$at" = "$argv[1]"
end
{}complete -c treadle -f
{})",
      paths, kFishNames, lines);
}

}  // namespace treadle::cli
