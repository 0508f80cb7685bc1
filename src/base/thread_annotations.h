// A mutex that clang's thread-safety analysis understands
// (https://clang.llvm.org/docs/ThreadSafetyAnalysis.html).
// `./dev lint` runs that analysis; g++ sees plain C++.
#pragma once

#include <mutex>

#if defined(__clang__)
#define TREADLE_TSA(x) __attribute__((x))
#else
#define TREADLE_TSA(x)
#endif

#define TREADLE_GUARDED_BY(mutex) TREADLE_TSA(guarded_by(mutex))
#define TREADLE_REQUIRES(mutex) TREADLE_TSA(requires_capability(mutex))
#define TREADLE_EXCLUDES(mutex) TREADLE_TSA(locks_excluded(mutex))

namespace treadle {

class TREADLE_TSA(capability("mutex")) Mutex {
 public:
  void lock() TREADLE_TSA(acquire_capability()) { mutex_.lock(); }
  void unlock() TREADLE_TSA(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

/// Holds a Mutex from its construction to its end.
class TREADLE_TSA(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TREADLE_TSA(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() TREADLE_TSA(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace treadle
