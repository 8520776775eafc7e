// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tornado/intrusive_list.h"

namespace tornado::detail {

/// What a loop is to do once, at the end of its turn.
class TurnEnd : public ListLink<TurnEnd> {
 public:
  virtual void on_turn_end() noexcept = 0;

 protected:
  TurnEnd() noexcept = default;
  ~TurnEnd() = default;
};

}  // namespace tornado::detail
