// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How the library brings a result to a loop from another thread. Not for programs.

#include <memory>

#include "tornado/native.h"

namespace tornado {

class Mailbox;

namespace detail {

/// What any thread may send to a loop, without memory and so without failure: once,
/// until it has arrived. The loop drops the reference that came with it on its thread.
class TORNADO_API Arrival : public std::enable_shared_from_this<Arrival> {
 public:
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

 protected:
  Arrival() noexcept = default;
  virtual ~Arrival() = default;

 private:
  friend class tornado::Mailbox;
  /// On the thread of the loop, which is not closed.
  virtual void arrive() noexcept = 0;

  Arrival* next_ = nullptr;
  std::shared_ptr<Arrival> self_;  // on its way
};

}  // namespace detail
}  // namespace tornado
