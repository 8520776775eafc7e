// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdlib>
#include <exception>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "platform/log.h"
#include "platform/system_error.h"
#include "tornado/error.h"

namespace tornado {

/// Whether the error means that a mechanism is missing or forbidden, and not that
/// descriptors or memory have run out.
inline bool is_unavailable(std::error_code error) noexcept {
  for (const std::errc reason :
       {std::errc::function_not_supported, std::errc::operation_not_permitted,
        std::errc::permission_denied, std::errc::invalid_argument,
        std::errc::not_supported}) {
    if (error == reason) return true;
  }
  return error == Errc::no_poller;  // not in this build
}

/// Logs, once per process, that `wanted` is not available.
inline void log_replacement(std::string_view wanted, std::string_view instead,
                            const std::system_error& why) {
  static std::atomic<bool> logged{false};
  if (logged.exchange(true)) return;
  log(LogLevel::warning, std::string(wanted) + " is not available; using " +
                             std::string(instead) + " instead: " + why.what());
}

template <class Mechanism>
constexpr bool is_opt_in(const Mechanism& mechanism) {
  if constexpr (requires { mechanism.opt_in; }) {
    return mechanism.opt_in;
  } else {
    return false;
  }
}

/// Returns what `make` returns for the first mechanism that works. Throws the error of
/// the last one if none works. Skips the opt-in back ends.
template <class Mechanism, class Make>
auto select_best(std::span<const Mechanism* const> table, Make make) {
  std::exception_ptr last;
  for (const Mechanism* mechanism : table) {
    if (is_opt_in(*mechanism)) continue;
    try {
      return make(*mechanism);
    } catch (const std::system_error&) {
      last = std::current_exception();
    }
  }
  std::rethrow_exception(last);
}

/// Falls back to the best mechanism if `named` is opt-in and does not work here.
template <class Mechanism, class Make>
auto select_named(std::span<const Mechanism* const> table, const Mechanism& named,
                  Make make) {
  try {
    return make(named);
  } catch (const std::system_error& error) {
    if (!is_opt_in(named) || !is_unavailable(error.code())) throw;
    return select_best(table, [&](const Mechanism& other) {
      auto made = make(other);
      log_replacement(named.name, other.name, error);
      return made;
    });
  }
}

/// Selects a mechanism of this build: the one of `kind`. For Kind::best, the one that
/// the environment variable names, or else the best.
template <class Mechanism, class Kind, class Make>
auto select_by_kind(std::span<const Mechanism* const> table, Kind kind,
                    const char* variable, Errc missing, Make make) {
  const char* name = kind == Kind::best ? std::getenv(variable) : nullptr;
  if (kind == Kind::best && (!name || !*name)) return select_best(table, make);
  for (const Mechanism* mechanism : table) {
    if (name ? mechanism->name == name : mechanism->kind == kind)
      return select_named(table, *mechanism, make);
  }
  throw_error(missing, name ? std::string(variable) + "=" + name
                            : std::string("kind ") +
                                  std::to_string(static_cast<unsigned>(kind)));
}

}  // namespace tornado
