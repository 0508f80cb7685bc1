#include "config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/duration_hint.h"
#include "base/units.h"
#include "base/utf8.h"
#include "config/toml_node.h"

namespace treadle::config {
namespace {

using Kind = Setting::Kind;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

void PutListen(const std::string& text, ServerOptions* options) {
  const std::optional<Address> address = ParseAddress(text);
  options->http.host = address->host;
  options->http.port = address->port;
}

void PutDurability(const std::string& text, ServerOptions* options) {
  using enum NodeOptions::Durability;
  options->node.durability = text == "interval" ? kInterval : kFsync;
}

std::optional<uint64_t> ParseCount(std::string_view text) {
  uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return count;
}

void PutBackupsKept(const std::string& text, ServerOptions* options) {
  options->node.backups_kept = options->node.manual_backups_kept = *ParseCount(text);
}

// `At` names the place of a value: a function from ServerOptions to a reference.
template <auto At>
void PutSize(const std::string& text, ServerOptions* options) {
  At(*options) = *ParseSize(text);
}

template <auto At>
void PutCount(const std::string& text, ServerOptions* options) {
  At(*options) = *ParseCount(text);
}

template <auto At>
void PutDuration(const std::string& text, ServerOptions* options) {
  At(*options) = *ParseDuration(text);
}

template <auto At>
void PutText(const std::string& text, ServerOptions* options) {
  At(*options) = text;
}

template <auto At>
void PutSwitch(const std::string& text, ServerOptions* options) {
  At(*options) = text == "true";
}

constexpr Setting kSettings[] = {
    {.key = "server.data",
     .flag = "--data",
     .kind = Kind::kDirectory,
     .default_text = "./treadle-data",
     .help = "Data directory; created if missing",
     .put = PutText<[](ServerOptions& o) -> auto& { return o.data_dir; }>},
    {.key = "server.listen",
     .flag = "--listen",
     .kind = Kind::kAddress,
     .default_text = "127.0.0.1:7373",
     .help = "Address to listen on; with port 0 the system chooses one",
     .put = PutListen},
    {.key = "server.strict_queues",
     .flag = "--strict-queues",
     .kind = Kind::kSwitch,
     .default_text = "false",
     .help = "Create a queue only when its policy is set, not by its first task",
     .put = PutSwitch<[](ServerOptions& o) -> auto& { return o.node.strict_queues; }>},
    {.key = "server.connections_max",
     .flag = "--connections-max",
     .kind = Kind::kCount,
     .default_text = "10000",
     .help = "Limit for open connections; the limit of open files may allow fewer",
     .min = 1,
     .max = 1'000'000,
     .put = PutCount<[](ServerOptions& o) -> auto& { return o.http.connections_max; }>},
    {.key = "server.bodies_memory",
     .flag = "--bodies-memory",
     .kind = Kind::kSize,
     .default_text = "256MiB",
     .help = "Memory limit for all in-flight request and response bodies",
     .min = 32 * kMiB,
     .max = 64 * kGiB,
     .put = PutSize<[](ServerOptions& o) -> auto& { return o.http.bodies_bytes_max; }>},
    {.key = "server.memory_max",
     .flag = "--memory-max",
     .kind = Kind::kSize,
     .default_text = "0B",
     .help =
         "Refuse new tasks beyond this memory use; 0B: four fifths of the machine or control group",
     .min = 64 * kMiB,
     .max = 64 * 1024 * kGiB,
     .or_zero = true,
     .put = PutSize<[](ServerOptions& o) -> auto& { return o.memory_max_bytes; }>},
    {.key = "server.idle_timeout",
     .flag = "--idle-timeout",
     .kind = Kind::kDuration,
     .default_text = "75s",
     .help = "Close a connection that sends no request for this long",
     .min = 10,
     .max = 86'400'000,
     .put = PutDuration<[](ServerOptions& o) -> auto& { return o.http.idle_timeout_ms; }>},
    {.key = "server.read_timeout",
     .flag = "--read-timeout",
     .kind = Kind::kDuration,
     .default_text = "30s",
     .help = "Time limit for receiving a whole request",
     .min = 10,
     .max = 86'400'000,
     .put = PutDuration<[](ServerOptions& o) -> auto& { return o.http.read_timeout_ms; }>},
    {.key = "server.write_timeout",
     .flag = "--write-timeout",
     .kind = Kind::kDuration,
     .default_text = "30s",
     .help = "Time limit for sending a whole response",
     .min = 10,
     .max = 86'400'000,
     .put = PutDuration<[](ServerOptions& o) -> auto& { return o.http.write_timeout_ms; }>},
    {.key = "server.log_level",
     .flag = "--log-level",
     .kind = Kind::kChoice,
     .default_text = "info",
     .help = "Least severe level to log to standard error",
     .choices = "debug|info|warning|error",
     .reloadable = true,
     .put = PutText<[](ServerOptions& o) -> auto& { return o.log_level; }>},
    {.key = "security.token_file",
     .flag = "--token-file",
     .kind = Kind::kFile,
     .default_text = "",
     .help = "File with the token that requests must carry",
     .reloadable = true,
     .put = PutText<[](ServerOptions& o) -> auto& { return o.security.token_file; }>},
    {.key = "security.token",
     .flag = "",
     .kind = Kind::kText,
     .default_text = "",
     .help = "The token itself, if you cannot use a file; at least 16 characters",
     .reloadable = true,
     .put = PutText<[](ServerOptions& o) -> auto& { return o.security.token; }>},
    {.key = "security.allow_unauthenticated",
     .flag = "--allow-unauthenticated",
     .kind = Kind::kSwitch,
     .default_text = "false",
     .help = "Allow listening beyond loopback without a token",
     .put = PutSwitch<[](ServerOptions& o) -> auto& { return o.security.allow_unauthenticated; }>},
    {.key = "security.allowed_hosts",
     .flag = "--allowed-hosts",
     .kind = Kind::kList,
     .default_text = "",
     .help = "Host names that requests may use, in addition to the listen address",
     .reloadable = true,
     .put = [](const std::string& text,
               ServerOptions* options) { options->security.allowed_hosts = SplitList(text); }},
    {.key = "storage.durability",
     .flag = "--durability",
     .kind = Kind::kChoice,
     .default_text = "fsync",
     .help = "When acknowledged work is on disk; fsync: at once, interval: within a second",
     .choices = "fsync|interval",
     .put = PutDurability},
    {.key = "storage.disk_reserve",
     .flag = "--disk-reserve",
     .kind = Kind::kSize,
     .default_text = "128MiB",
     .help = "Refuse new tasks when the disk has less free space than this",
     .max = 16 * 1024 * kGiB,
     .put = PutSize<[](ServerOptions& o) -> auto& { return o.node.disk_reserve_bytes; }>},
    {.key = "storage.checkpoint_after",
     .flag = "--checkpoint-after",
     .kind = Kind::kSize,
     .default_text = "32MiB",
     .help = "Begin a checkpoint after this much journal",
     .min = kMiB,
     .max = kGiB,
     .put = PutSize<[](ServerOptions& o) -> auto& { return o.node.checkpoint_bytes; }>},
    {.key = "storage.checkpoint_interval",
     .flag = "--checkpoint-interval",
     .kind = Kind::kDuration,
     .default_text = "2s",
     .help = "Begin a checkpoint at most this long after a change",
     .min = 100,
     .max = 600'000,
     .put = PutDuration<[](ServerOptions& o) -> auto& { return o.node.checkpoint_ms; }>},
    {.key = "storage.backlog_max",
     .flag = "--backlog-max",
     .kind = Kind::kSize,
     .default_text = "512MiB",
     .help = "Limit for journal without a checkpoint; beyond it new tasks wait up to 3 s and are "
             "then refused",
     .min = 64 * kMiB,
     .max = 64 * kGiB,
     .put = PutSize<[](ServerOptions& o) -> auto& { return o.node.backlog_bytes_max; }>},
    {.key = "storage.payload_memory",
     .flag = "--payload-memory",
     .kind = Kind::kSize,
     .default_text = "32MiB",
     .help = "Approximate memory for payloads that are already in the store",
     .min = kMiB,
     .max = 64 * kGiB,
     .put = PutSize<[](ServerOptions& o) -> auto& { return o.node.payload_memory_bytes; }>},
    {.key = "backup.directory",
     .flag = "--backup-directory",
     .kind = Kind::kDirectory,
     .default_text = "",
     .help = "Directory for backups; if empty, backups in the data directory",
     .put = PutText<[](ServerOptions& o) -> auto& { return o.node.backup_directory; }>},
    {.key = "backup.every",
     .flag = "--backup-every",
     .kind = Kind::kDuration,
     .default_text = "0s",
     .help = "Make a backup when the last one is this old; 0s: only on request",
     .max = 366 * uint64_t{86'400'000},
     .put = PutDuration<[](ServerOptions& o) -> auto& { return o.node.backup_every_ms; }>},
    {.key = "backup.keep",
     .flag = "--backup-keep",
     .kind = Kind::kCount,
     .default_text = "7",
     .help = "Number of scheduled and of requested backups to keep; 0: all",
     .max = 100'000,
     .put = PutBackupsKept},
};

Status CheckNumber(const Setting& setting, std::string_view text, std::optional<uint64_t> number,
                   const std::string& why_not) {
  if (number && *number >= setting.min && *number <= setting.max) return {};
  if (number == 0 && setting.or_zero) return {};
  if (!number) return {Code::kInvalidArgument, why_not};
  return {Code::kInvalidArgument,
          fmt::format("\"{}\" is out of range; it must be {}", text, setting.Range())};
}

bool HasChoice(const Setting& setting, std::string_view text) {
  const std::vector<std::string> choices = setting.Choices();
  return std::ranges::find(choices, text) != choices.end();
}

}  // namespace

std::string Setting::Variable() const {
  std::string variable = fmt::format("TREADLE_{}__{}", section(), name());
  for (char& c : variable) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return variable;
}

std::string Setting::Placeholder() const {
  switch (kind) {
    case Kind::kFile:
      return "FILE";
    case Kind::kDirectory:
      return "DIR";
    case Kind::kAddress:
      return "HOST:PORT";
    case Kind::kChoice:
      return std::string(choices);
    case Kind::kSize:
      return "SIZE";
    case Kind::kCount:
      return "N";
    case Kind::kDuration:
      return "TIME";
    case Kind::kList:
      return "NAME,...";
    case Kind::kText:
      return "TEXT";
    case Kind::kSwitch:
      return "";
  }
  return "";
}

std::string Setting::Range() const {
  switch (kind) {
    case Kind::kFile:
      return "the path of a file";
    case Kind::kDirectory:
      return "the path of a directory";
    case Kind::kAddress:
      return "HOST:PORT";
    case Kind::kChoice:
      return fmt::format("one of {}", fmt::join(Choices(), ", "));
    case Kind::kSwitch:
      return "true or false";
    case Kind::kSize:
      return fmt::format("{}a size from {} to {}", or_zero ? "0B, or " : "", ExactSize(min),
                         ExactSize(max));
    case Kind::kCount:
      return fmt::format("a whole number from {} to {}", min, max);
    case Kind::kDuration:
      return fmt::format("a duration from {} to {}", ExactDuration(min), ExactDuration(max));
    case Kind::kText:
      return "a string";
    case Kind::kList:
      return "a list of names";
  }
  return "";
}

std::vector<std::string> Setting::Choices() const {
  std::string with_commas(choices);
  std::ranges::replace(with_commas, '|', ',');
  return SplitList(with_commas);
}

std::string Setting::AsToml(std::string_view text) const {
  if (kind == Kind::kSwitch || kind == Kind::kCount) return std::string(text);
  if (kind != Kind::kList) return QuoteToml(text);
  std::vector<std::string> items = SplitList(text);
  for (std::string& item : items) item = QuoteToml(item);
  return fmt::format("[{}]", fmt::join(items, ", "));
}

std::span<const Setting> Settings() { return kSettings; }

const Setting* FindSetting(std::string_view key) {
  const auto found = std::ranges::find(kSettings, key, &Setting::key);
  return found == std::end(kSettings) ? nullptr : found;
}

Status CheckSetting(const Setting& setting, std::string_view text) {
  const auto is_not = [&](std::string_view what) {
    return fmt::format("\"{}\" is not {}", text, what);
  };
  const auto refuse = [&](std::string_view what) {
    return Status(Code::kInvalidArgument, is_not(what));
  };
  // The environment and the command line take any bytes; a file, a log and an answer do not.
  if (!IsUtf8(text)) return {Code::kInvalidArgument, "the value is not UTF-8"};
  switch (setting.kind) {
    case Kind::kAddress:
      if (!ParseAddress(text)) {
        return refuse("an address; write HOST:PORT, for example 127.0.0.1:7373");
      }
      return {};
    case Kind::kChoice:
      return HasChoice(setting, text) ? Status() : refuse(setting.Range());
    case Kind::kSwitch:
      return text == "true" || text == "false" ? Status() : refuse("true or false");
    case Kind::kSize:
      return CheckNumber(setting, text, ParseSize(text),
                         is_not("a size with its unit; write for example 64MiB or 2GiB"));
    case Kind::kCount:
      return CheckNumber(setting, text, ParseCount(text), is_not("a whole number"));
    case Kind::kDuration:
      return CheckNumber(setting, text, ParseDuration(text), WhyNoDuration(text));
    case Kind::kDirectory:
      return text.empty() && !setting.default_text.empty() ? refuse("the path of a directory")
                                                           : Status();
    default:
      return {};
  }
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> parts;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(',', start), text.size());
    std::string_view part = text.substr(start, end - start);
    const size_t first = part.find_first_not_of(' ');
    if (first != std::string_view::npos) {
      parts.emplace_back(part.substr(first, part.find_last_not_of(' ') - first + 1));
    }
    start = end + 1;
  }
  return parts;
}

}  // namespace treadle::config
