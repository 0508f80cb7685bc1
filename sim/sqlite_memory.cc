#include "sim/sqlite_memory.h"

#include <sqlite3.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "store/sqlite/sqlite.h"

namespace treadle::sim {
namespace {

// Each piece follows its size. Pieces of up to kSmallMax bytes that nobody uses are in a list by
// size, and never go back: the next world needs as many. Larger ones, the pages above all, come
// from the C library. Counts include the header, and all are multiples of kStep.
constexpr size_t kHeader = 8;  // SQLite's pieces are aligned to this
constexpr size_t kStep = 16;
constexpr size_t kSmallMax = 1024;
constexpr size_t kChunkBytes = size_t{64} << 10;

struct Piece {
  uint64_t bytes;
  Piece* next;  // while it is in a list; else the first bytes of the user's
};
static_assert(offsetof(Piece, next) == kHeader);

std::array<Piece*, kSmallMax / kStep + 1> unused{};
char* chunk = nullptr;
size_t chunk_left = 0;

constexpr size_t Whole(size_t size) { return (size + kHeader + kStep - 1) / kStep * kStep; }
Piece* Of(void* user) { return reinterpret_cast<Piece*>(static_cast<char*>(user) - kHeader); }
void* UserOf(Piece* piece) { return reinterpret_cast<char*>(piece) + kHeader; }

Piece* Carve(size_t bytes) {
  if (chunk_left < bytes) {
    chunk = static_cast<char*>(std::malloc(kChunkBytes));
    TREADLE_CHECK(chunk != nullptr);
    chunk_left = kChunkBytes;
  }
  auto* const piece = reinterpret_cast<Piece*>(chunk);
  chunk += bytes;
  chunk_left -= bytes;
  return piece;
}

void* Malloc(int size) {
  const size_t bytes = Whole(static_cast<size_t>(size));
  Piece* piece = nullptr;
  if (bytes > kSmallMax) {
    piece = static_cast<Piece*>(std::malloc(bytes));
    if (piece == nullptr) return nullptr;
  } else if (Piece*& first = unused[bytes / kStep]; first != nullptr) {
    piece = first;
    first = piece->next;
  } else {
    piece = Carve(bytes);
  }
  piece->bytes = bytes;
  return UserOf(piece);
}

void Free(void* user) {
  Piece* const piece = Of(user);
  if (piece->bytes > kSmallMax) return std::free(piece);
  Piece*& first = unused[piece->bytes / kStep];
  piece->next = first;
  first = piece;
}

int Size(void* user) { return user == nullptr ? 0 : static_cast<int>(Of(user)->bytes - kHeader); }
int RoundUp(int size) { return static_cast<int>(Whole(static_cast<size_t>(size)) - kHeader); }

void* Realloc(void* user, int size) {
  const int had = Size(user);
  if (RoundUp(size) == had) return user;
  void* const moved = Malloc(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, user, static_cast<size_t>(size < had ? size : had));
  Free(user);
  return moved;
}

int Init(void*) { return SQLITE_OK; }
void Shutdown(void*) {}

}  // namespace

void SetUpSqliteForOneThread(bool own_memory) {
  static constexpr sqlite3_mem_methods kMethods = {
      .xMalloc = Malloc,
      .xFree = Free,
      .xRealloc = Realloc,
      .xSize = Size,
      .xRoundup = RoundUp,
      .xInit = Init,
      .xShutdown = Shutdown,
      .pAppData = nullptr,
  };
  TREADLE_CHECK(sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) == SQLITE_OK);
  if (own_memory) TREADLE_CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &kMethods) == SQLITE_OK);
  SetUpSqlite();
}

}  // namespace treadle::sim
