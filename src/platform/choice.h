// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <span>
#include <string>
#include <system_error>

#include "platform/system_error.h"
#include "tornado/error.h"

namespace tornado {

/// How a mechanism is chosen among those compiled in: by kind; or, for Kind::best, by
/// an environment variable; or else the first that `make` succeeds with.
template <class Mechanism, class Kind, class Make>
auto choose(std::span<const Mechanism* const> table, Kind kind, const char* variable,
            Errc missing, Make make) {
  const char* name = kind == Kind::best ? std::getenv(variable) : nullptr;
  if (kind == Kind::best && (!name || !*name)) {
    for (const Mechanism* mechanism : table.first(table.size() - 1)) {
      try {
        return make(*mechanism);
      } catch (const std::system_error&) {
        // The last one's error is the caller's.
      }
    }
    return make(*table.back());
  }
  for (const Mechanism* mechanism : table) {
    if (name ? mechanism->name == name : mechanism->kind == kind)
      return make(*mechanism);
  }
  throw_error(missing, name ? std::string(variable) + "=" + name
                            : std::string("kind ") +
                                  std::to_string(static_cast<unsigned>(kind)));
}

}  // namespace tornado
