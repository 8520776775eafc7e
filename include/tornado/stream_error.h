// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How a stream fails.

#include <stdexcept>
#include <string>
#include <system_error>

#include "tornado/native.h"

namespace tornado {

/// The stream is closed, so that an operation cannot be done.
class TORNADO_API StreamClosedError : public std::runtime_error {
 public:
  explicit StreamClosedError(std::error_code real_error = {});
  /// Why it was closed. No error for the end of input, and for a close() without one.
  /// Errc::unsatisfiable_read and Errc::buffer_full are limits that a read has met.
  [[nodiscard]] const std::error_code& real_error() const noexcept { return real_; }

 private:
  std::error_code real_;
};

/// A write would exceed StreamOptions::max_write_buffer_size. Nothing of it is sent,
/// and the stream stays open.
class TORNADO_API StreamBufferFullError : public std::runtime_error {
 public:
  StreamBufferFullError();
};

}  // namespace tornado
