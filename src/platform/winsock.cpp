// SPDX-License-Identifier: Apache-2.0
#include "platform/winsock.h"

#include "platform/error_windows.h"
#include "platform/system_error.h"

namespace tornado {

// Never ended: other parts of the program may use it, and the process ends it itself.
void use_winsock() {
  static const int error = [] {
    WSADATA unused{};
    return ::WSAStartup(MAKEWORD(2, 2), &unused);
  }();
  if (error != 0) throw_error({error, windows_category()}, "WSAStartup");
}

}  // namespace tornado
