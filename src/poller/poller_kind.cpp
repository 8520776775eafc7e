// SPDX-License-Identifier: Apache-2.0
#include <span>
#include <string>

#include "platform/select_backend.h"
#include "platform/system_error.h"
#include "poller/poller.h"
#include "tornado/platform.h"

namespace tornado {

#if !defined(TORNADO_HAS_LIBURING)
const PollerBackend io_uring_backend = {
    .kind = PollerKind::io_uring,
    .name = "io_uring",
    .make = nullptr,
    .opt_in = true,
};
#endif

namespace {

// Best first. The last are opt-in.
constexpr const PollerBackend* table[] = {
#if defined(__linux__)
    &epoll_backend,
#endif
#if defined(TORNADO_HAS_KQUEUE)
    &kqueue_backend,
#endif
#if defined(_WIN32)
    &iocp_backend,
#endif
#if !defined(__APPLE__)  // which has no ppoll
    &poll_backend,
#endif
    &select_backend, &io_uring_backend,
};

std::unique_ptr<Poller> make(const PollerBackend& backend) {
  if (backend.make) return backend.make();
  throw_error(Errc::no_poller, std::string(backend.name) + ": not in this build");
}

}  // namespace

std::unique_ptr<Poller> make_poller(PollerKind kind) {
  return select_by_kind(std::span<const PollerBackend* const>(table), kind,
                        "TORNADO_POLLER", Errc::no_poller, make);
}

void Poller::check(const char* act, NativeFd fd, Events events) const {
  std::error_code ec;
  (void)is_close_exec(fd, ec);
  if (!ec && !supports(events)) ec = std::make_error_code(std::errc::not_supported);
  if (ec) throw_error(ec, act_on(act, fd));
}

std::vector<PollerKind> poller_kinds() {
  std::vector<PollerKind> kinds;
  for (const PollerBackend* backend : table) {
    if (backend->make) kinds.push_back(backend->kind);
  }
  return kinds;
}

std::string_view to_string(PollerKind kind) noexcept {
  if (kind == PollerKind::best) return "best";
  for (const PollerBackend* backend : table) {
    if (backend->kind == kind) return backend->name;
  }
  return "unknown";
}

}  // namespace tornado
