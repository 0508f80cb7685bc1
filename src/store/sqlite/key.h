// The form of an idempotency key's identity in the store: its 16 bytes.
#pragma once

#include <cstring>
#include <string_view>

#include "engine/effects.h"

namespace treadle {

/// Points into `id`.
inline std::string_view KeyBytes(const IdempotencyId& id) {
  return {reinterpret_cast<const char*>(id.data()), sizeof id};
}

/// `bytes` shorter than an identity leave the rest zero.
inline IdempotencyId KeyFromBytes(std::string_view bytes) {
  IdempotencyId id{};
  std::memcpy(id.data(), bytes.data(), bytes.size() < sizeof id ? bytes.size() : sizeof id);
  return id;
}

}  // namespace treadle
