// SPDX-License-Identifier: Apache-2.0
#include <execinfo.h>

#include <cstdlib>
#include <memory>

#include "loop/backtrace.h"

namespace tornado {

int take_backtrace(std::span<void*> frames) noexcept {
  return ::backtrace(frames.data(), static_cast<int>(frames.size()));
}

std::string frame_text(void* frame) {
  const std::unique_ptr<char*, void (*)(void*)> symbols(::backtrace_symbols(&frame, 1),
                                                        &std::free);
  return symbols ? *symbols : "?";
}

}  // namespace tornado
