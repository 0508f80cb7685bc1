// treadle context list, use, add, remove
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "cli/commands.h"
#include "cli/contexts.h"
#include "console/table.h"

namespace treadle::cli {
namespace {

constexpr size_t kNameCharactersMax = 64;

struct AddWords {
  std::string name;
  std::string server;
  std::string token_file;
  std::string ca_file;
};

bool IsName(std::string_view name) {
  constexpr std::string_view kCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return !name.empty() && name.size() <= kNameCharactersMax &&
         name.find_first_not_of(kCharacters) == std::string_view::npos;
}

/// Reads the contexts, has `change` change them, writes them.
template <class Change>
ExitStatus EditContexts(Session& session, Change change) {
  Result<Contexts> contexts = ReadContexts();
  if (!contexts.ok()) return session.Fail(contexts.status());
  if (const Status status = change(*contexts); !status.ok()) return session.Fail(status);
  if (const Status status = WriteContexts(*contexts); !status.ok()) return session.Fail(status);
  return ExitStatus::kOk;
}

std::string ContextJson(const Contexts& contexts, const std::string& name,
                        const ServerContext& context) {
  return JsonObject()
      .Text("name", name)
      .Text("server", context.server)
      .Text("token_file", context.token_file)
      .Text("ca_file", context.ca_file)
      .Bool("current", name == contexts.current)
      .Done();
}

ExitStatus ListContexts(Session& session) {
  const Result<Contexts> contexts = ReadContexts();
  if (!contexts.ok()) return session.Fail(contexts.status());
  std::vector<std::string> lines;
  Table table({{""}, {"CONTEXT"}, {"SERVER"}, {"TOKEN FILE"}, {"CA FILE"}});
  for (const auto& [name, context] : contexts->by_name) {
    lines.push_back(ContextJson(*contexts, name, context));
    table.Row({name == contexts->current ? "*" : "", Printable(name), Printable(context.server),
               context.token_file.empty() ? "-" : Printable(context.token_file),
               context.ca_file.empty() ? "-" : Printable(context.ca_file)});
  }
  if (session.jsonl()) {
    for (const std::string& line : lines) session.console().OutLine(line);
  } else if (session.json()) {
    const auto document = ReadJson(fmt::format("{{\"contexts\":[{}]}}", fmt::join(lines, ",")));
    if (!document.ok()) return session.Fail(document.status());
    PrintJson(session, document->root);
  } else if (table.empty()) {
    session.console().Message("no contexts yet; add one with: treadle context add");
  } else {
    session.console().Out(table.ToString(session.console()));
  }
  return ExitStatus::kOk;
}

// A relative path would mean another file in another folder.
std::string Absolute(const std::string& path) {
  return path.empty() ? "" : std::filesystem::absolute(path).lexically_normal().string();
}

Status AddContext(const AddWords& words, Contexts& contexts) {
  if (!IsName(words.name)) {
    return {Code::kInvalidArgument,
            fmt::format("\"{}\" is not a valid context name; use 1 to {} letters, digits, - _ .",
                        words.name, kNameCharactersMax)};
  }
  if (contexts.by_name.contains(words.name)) {
    return {
        Code::kAlreadyExists,
        fmt::format("context \"{0}\" already exists; remove it first: treadle context remove {0}",
                    words.name)};
  }
  if (words.server.empty()) {
    return {Code::kInvalidArgument, "a context needs a server: --server URL"};
  }
  ServerContext context{.server = words.server,
                        .token_file = Absolute(words.token_file),
                        .ca_file = Absolute(words.ca_file)};
  TREADLE_RETURN_IF_ERROR(
      ServerConnection::Make({.server = context.server, .ca_file = context.ca_file}).status());
  contexts.by_name[words.name] = context;
  if (contexts.by_name.size() == 1) contexts.current = words.name;
  return {};
}

}  // namespace

void AddContext(Command parent, Session& session) {
  Command context = parent.Sub("context", "Name servers and choose the one that commands use");
  context.Sub("list", "List contexts; a * marks the current one")
      .Example("treadle context list")
      .Run([&session] { return ListContexts(session); });

  auto words = std::make_shared<AddWords>();
  context.Sub("add", "Add a context; the first one becomes the current one")
      .Positional("NAME", Need::kRequired, &words->name, "The name of the context")
      .Text("--server", "URL", &words->server, "Server URL")
      .Text("--token-file", "FILE", &words->token_file, "File with the token to send")
      .Text("--ca-file", "FILE", &words->ca_file,
            "Certificates (PEM) to trust instead of the system's store")
      .Example("treadle context add prod --server http://queue.example:7373 --token-file token")
      .Run([words, &session] {
        return EditContexts(session,
                            [&](Contexts& contexts) { return AddContext(*words, contexts); });
      });

  auto used = std::make_shared<std::string>();
  context.Sub("use", "Switch to a context")
      .Positional("NAME", Need::kRequired, used.get(), "The name of the context")
      .Example("treadle context use prod")
      .Run([used, &session] {
        return EditContexts(session, [&](Contexts& contexts) {
          contexts.current = *used;
          return contexts.Find(*used).status();
        });
      });

  auto removed = std::make_shared<std::string>();
  context.Sub("remove", "Remove a context")
      .Positional("NAME", Need::kRequired, removed.get(), "The name of the context")
      .Example("treadle context remove prod")
      .Run([removed, &session] {
        return EditContexts(session, [&](Contexts& contexts) {
          const Status status = contexts.Find(*removed).status();
          contexts.by_name.erase(*removed);
          if (contexts.current == *removed) contexts.current.clear();
          return status;
        });
      });
  context.Example(
      "treadle context add prod --server http://queue.example:7373\ntreadle context list");
}

}  // namespace treadle::cli
