// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "process/exit_wait.h"

namespace tornado {
namespace {

struct Notice {
  UniqueHandle process;
  UniqueFunction<void()> tell;
};

// Runs on a thread of the system's pool.
void CALLBACK on_end(PTP_CALLBACK_INSTANCE, void* context, PTP_WAIT wait,
                     TP_WAIT_RESULT) noexcept {
  const std::unique_ptr<Notice> notice(static_cast<Notice*>(context));
  notice->tell();
  ::CloseThreadpoolWait(wait);
}

}  // namespace

UniqueFd open_exit_descriptor(int) noexcept {
  return {};
}

bool is_readable_at_end(NativeFd) noexcept {
  return false;
}

void notify_of_end(int, NativeFd process, UniqueFunction<void()> tell) {
  HANDLE copy = nullptr;
  if (!::DuplicateHandle(::GetCurrentProcess(), as_handle(process),
                         ::GetCurrentProcess(), &copy, SYNCHRONIZE, FALSE, 0)) {
    throw_windows_error("copy of the handle of a process");
  }
  auto notice = std::make_unique<Notice>(Notice{UniqueHandle(copy), std::move(tell)});
  const PTP_WAIT wait = ::CreateThreadpoolWait(&on_end, notice.get(), nullptr);
  if (!wait) throw_windows_error("CreateThreadpoolWait");
  ::SetThreadpoolWait(wait, copy, nullptr);
  (void)notice.release();  // on_end has it
}

// Windows keeps a process for those who have handles of it.
void reap_later(std::unique_ptr<AbandonedChild>) noexcept {}
void reap_abandoned() noexcept {}

}  // namespace tornado
