// CommandWords: the tree of commands as data, from which shell completions and reference pages are
// made. CommandLine::Describe() fills it. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace treadle::cli {

struct FlagWords {
  std::vector<std::string> names;  // "-o", "--output"
  std::string placeholder;         // "FILE", "a|b"; empty: takes no value
  std::string help;
  std::string variable;  // of the environment; may be empty
  bool value_optional = false;

  bool takes_next_word() const { return !placeholder.empty() && !value_optional; }
  bool is_file() const { return placeholder == "FILE"; }
  bool is_directory() const { return placeholder == "DIR"; }
  /// Of "a|b"; empty for any other placeholder.
  std::vector<std::string> Choices() const;
  /// What `treadle __complete` is asked for behind this flag: "queues", "contexts" or nothing.
  std::string_view LiveNames() const;
  /// "-o, --output table|json".
  std::string Title() const;
};

struct ArgumentWords {
  std::string name;
  std::string help;
  bool required = false;
  bool repeated = false;
  std::vector<std::string> choices;  // empty: any word
};

struct CommandWords {
  std::string name;  // in full: "treadle task list"
  std::string summary;
  std::vector<ArgumentWords> arguments;
  std::vector<FlagWords> flags;  // its own; those of "treadle" hold for every command
  std::string footer;            // examples and notes
  std::vector<CommandWords> commands;

  std::string_view last_name() const;
  /// The same for its arguments.
  std::string_view LiveNames() const;
  /// "treadle task get [FLAGS] ID".
  std::string Usage() const;
  /// This command and all below it, in order.
  std::vector<const CommandWords*> All() const;
};

}  // namespace treadle::cli
