// What people write into files, variables and command lines: settings, contexts, policies, tokens.
// An input is a digit that selects one of them, and the text. Whatever is read must be the same
// after it is written and read again.

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "cli/contexts.h"
#include "cli/policy_file.h"
#include "client/token_file.h"
#include "config/configuration.h"
#include "config/toml_node.h"
#include "json/tree.h"
#include "tests/fuzz/fuzz_target.h"

namespace treadle::fuzz {
namespace {

// A file in memory, with a path.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view text) : file_(memfd_create("fuzz", 0)) {
    TREADLE_CHECK(file_ >= 0 && fchmod(file_, 0600) == 0);
    TREADLE_CHECK(write(file_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

// The effective values, as a configuration file would state them.
std::string AsToml(const config::Configuration& configuration) {
  std::string text;
  std::string section;
  for (const config::SettingInForce& each : configuration.settings) {
    if (section != each.setting->section()) {
      section = each.setting->section();
      text.append("[").append(section).append("]\n");
    }
    text.append(each.setting->name()).append(" = ");
    text.append(each.setting->AsToml(each.text)).append("\n");
  }
  return text;
}

void CheckSettings(const config::ConfigurationSources& sources) {
  const auto read = config::LoadConfiguration(sources);
  if (!IsRead(read)) return;
  const MemoryFile written(AsToml(*read));
  const auto again = config::LoadConfiguration({.file = written.path()});
  TREADLE_CHECK(again.ok() && again->settings.size() == read->settings.size());
  for (size_t i = 0; i < read->settings.size(); ++i)
    TREADLE_CHECK(again->settings[i].text == read->settings[i].text);
}

void SettingsFile(Input* in) {
  const MemoryFile file(in->Rest());
  CheckSettings({.file = file.path()});
}

void Environment(Input* in) {
  config::ConfigurationSources sources;
  while (!in->empty()) {
    const std::string line(in->Line());
    const size_t sign = line.find('=');
    if (sign != std::string::npos)
      sources.environment.emplace_back(line.substr(0, sign), line.substr(sign + 1));
  }
  CheckSettings(sources);
}

// A temporary folder, removed when the process ends.
class ConfigHome {
 public:
  ConfigHome() {
    std::string name = std::filesystem::temp_directory_path() / "treadle-fuzz-XXXXXX";
    TREADLE_CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
    std::filesystem::create_directories(path_ / "treadle");
    TREADLE_CHECK(setenv("XDG_CONFIG_HOME", path_.c_str(), 1) == 0);
  }
  ~ConfigHome() { std::filesystem::remove_all(path_); }
  ConfigHome(const ConfigHome&) = delete;
  ConfigHome& operator=(const ConfigHome&) = delete;

 private:
  std::filesystem::path path_;
};

void ContextsFile(Input* in) {
  const ConfigHome home;
  std::ofstream(*cli::ContextsPath(), std::ios::binary) << in->Rest();
  const auto contexts = cli::ReadContexts();
  if (!IsRead(contexts)) return;
  (void)contexts->Find(contexts->current);
  TREADLE_CHECK(cli::WriteContexts(*contexts).ok());
  const auto again = cli::ReadContexts();
  TREADLE_CHECK(again.ok() && again->current == contexts->current);
  TREADLE_CHECK(again->by_name.size() == contexts->by_name.size());
  for (const auto& [name, context] : contexts->by_name) {
    const auto found = again->Find(name);
    TREADLE_CHECK(found.ok() && found->server == context.server);
    TREADLE_CHECK(found->token_file == context.token_file);
    TREADLE_CHECK(found->ca_file == context.ca_file);
  }
}

void CheckFields(const std::vector<cli::WantedField>& fields) {
  const std::string json = cli::PolicyChangeJson(fields);
  TREADLE_CHECK(!FindJsonError(json));
  for (const cli::WantedField& each : fields) (void)cli::FieldText(*each.field, each.json);
}

void PolicyFile(Input* in) {
  const MemoryFile file(in->Rest());
  const auto policies = cli::ReadPolicyFile(file.path());
  if (!IsRead(policies)) return;
  for (const cli::WantedPolicy& policy : *policies) CheckFields(policy.fields);
}

void PolicyWords(Input* in) {
  std::vector<std::string> words;
  while (!in->empty()) words.emplace_back(in->Line());
  for (const bool of_type : {false, true}) {
    const auto fields = cli::ReadPolicyWords(words, of_type);
    if (IsRead(fields)) CheckFields(*fields);
  }
}

void TokenFile(Input* in) {
  const MemoryFile file(in->Rest());
  const auto token = ReadToken(file.path());
  if (!IsRead(token)) return;
  TREADLE_CHECK(!token->empty() && token->find('\n') == std::string::npos);
  TREADLE_CHECK(token->front() != ' ' && token->back() != ' ' && token->back() != '\r');
}

void QuotedText(Input* in) {
  const std::string_view text = in->Rest();
  const auto read = config::ReadToml("x = " + config::QuoteToml(text), "quoted");
  if (!IsUtf8(text)) return (void)IsRead(read);
  TREADLE_CHECK(read.ok() && read->Find("x")->text == text);
}

}  // namespace

TREADLE_FUZZ_TARGET(configuration) {
  constexpr void (*kReaders[])(Input*) = {SettingsFile, Environment, ContextsFile, PolicyFile,
                                          PolicyWords,  TokenFile,   QuotedText};
  Input in(input);
  kReaders[in.Choice(std::size(kReaders))](&in);
}

}  // namespace treadle::fuzz
