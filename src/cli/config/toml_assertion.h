// What becomes of an assertion of toml++: an exception. By itself it ends the process, for files
// that a person wrote ("[.a]"), and without the assertion the parser would read on behind the end.
// Only before the header of toml++, and only in toml_node.cc.
#pragma once

namespace treadle::cli {

struct TomlAssertion {};

[[noreturn]] void ThrowTomlAssertion();  // toml_node.cc

}  // namespace treadle::cli

#define TOML_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::treadle::cli::ThrowTomlAssertion())
