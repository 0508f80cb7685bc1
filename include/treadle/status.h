// Status and Result<T>: how every room of Treadle says that something did not work.
//
// The codes are the canonical gRPC status names, and LEASE_LOST; they travel unchanged from the
// engine to the wire. Operating errors are returned; programmer errors abort (AbortOnMisuse).
// Values are immutable and safe to copy between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace treadle {

enum class Code : uint8_t {
  kOk,
  kCancelled,
  kUnknown,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kResourceExhausted,
  kFailedPrecondition,
  kAborted,
  kOutOfRange,
  kUnimplemented,
  kInternal,
  kUnavailable,
  kDataLoss,
  kUnauthenticated,
  kLeaseLost,  // the task went on without this worker: what it says of the attempt has no effect
};

/// The name on the wire, for example "NOT_FOUND".
std::string_view CodeName(Code code);
/// The code with that name on the wire; nothing for a name that is none.
std::optional<Code> CodeFromName(std::string_view name);

class [[nodiscard]] Status {
 public:
  Status() = default;
  /// `message` is one plain sentence for a person: it names the field and the fix, and holds no
  /// secret.
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return {}; }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

  /// How long to wait before the same call may succeed, in milliseconds; 0 when nobody can say.
  int64_t retry_after_ms() const { return retry_after_ms_; }
  Status WithRetryAfter(int64_t ms) && {
    retry_after_ms_ = ms;
    return std::move(*this);
  }

  /// "NOT_FOUND: no task 1-42", for logs.
  std::string ToString() const;

 private:
  Code code_ = Code::kOk;
  int64_t retry_after_ms_ = 0;
  std::string message_;
};

/// Prints `what` to standard error and ends the process.
[[noreturn]] void AbortOnMisuse(const char* what);

/// A value, or the reason why there is none. Asking for the value of a failure aborts.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT: conversion is the point
  Result(Status status) : status_(std::move(status)) {  // NOLINT
    if (status_.ok()) AbortOnMisuse("a Result needs a value or a failure");
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  T& value() & { return Checked(), *value_; }
  const T& value() const& { return Checked(), *value_; }
  T&& value() && { return Checked(), *std::move(value_); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  void Checked() const {
    if (!value_) [[unlikely]]
      AbortOnMisuse("asked a failed Result for its value");
  }

  std::optional<T> value_;
  Status status_;
};

}  // namespace treadle

/// Returns from the calling function if `expression` (a Status) is a failure.
#define TREADLE_RETURN_IF_ERROR(expression)                                               \
  do {                                                                                    \
    if (::treadle::Status status_or_ = (expression); !status_or_.ok()) return status_or_; \
  } while (false)

#define TREADLE_CONCAT_INNER(a, b) a##b
#define TREADLE_CONCAT(a, b) TREADLE_CONCAT_INNER(a, b)
#define TREADLE_ASSIGN_INNER(result, target, expression) \
  auto result = (expression);                            \
  if (!result.ok()) return result.status();              \
  target = *std::move(result)

/// Declares or assigns `target` from a Result, or returns its status.
#define TREADLE_ASSIGN_OR_RETURN(target, expression) \
  TREADLE_ASSIGN_INNER(TREADLE_CONCAT(result_, __LINE__), target, expression)
