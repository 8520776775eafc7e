// SPDX-License-Identifier: Apache-2.0
#include "process/open_for_child_windows.h"

#include <fcntl.h>

#include "platform/handle_windows.h"
#include "process/wide_text_windows.h"

namespace tornado {

UniqueHandle open_for_child(const std::string& path, int flags, unsigned mode) {
  const std::wstring wide = to_wide(path, "the name of a file");
  UniqueHandle file(as_handle(open_path(wide.c_str(), flags, mode)));
  if (!file) throw_windows_error("open " + path);
  return file;
}

UniqueHandle open_null_device() {
  UniqueHandle null(as_handle(open_path(L"NUL", _O_RDWR, 0666)));
  if (!null) throw_windows_error("open NUL");
  return null;
}

}  // namespace tornado
