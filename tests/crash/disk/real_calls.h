// Real: the C library's own functions, which calls.cc replaces.
#pragma once

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace treadle::crash {

template <typename Function>
Function* NextOf(const char* name) {
  void* const found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) std::abort();
  return reinterpret_cast<Function*>(found);
}

struct RealCalls {
  int (*open)(const char*, int, ...) = NextOf<int(const char*, int, ...)>("open");
  int (*close)(int) = NextOf<int(int)>("close");
  ssize_t (*pwrite)(int, const void*, size_t,
                    off_t) = NextOf<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  ssize_t (*write)(int, const void*, size_t) = NextOf<ssize_t(int, const void*, size_t)>("write");
  int (*ftruncate)(int, off_t) = NextOf<int(int, off_t)>("ftruncate");
  int (*fallocate)(int, int, off_t, off_t) = NextOf<int(int, int, off_t, off_t)>("fallocate");
  int (*fsync)(int) = NextOf<int(int)>("fsync");
  int (*fdatasync)(int) = NextOf<int(int)>("fdatasync");
  int (*rename)(const char*, const char*) = NextOf<int(const char*, const char*)>("rename");
  int (*unlink)(const char*) = NextOf<int(const char*)>("unlink");
  int (*mkdir)(const char*, mode_t) = NextOf<int(const char*, mode_t)>("mkdir");
  int (*link)(const char*, const char*) = NextOf<int(const char*, const char*)>("link");
};

inline const RealCalls& Real() {
  static const RealCalls calls;
  return calls;
}

}  // namespace treadle::crash
