// SPDX-License-Identifier: Apache-2.0
#include <windows.h>

#include "support/open_numbers.h"

namespace tornado::test {

// Of handles no list is to be had: a look at each number that tests get to.
std::set<NativeFd> open_numbers() {
  constexpr NativeFd step = 4;
  constexpr NativeFd limit = 1 << 14;
  std::set<NativeFd> numbers;
  for (NativeFd fd = step; fd < limit; fd += step) {
    DWORD flags = 0;
    if (::GetHandleInformation(reinterpret_cast<HANDLE>(fd), &flags)) {
      numbers.insert(fd);
    }
  }
  return numbers;
}

}  // namespace tornado::test
