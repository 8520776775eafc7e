// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "platform/system_error.h"
#include "process/wait_status.h"

namespace tornado {

// Nobody can take the status away, and the pid is nobody else's, as long as the handle
// is open.
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

// The status then is that of a child which the signal killed.
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
  DWORD code = 0;  // there before the end is, during which there is no access any more
  if (::GetExitCodeProcess(as_handle(process), &code) && code != STILL_ACTIVE) {
    return false;
  }
  throw_error(error, act);
}

}  // namespace tornado
