// treadle version
#include "cli/version.h"

#include "cli/commands.h"

namespace treadle::cli {

// TREADLE_VERSION comes from the project() line of CMake.
std::string VersionLine() { return "treadle " TREADLE_VERSION; }

void AddVersion(Command parent, Session& session) {
  parent.Sub("version", "Print the version of Treadle").Example("treadle version").Run([&session] {
    if (session.json() || session.jsonl()) {
      session.console().OutLine(JsonObject().Text("version", TREADLE_VERSION).Done());
    } else {
      session.console().OutLine(VersionLine());
    }
    return ExitStatus::kOk;
  });
}

}  // namespace treadle::cli
