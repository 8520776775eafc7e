// SPDX-License-Identifier: Apache-2.0
#include "support/sanitizers.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "platform/system_error.h"
#include "tornado/error.h"

namespace tornado::test {

void show_error_types_to_sanitizers() {
  const std::error_code codes[] = {{EMFILE, std::system_category()},
                                   {EMFILE, std::generic_category()},
                                   make_error_code(Errc::no_waker)};
  for (const std::error_code& code : codes) {
    try {
      throw_error(code, "example");
    } catch (const std::system_error& e) {
      (void)(e.code() == std::errc::too_many_files_open);
      (void)(e.code() == code);
      (void)e.code().message();
      (void)e.what();
    }
  }
}

bool under_valgrind() {
  const char* preloaded = std::getenv("LD_PRELOAD");
  return preloaded && std::strstr(preloaded, "valgrind");
}

}  // namespace tornado::test
