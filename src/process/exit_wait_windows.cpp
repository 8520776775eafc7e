// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

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
    throw_windows_error("DuplicateHandle of a process");
  }
  auto notice = std::make_unique<Notice>(Notice{UniqueHandle(copy), std::move(tell)});
  const PTP_WAIT wait = ::CreateThreadpoolWait(&on_end, notice.get(), nullptr);
  if (!wait) throw_windows_error("CreateThreadpoolWait");
  ::SetThreadpoolWait(wait, copy, nullptr);
  (void)notice.release();  // on_end has it
}

// Windows needs no reaping: a process goes when its last handle closes.
void reap_later(std::unique_ptr<AbandonedChild>) noexcept {}
void reap_abandoned() noexcept {}

// As long as the handle is open, the status stays and no other process gets the pid.
std::optional<ExitStatus> reap(int, NativeFd process, WaitFor wait) {
  const DWORD state =
      ::WaitForSingleObject(as_handle(process), wait == WaitFor::end ? INFINITE : 0);
  if (state == WAIT_TIMEOUT) return {};
  DWORD code = 0;
  if (state == WAIT_FAILED || !::GetExitCodeProcess(as_handle(process), &code)) {
    return ExitStatus{last_windows_error(), 0};
  }
  return ExitStatus{{}, static_cast<int>(code)};
}

// TerminateProcess sets the exit code that a signal would give.
bool signal_child(int pid, NativeFd process, int signal) {
  const std::string act = "kill " + std::to_string(pid);
  if (signal != 0 && signal != kill_signal && signal != terminate_signal) {
    throw_error(std::make_error_code(std::errc::not_supported),
                act + " with signal " + std::to_string(signal));
  }
  if (reap(pid, process, WaitFor::nothing)) return false;
  if (signal == 0 ||
      ::TerminateProcess(as_handle(process), static_cast<UINT>(-signal))) {
    return true;
  }
  const std::error_code error = last_windows_error();
  // A process that is ending refuses access, and has its exit code already.
  DWORD code = 0;
  if (::GetExitCodeProcess(as_handle(process), &code) && code != STILL_ACTIVE) {
    return false;
  }
  throw_error(error, act);
}

}  // namespace tornado
