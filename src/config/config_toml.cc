#include "config/config_toml.h"

#include <fmt/format.h>

#include "config/settings.h"

namespace treadle::config {

std::string ConfigToml() {
  std::string file =
      "# Treadle's server configuration. Each line with a # shows a default; remove the # to "
      "change it.\n"
      "# Variables (TREADLE_SECTION__NAME) and flags override this file.\n"
      "# To see every value and where it comes from: treadle config show\n";
  std::string_view section;
  for (const Setting& setting : Settings()) {
    if (setting.section() != section) {
      section = setting.section();
      file += fmt::format("\n[{}]\n", section);
    }
    file += fmt::format("\n# {} ({}).{}\n# {} = {}\n", setting.help, setting.Range(),
                        setting.reloadable ? " Reloaded by SIGHUP." : "", setting.name(),
                        setting.AsToml(setting.default_text));
  }
  return file;
}

}  // namespace treadle::config
