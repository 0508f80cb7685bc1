// Task types on the wire. Pure; any thread.
#pragma once

#include <vector>

#include "base/status.h"
#include "engine/commands.h"
#include "http/message.h"
#include "json/writer.h"

namespace treadle::api {

enum class TypeDetail { kListed, kWhole };  // listed: contracts without their schemas

void WriteType(const TypeView& type, TypeDetail detail, JsonWriter* out);

/// The answer to a request about one type.
http::Response OneType(const TypeView& view);

}  // namespace treadle::api
