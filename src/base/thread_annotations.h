// A mutex and a condition that clang's thread-safety analysis understands
// (https://clang.llvm.org/docs/ThreadSafetyAnalysis.html).
// `./dev lint` runs that analysis; g++ sees plain C++.
#pragma once

#include <condition_variable>
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
  friend class Condition;
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

/// std::condition_variable for a Mutex that the caller holds. (std::condition_variable_any takes a
/// lock of its own besides, and with it twice the system calls.)
class Condition {
 public:
  void wait(Mutex& mutex) TREADLE_REQUIRES(mutex) {
    Held held(mutex);
    condition_.wait(held.lock);
  }
  template <class Time>
  std::cv_status wait_until(Mutex& mutex, const Time& time) TREADLE_REQUIRES(mutex) {
    Held held(mutex);
    return condition_.wait_until(held.lock, time);
  }
  template <class Duration>
  std::cv_status wait_for(Mutex& mutex, const Duration& duration) TREADLE_REQUIRES(mutex) {
    Held held(mutex);
    return condition_.wait_for(held.lock, duration);
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  struct Held {
    explicit Held(Mutex& mutex) : lock(mutex.mutex_, std::adopt_lock) {}
    ~Held() { lock.release(); }
    std::unique_lock<std::mutex> lock;
  };

  std::condition_variable condition_;
};

}  // namespace treadle
