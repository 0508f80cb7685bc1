// treadle completion, treadle docs: the command line describes itself.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "cli/commands.h"
#include "cli/reference/completion.h"
#include "cli/reference/pages.h"
#include "cli/reference/policy_pages.h"

namespace treadle::cli {
namespace {

using Page = std::string (*)(const CommandWords&);

void AddPageCommand(Command parent, Session& session, const CommandLine& line,
                    std::string_view name, std::string_view summary, std::string_view example,
                    Page page) {
  parent.Sub(name, summary).Example(example).Run([&session, &line, page] {
    session.console().Out(page(line.Describe()));
    return ExitStatus::kOk;
  });
}

ExitStatus WriteManPages(Session& session, const CommandLine& line, const std::string& directory) {
  const CommandWords root = line.Describe();
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  for (const CommandWords* command : root.All()) {
    std::string name = command->name;
    std::ranges::replace(name, ' ', '-');
    const std::string path = fmt::format("{}/{}.1", directory, name);
    std::ofstream file(path);
    if (!(file << ManPage(root, *command)).flush()) {
      return session.Fail(ExitStatus::kFailure, "cannot write " + path);
    }
  }
  return ExitStatus::kOk;
}

}  // namespace

void AddCompletion(Command parent, Session& session, const CommandLine& line) {
  Command completion = parent.Sub("completion", "Print a completion script for a shell");
  AddPageCommand(completion, session, line, "bash", "Print the completion script for bash",
                 "treadle completion bash > /etc/bash_completion.d/treadle\n"
                 "source <(treadle completion bash)",
                 BashCompletion);
  AddPageCommand(completion, session, line, "zsh", "Print the completion script for zsh",
                 "treadle completion zsh > \"${fpath[1]}/_treadle\"", ZshCompletion);
  AddPageCommand(completion, session, line, "fish", "Print the completion script for fish",
                 "treadle completion fish > ~/.config/fish/completions/treadle.fish",
                 FishCompletion);
  completion.Example("treadle completion bash");
}

void AddDocs(Command parent, Session& session, const CommandLine& line) {
  Command docs = parent.Sub("docs", "Print the reference pages for packagers");
  docs.Hide();
  AddPageCommand(docs, session, line, "cli", "Print the command-line reference in Markdown",
                 "treadle docs cli", CliMarkdown);
  AddPageCommand(docs, session, line, "config", "Print the configuration reference in Markdown",
                 "treadle docs config", [](const CommandWords&) { return ConfigMarkdown(); });
  AddPageCommand(docs, session, line, "policies",
                 "Print the schemas of policies for docs/openapi.yaml", "treadle docs policies",
                 [](const CommandWords&) { return PolicySchemas(); });
  AddPageCommand(docs, session, line, "fields",
                 "Print the fields of policies for docs/formats/effects.md", "treadle docs fields",
                 [](const CommandWords&) { return FieldTables(); });
  auto directory = std::make_shared<std::string>();
  docs.Sub("man", "Write a manual page for each command")
      .Positional("DIR", Need::kRequired, directory.get(), "The directory to write to")
      .Example("treadle docs man /usr/local/share/man/man1")
      .Run([directory, &session, &line] { return WriteManPages(session, line, *directory); });
  docs.Example("treadle docs cli");
}

}  // namespace treadle::cli
