// SPDX-License-Identifier: Apache-2.0
#include "platform/error_windows.h"
#include "platform/handle_windows.h"
#include "poller/poll_set.h"
#include "poller/poller.h"
#include "poller/timeout.h"

namespace tornado {
namespace {

struct WsaPollCalls {
  using Polled = WSAPOLLFD;
  static constexpr short gone = POLLNVAL;

  static void check(const char* act, NativeFd fd) { check_socket(act, fd); }

  static int call(std::vector<WSAPOLLFD>& polled, std::chrono::nanoseconds timeout) {
    if (polled.empty()) {
      ::Sleep(static_cast<DWORD>(to_milliseconds(timeout)));  // -1 is INFINITE
      return 0;
    }
    const int n = ::WSAPoll(polled.data(), static_cast<ULONG>(polled.size()),
                            to_milliseconds(timeout));
    if (n != SOCKET_ERROR) return n;
    // What it says when none of them is open any more, which each then says, too.
    if (::WSAGetLastError() != WSAENOTSOCK) throw_windows_error("WSAPoll");
    for (WSAPOLLFD& one : polled) one.revents = is_socket(one.fd) ? SHORT{0} : gone;
    return 1;
  }

  static short to_system(Events events) noexcept {
    int mask = 0;  // POLLERR and POLLHUP are always reported
    if (has(events, Events::read)) mask |= POLLRDNORM;
    if (has(events, Events::write)) mask |= POLLWRNORM;
    return static_cast<short>(mask);
  }

  // WSAPoll reports a hang-up when the peer stops writing. Other systems report this as
  // readable, and a hang-up only when writing has ended too.
  static Events from_system(short asked, short found) noexcept {
    Events events = Events::none;
    if (found & POLLRDNORM) events |= Events::read;
    if (found & POLLWRNORM) events |= Events::write;
    if (found & POLLERR) events |= Events::error;
    if (found & POLLHUP) {
      events |= asked & POLLRDNORM && !(found & POLLERR) ? Events::read : Events::error;
    }
    return events;
  }
};

}  // namespace

const PollerBackend poll_backend = {PollerKind::poll, "poll",
                                    []() -> std::unique_ptr<Poller> {
                                      return std::make_unique<PollSet<WsaPollCalls>>();
                                    }};

}  // namespace tornado
