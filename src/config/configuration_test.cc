#include "config/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "config/config_toml.h"

namespace treadle::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class ConfigurationTest : public ::testing::Test {
 protected:
  ConfigurationTest() {
    directory_ = testing::TempDir() + "treadle-config-XXXXXX";
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
  }
  ~ConfigurationTest() override { std::filesystem::remove_all(directory_); }

  void Write(std::string_view text) {
    sources_.file = directory_ + "/treadle.toml";
    std::ofstream(sources_.file) << text;
  }
  SettingInForce Of(std::string_view key) {
    const Result<Configuration> loaded = LoadConfiguration(sources_);
    EXPECT_TRUE(loaded.ok()) << loaded.status().message();
    for (const SettingInForce& each : loaded->settings) {
      if (each.setting->key == key) return each;
    }
    return {};
  }
  std::string Wrong() {
    const Result<Configuration> loaded = LoadConfiguration(sources_);
    EXPECT_EQ(loaded.status().code(), Code::kInvalidArgument);
    return loaded.status().message();
  }
  std::string WrongFile(std::string_view text) {
    Write(text);
    return Wrong();
  }

  std::string directory_;
  ConfigurationSources sources_;
};

TEST_F(ConfigurationTest, AVariableThatIsNotUtf8IsRefusedWithoutItsBytes) {
  sources_.environment = {{"TREADLE_SERVER__LISTEN", "\x95:45"}};
  EXPECT_EQ(Wrong(), "TREADLE_SERVER__LISTEN: the value is not UTF-8");
}

TEST_F(ConfigurationTest, TheNearerSourceWinsAndIsNamed) {
  EXPECT_EQ(Of("server.listen").origin, "default");
  Write("# mine\n[server]\nlisten = \":1\"\n");
  EXPECT_EQ(Of("server.listen").text, ":1");
  EXPECT_THAT(Of("server.listen").origin, EndsWith("/treadle.toml:3"));
  sources_.environment = {{"TREADLE_SERVER__LISTEN", ":2"}, {"TREADLE_SERVER", "http://x"}};
  EXPECT_EQ(Of("server.listen").text, ":2");
  EXPECT_EQ(Of("server.listen").origin, "TREADLE_SERVER__LISTEN");
  sources_.flags = {{"server.listen", ":3"}};
  EXPECT_EQ(Of("server.listen").text, ":3");
  EXPECT_EQ(Of("server.listen").origin, "--listen");
  EXPECT_EQ(LoadConfiguration(sources_)->options.http.port, 3);
}

TEST_F(ConfigurationTest, EachKindOfValueReachesTheServer) {
  Write(
      "[server]\ndata = \"/d\"\nlog_level = \"error\"\nconnections_max = 500\n"
      "read_timeout = \"1m\"\n"
      "[security]\nallow_unauthenticated = true\nallowed_hosts = [\"a.example\", \"b\"]\n"
      "[storage]\ndurability = \"interval\"\ndisk_reserve = \"4KiB\"\n"
      "checkpoint_interval = \"30s\"\n");
  const ServerOptions options = LoadConfiguration(sources_)->options;
  EXPECT_EQ(options.data_dir, "/d");
  EXPECT_EQ(options.log_level, "error");
  EXPECT_TRUE(options.security.allow_unauthenticated);
  EXPECT_THAT(options.security.allowed_hosts, ElementsAre("a.example", "b"));
  EXPECT_EQ(options.node.durability, NodeOptions::Durability::kInterval);
  EXPECT_EQ(options.node.disk_reserve_bytes, 4096U);
  EXPECT_EQ(options.node.checkpoint_ms, 30'000);
  EXPECT_EQ(options.http.connections_max, 500U);
  EXPECT_EQ(options.http.read_timeout_ms, 60'000);
}

TEST_F(ConfigurationTest, TheDefaultsOfTheTableAreThoseOfTheProgram) {
  const ServerOptions table = LoadConfiguration(sources_)->options;
  const ServerOptions program;
  EXPECT_EQ(table.data_dir, program.data_dir);
  EXPECT_EQ(table.http.host, program.http.host);
  EXPECT_EQ(table.http.port, program.http.port);
  EXPECT_EQ(table.node.durability, program.node.durability);
  EXPECT_EQ(table.log_level, program.log_level);
  EXPECT_EQ(table.node.disk_reserve_bytes, program.node.disk_reserve_bytes);
  EXPECT_EQ(table.node.checkpoint_bytes, program.node.checkpoint_bytes);
  EXPECT_EQ(table.node.checkpoint_ms, program.node.checkpoint_ms);
  EXPECT_EQ(table.node.backlog_bytes_max, program.node.backlog_bytes_max);
  EXPECT_EQ(table.node.payload_memory_bytes, program.node.payload_memory_bytes);
  EXPECT_EQ(table.http.connections_max, program.http.connections_max);
  EXPECT_EQ(table.http.bodies_bytes_max, program.http.bodies_bytes_max);
  EXPECT_EQ(table.http.idle_timeout_ms, program.http.idle_timeout_ms);
  EXPECT_EQ(table.http.read_timeout_ms, program.http.read_timeout_ms);
  EXPECT_EQ(table.http.write_timeout_ms, program.http.write_timeout_ms);
}

TEST_F(ConfigurationTest, AnUnknownNameIsRefusedWithItsPlaceAndTheNearestOne) {
  EXPECT_THAT(WrongFile("[server]\n\nlisen = \":1\"\n"),
              EndsWith("treadle.toml:3: unknown setting \"server.lisen\"; did you mean "
                       "\"server.listen\"?"));
  EXPECT_THAT(WrongFile("[sever]\n"), EndsWith("treadle.toml:1: unknown section \"sever\"; "
                                               "did you mean \"server\"?"));
  EXPECT_THAT(WrongFile("server = 1\n"), HasSubstr("write [server]"));
  sources_.file.clear();
  sources_.environment = {{"TREADLE_SERVER__LISTN", ":1"}};
  EXPECT_EQ(Wrong(),
            "unknown variable TREADLE_SERVER__LISTN; did you mean "
            "\"TREADLE_SERVER__LISTEN\"?");
}

TEST_F(ConfigurationTest, AWrongValueIsRefusedWithItsPlaceAndItsRange) {
  EXPECT_THAT(WrongFile("[server]\nlog_level = \"loud\"\n"),
              EndsWith(":2: server.log_level: \"loud\" is not one of debug, info, warning, error"));
  EXPECT_THAT(WrongFile("[server]\nlisten = 80\n"),
              EndsWith(":2: server.listen: must be HOST:PORT, not a whole number"));
  EXPECT_THAT(WrongFile("[storage]\ncheckpoint_after = \"1KiB\"\n"),
              EndsWith("\"1KiB\" is out of range; it must be a size from 1MiB to 1GiB"));
  EXPECT_THAT(WrongFile("[server]\nidle_timeout = 75\n"),
              EndsWith(":2: server.idle_timeout: \"75\" has no unit; did you mean 75s?"));
  EXPECT_THAT(WrongFile("[server]\nidle_timeout = \"75\"\n"), EndsWith("did you mean 75s?"));
  EXPECT_THAT(WrongFile("[server]\nconnections_max = \"10K\"\n"),
              EndsWith("\"10K\" is not a whole number"));
  EXPECT_THAT(WrongFile("[server]\nconnections_max = 0\n"),
              EndsWith("\"0\" is out of range; it must be a whole number from 1 to 1000000"));
  EXPECT_THAT(WrongFile("[security]\nallow_unauthenticated = \"yes\"\n"),
              EndsWith("must be true or false, not a string"));
  EXPECT_THAT(WrongFile("[security]\nallowed_hosts = [1]\n"),
              HasSubstr("must be a list of names, not "));
  EXPECT_THAT(WrongFile("[server\n"), HasSubstr("treadle.toml:1:"));
  for (const std::string header : {"[.server]", "[server.]", "[server..a]", "[[]]", "[", "[["})
    EXPECT_THAT(WrongFile("# one\n" + header + "\nx = 1\n"), HasSubstr("treadle.toml:2:"))
        << header;
  EXPECT_THAT(WrongFile("[storage]\nbacklog_max = \"64MiB\"\ncheckpoint_after = \"64MiB\"\n"),
              HasSubstr("storage.backlog_max must be larger"));
  sources_.file = directory_ + "/none.toml";
  EXPECT_THAT(Wrong(), EndsWith("/none.toml cannot be read (No such file or directory)"));
}

TEST_F(ConfigurationTest, ASecretIsNeitherShownNorRepeatedInAnError) {
  sources_.environment = {{"TREADLE_SECURITY__TOKEN", "0123456789abcdef"}};
  EXPECT_EQ(Of("security.token").Shown(), "(secret)");
  EXPECT_EQ(LoadConfiguration(sources_)->options.security.token, "0123456789abcdef");
  sources_.environment = {{"TREADLE_SECURITY__TOKEN", "hunter2"}};
  EXPECT_THAT(Wrong(), AllOf(HasSubstr("security.token has fewer than 16 characters"),
                             testing::Not(HasSubstr("hunter2"))));
  sources_.environment = {{"TREADLE_SECURITY__TOKEN", "0123456789abcdef"},
                          {"TREADLE_SECURITY__TOKEN_FILE", "/t"}};
  EXPECT_THAT(Wrong(), HasSubstr("are both set"));
}

TEST_F(ConfigurationTest, ATokenInAFileThatEveryoneCanReadIsRefused) {
  using std::filesystem::perms;
  Write("[security]\ntoken = \"0123456789abcdef\"\n");
  std::filesystem::permissions(sources_.file, perms::owner_all | perms::others_read);
  EXPECT_THAT(Wrong(), AllOf(HasSubstr("treadle.toml:2: security.token: everyone can read"),
                             testing::Not(HasSubstr("0123456789abcdef"))));
  std::filesystem::permissions(sources_.file, perms::owner_all);
  EXPECT_EQ(LoadConfiguration(sources_)->options.security.token, "0123456789abcdef");
}

TEST_F(ConfigurationTest, TheFileThatInitPrintsIsReadBackToTheDefaults) {
  std::string file = ConfigToml();
  EXPECT_THAT(file, HasSubstr("\n# listen = \"127.0.0.1:7373\"\n"));
  for (const Setting& setting : Settings()) {
    const std::string line = std::string(setting.name()) + " = ";
    const size_t at = file.find("\n# " + line);
    ASSERT_NE(at, std::string::npos) << line;
    file.erase(at + 1, 2);
  }
  Write(file);
  for (const Setting& setting : Settings()) {
    const SettingInForce read = Of(setting.key);
    EXPECT_EQ(read.text, setting.default_text) << setting.key;
    EXPECT_THAT(read.origin, HasSubstr("treadle.toml:")) << setting.key;
  }
}

}  // namespace
}  // namespace treadle::config
