// The words of a command line: commands, their flags and their arguments. A thin layer over
// CLI11, so that the header that compiles slowly stays inside arguments.cc.
//
// One thread. Command is a handle: it borrows from the CommandLine that it came from. Every target
// of a flag is written by Parse() and must live until then; a flag that is not given leaves its
// target.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "cli/reference/command_words.h"
#include "console/exit_status.h"

namespace CLI {
class App;
}

namespace treadle::cli {

enum class Need { kRequired, kOptional };

/// Flag names are written "--wait" or "-q,--queue". `placeholder` names the value in the help text.
class Command {
 public:
  using Action = std::function<ExitStatus()>;

  /// What CLI11 has no place for.
  struct Extras {
    Action action;
    std::vector<std::string>* rest = nullptr;
  };
  using ExtrasOf = std::map<const CLI::App*, Extras>;

  Command(CLI::App* app, ExtrasOf* extras) : app_(app), extras_(extras) {}

  Command Sub(std::string_view name, std::string_view summary);

  Command& Positional(std::string_view name, Need need, std::string* target, std::string_view help);
  /// A word that may be left out, or be empty.
  Command& Positional(std::string_view name, std::optional<std::string>* target,
                      std::string_view help);
  /// Any number of `words`.
  Command& Words(std::string_view name, const std::vector<std::string>& words,
                 std::vector<std::string>* target, std::string_view help);
  /// At least one word of any kind.
  Command& Many(std::string_view name, std::vector<std::string>* target, std::string_view help);
  /// Everything behind "--", as it is. A command with a Rest() needs at least one such word.
  Command& Rest(std::string_view name, std::vector<std::string>* target, std::string_view help);
  /// A text that is not empty.
  Command& Text(std::string_view flag, std::string_view placeholder, std::string* target,
                std::string_view help);
  /// A text that `check` accepts; its message is shown behind the flag.
  Command& Checked(std::string_view flag, std::string_view placeholder,
                   std::optional<std::string>* target,
                   std::function<Status(const std::string&)> check, std::string_view help);
  /// May be given several times.
  Command& Texts(std::string_view flag, std::string_view placeholder,
                 std::vector<std::string>* target, std::string_view help);
  /// A flag whose value, a time, may be left out: "" for `--flag`, the value for `--flag=VALUE`.
  Command& TextOrNone(std::string_view flag, std::optional<std::string>* target,
                      std::string_view help);
  Command& Number(std::string_view flag, std::optional<int64_t>* target, int64_t min, int64_t max,
                  std::string_view help);
  /// Milliseconds of "30s" and the like.
  Command& Duration(std::string_view flag, std::optional<int64_t>* target, std::string_view help);
  /// Bytes of "64MiB" and the like.
  Command& Size(std::string_view flag, uint64_t* target, std::string_view help);
  Command& Choice(std::string_view flag, std::vector<std::string> choices, std::string* target,
                  std::string_view help);
  Command& Switch(std::string_view flag, bool* target, std::string_view help);
  /// The variable that is used when `flag` is absent.
  Command& Environment(std::string_view flag, std::string_view variable);

  /// Lines that can be typed as they are; shown at the end of the help text.
  Command& Example(std::string_view lines);
  Command& Footer(std::string_view text);
  /// Neither listed nor described.
  Command& Hide();
  /// What the command does. A command without an action needs one of its sub-commands.
  void Run(Action action);

 private:
  CLI::App* app_;
  ExtrasOf* extras_;
};

/// What Parse() made of the words.
struct Parsed {
  Command::Action action;  // empty: print `out` and `err`, and end with `status`
  ExitStatus status = ExitStatus::kOk;
  std::string out;  // a help text that was asked for
  std::string err;  // what is wrong, and the nearest right word
};

class CommandLine {
 public:
  explicit CommandLine(std::string_view summary);
  ~CommandLine();

  Command root();
  /// All commands that are not hidden, as data.
  CommandWords Describe() const;
  /// `words` without the program's own name. `version` is what --version prints.
  Parsed Parse(std::vector<std::string> words, std::string_view version);

 private:
  /// The words behind "--", cut off, if the command that `words` name has a Rest().
  std::vector<std::string> TakeRest(std::vector<std::string>* words);
  /// Of the command that the words have reached.
  std::string Help() const;

  std::unique_ptr<CLI::App> app_;
  Command::ExtrasOf extras_;
};

}  // namespace treadle::cli
