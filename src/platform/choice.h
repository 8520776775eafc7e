// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "platform/system_error.h"
#include "tornado/error.h"

namespace tornado {

/// Whether the error says that a mechanism is not there or forbidden; as opposed to a
/// want of descriptors or memory.
bool is_unavailable(std::error_code error) noexcept;

/// Says once in the log that `wanted` does not work here.
void log_replacement(std::string_view wanted, std::string_view instead,
                     const std::system_error& why);

template <class Mechanism>
constexpr bool is_by_name_only(const Mechanism& mechanism) {
  if constexpr (requires { mechanism.by_name_only; }) {
    return mechanism.by_name_only;
  } else {
    return false;
  }
}

/// What `make` gives for the first that it succeeds with. If there is none, the error
/// of the last is thrown.
template <class Mechanism, class Make>
auto choose_best(std::span<const Mechanism* const> table, Make make) {
  std::exception_ptr last;
  for (const Mechanism* mechanism : table) {
    if (is_by_name_only(*mechanism)) continue;
    try {
      return make(*mechanism);
    } catch (const std::system_error&) {
      last = std::current_exception();
    }
  }
  std::rethrow_exception(last);
}

/// The best instead of one that is by name only and does not work here.
template <class Mechanism, class Make>
auto choose_named(std::span<const Mechanism* const> table, const Mechanism& named,
                  Make make) {
  try {
    return make(named);
  } catch (const std::system_error& error) {
    if (!is_by_name_only(named) || !is_unavailable(error.code())) throw;
    return choose_best(table, [&](const Mechanism& other) {
      auto made = make(other);
      log_replacement(named.name, other.name, error);
      return made;
    });
  }
}

/// How a mechanism is chosen among those compiled in: by kind; or, for Kind::best, by
/// an environment variable; or else the best.
template <class Mechanism, class Kind, class Make>
auto choose(std::span<const Mechanism* const> table, Kind kind, const char* variable,
            Errc missing, Make make) {
  const char* name = kind == Kind::best ? std::getenv(variable) : nullptr;
  if (kind == Kind::best && (!name || !*name)) return choose_best(table, make);
  for (const Mechanism* mechanism : table) {
    if (name ? mechanism->name == name : mechanism->kind == kind)
      return choose_named(table, *mechanism, make);
  }
  throw_error(missing, name ? std::string(variable) + "=" + name
                            : std::string("kind ") +
                                  std::to_string(static_cast<unsigned>(kind)));
}

}  // namespace tornado
