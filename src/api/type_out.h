// Task types on the wire. Pure; any thread.
#pragma once

#include <vector>

#include "api/json_out.h"
#include "base/status.h"
#include "engine/commands.h"
#include "http/message.h"

namespace treadle::api {

enum class TypeDetail { kListed, kWhole };  // listed: contracts without their schemas

void WriteType(const TypeView& type, TypeDetail detail, JsonOut* out);

/// The answer to a request about one type.
http::Response OneType(const Result<TypeView>& view);

}  // namespace treadle::api
