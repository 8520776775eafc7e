// SPDX-License-Identifier: Apache-2.0
// Where the C library has no backtrace: musl.
#include <dlfcn.h>
#include <unwind.h>

#include <cstdint>
#include <sstream>

#include "loop/backtrace.h"

namespace tornado {
namespace {

struct Walk {
  std::span<void*> frames;
  std::size_t depth = 0;
};

_Unwind_Reason_Code note_frame(_Unwind_Context* context, void* argument) {
  auto& walk = *static_cast<Walk*>(argument);
  if (walk.depth == walk.frames.size()) return _URC_END_OF_STACK;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address is what it is.
  walk.frames[walk.depth++] = reinterpret_cast<void*>(_Unwind_GetIP(context));
  return _URC_NO_REASON;
}

}  // namespace

int take_backtrace(std::span<void*> frames) noexcept {
  Walk walk{frames};
  (void)::_Unwind_Backtrace(&note_frame, &walk);
  return static_cast<int>(walk.depth);
}

std::string frame_text(void* frame) {
  std::ostringstream text;
  Dl_info info{};
  if (::dladdr(frame, &info) != 0 && info.dli_fname) {
    text << info.dli_fname << '(';
    if (info.dli_sname) {
      const auto offset = reinterpret_cast<std::uintptr_t>(frame) -
                          reinterpret_cast<std::uintptr_t>(info.dli_saddr);
      text << info.dli_sname << "+0x" << std::hex << offset;
    }
    text << ") ";
  }
  text << '[' << frame << ']';
  return text.str();
}

}  // namespace tornado
