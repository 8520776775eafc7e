// SPDX-License-Identifier: Apache-2.0
#include "poller/backends.h"

#include <atomic>
#include <cstdlib>
#include <string>

#include "platform/choice.h"
#include "platform/log.h"
#include "platform/system_error.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

constexpr const char* variable = "TORNADO_POLLER";
constexpr std::string_view io_uring_name = "io_uring";

constexpr const PollerBackend* table[] = {
#if defined(__linux__)
    &epoll_backend,
#endif
    &poll_backend,
    &select_backend,
#if defined(TORNADO_HAS_LIBURING)
    &io_uring_backend,
#endif
};

std::unique_ptr<Poller> make_io_uring() {
#if defined(TORNADO_HAS_LIBURING)
  return io_uring_backend.make();
#else
  throw_error(Errc::no_poller, "io_uring: this build has no liburing");
#endif
}

bool is_io_uring(PollerKind kind) {
  if (kind != PollerKind::best) return kind == PollerKind::io_uring;
  const char* name = std::getenv(variable);
  return name && name == io_uring_name;
}

/// Not there, or forbidden; as opposed to a want of descriptors or memory.
bool is_unavailable(std::error_code error) {
  for (const std::errc reason :
       {std::errc::function_not_supported, std::errc::operation_not_permitted,
        std::errc::permission_denied, std::errc::invalid_argument,
        std::errc::not_supported}) {
    if (error == reason) return true;
  }
  return error == Errc::no_poller;
}

std::unique_ptr<Poller> make_other(std::span<const PollerBackend* const> others,
                                   PollerKind kind, const char* named_by) {
  return choose(others, kind, named_by, Errc::no_poller,
                [](const PollerBackend& backend) { return backend.make(); });
}

void log_once(const std::system_error& error, PollerKind instead) {
  static std::atomic<bool> logged{false};
  if (logged.exchange(true)) return;
  log(LogLevel::warning, "io_uring does not work here, " +
                             std::string(to_string(instead)) +
                             " is used instead: " + error.what());
}

}  // namespace

std::span<const PollerBackend* const> poller_backends() noexcept {
  return table;
}

std::unique_ptr<Poller> make_poller(PollerKind kind) {
  // What may be chosen by itself.
  std::span<const PollerBackend* const> others = table;
  if (others.back()->kind == PollerKind::io_uring) {
    others = others.first(others.size() - 1);
  }
  if (!is_io_uring(kind)) return make_other(others, kind, variable);
  try {
    return make_io_uring();
  } catch (const std::system_error& error) {
    if (!is_unavailable(error.code())) throw;
    auto other = make_other(others, PollerKind::best, "");
    log_once(error, other->kind());
    return other;
  }
}

void check_pollable(const char* act, NativeFd fd, Events events, Events modes) {
  std::error_code ec;
  (void)is_close_exec(fd, ec);
  if (!ec && has(events & ~modes, Events::edge | Events::one_shot)) {
    ec = std::make_error_code(std::errc::not_supported);
  }
  if (ec) throw_error(ec, act_on(act, fd));
}

std::vector<PollerKind> poller_kinds() {
  std::vector<PollerKind> kinds;
  for (const PollerBackend* backend : poller_backends()) kinds.push_back(backend->kind);
  return kinds;
}

std::string_view to_string(PollerKind kind) noexcept {
  if (kind == PollerKind::best) return "best";
  if (kind == PollerKind::io_uring) return io_uring_name;
  for (const PollerBackend* backend : poller_backends()) {
    if (backend->kind == kind) return backend->name;
  }
  return "unknown";
}

}  // namespace tornado
