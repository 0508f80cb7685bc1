// What a task type may have been meant to be.
#pragma once

#include <string>

#include "console/session.h"

namespace treadle::cli {

/// "; did you mean \"hello\"?" if the server knows a type of a name like `type`; else empty. A
/// server that does not answer is passed over.
std::string DidYouMeanType(Session& session, const std::string& type);

}  // namespace treadle::cli
