// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// What keeps a stream while an operation refers to it. Not for programs.

#include <cstdint>
#include <utility>

#include "tornado/native.h"

namespace tornado::detail {

class StreamCore;

/// The part of a stream's core that the compiler has to see.
class TORNADO_API StreamLife {
 protected:
  StreamLife() noexcept = default;
  ~StreamLife() = default;

 private:
  friend class StreamPtr;
  static void destroy(StreamLife* life) noexcept;
  std::uint32_t users_ = 0;
};

/// Keeps the core of a stream, which its owner may end. Of the thread of the stream.
class StreamPtr {
 public:
  StreamPtr() noexcept = default;
  explicit StreamPtr(StreamLife* life) noexcept : life_(life) { ++life_->users_; }
  StreamPtr(const StreamPtr& other) noexcept : life_(other.life_) {
    if (life_) ++life_->users_;
  }
  StreamPtr(StreamPtr&& other) noexcept : life_(std::exchange(other.life_, nullptr)) {}
  StreamPtr& operator=(StreamPtr other) noexcept {
    std::swap(life_, other.life_);
    return *this;
  }
  ~StreamPtr() {
    if (life_ && --life_->users_ == 0) StreamLife::destroy(life_);
  }

  explicit operator bool() const noexcept { return life_ != nullptr; }
  [[nodiscard]] inline StreamCore* get() const noexcept;
  [[nodiscard]] inline StreamCore& operator*() const noexcept;
  [[nodiscard]] inline StreamCore* operator->() const noexcept;

 private:
  StreamLife* life_ = nullptr;
};

}  // namespace tornado::detail
