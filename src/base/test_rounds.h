// How often a test repeats itself with other random numbers. Under a sanitizer a round takes about
// ten times as long, so there are fewer. The release build has all of them.
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // g++
#define TREADLE_SANITIZED 1
#elif defined(__has_feature)  // clang
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TREADLE_SANITIZED 1
#endif
#endif

namespace treadle {

/// `all`, or `sanitized` in a build with a sanitizer.
template <class Number>
constexpr Number TestRounds(Number all, [[maybe_unused]] Number sanitized) {
#ifdef TREADLE_SANITIZED
  return sanitized;
#else
  return all;
#endif
}

}  // namespace treadle
