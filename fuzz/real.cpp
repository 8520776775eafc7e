// SPDX-License-Identifier: Apache-2.0
#include "fuzz/real.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace tornado::fuzz {

void Real::open(bool sockets, std::size_t reader, std::size_t writer) {
  auto pair = sockets ? make_socket_pair() : make_pipe();
  fds_[reader] = std::move(pair.first);
  fds_[writer] = std::move(pair.second);
}

void Real::duplicate(std::size_t from, std::size_t to) {
  fds_[to] = tornado::duplicate(fd(from));
}

bool Real::is_open(std::size_t place) {
  return fds_[place] && ::fcntl(fd(place), F_GETFD) != -1;
}

int Real::write(std::size_t place) {
  return ::write(fd(place), "x", 1) == 1 ? 1 : -errno;
}

int Real::drain(std::size_t place) {
  char bytes[4096];
  int drained = 0;
  while (::read(fd(place), bytes, sizeof bytes) > 0) drained = 1;
  return drained;
}

void Real::fill(std::size_t place) {
  static constexpr char bytes[4096] = {};
  for (const std::size_t size : {sizeof bytes, std::size_t{1}}) {
    while (::write(fd(place), bytes, size) > 0) {
    }
  }
}

// The number is free, or, with a duplicate, only the kernel still knows the file.
void Real::close_late(std::size_t place) {
  const NativeFd number = fd(place);
  fds_[place].reset();
  loop_.remove_handler(number);
}

void Real::set_policy(Policy policy, Call handler) {
  if (policy == Policy::handler) {
    loop_.handle_callback_exception([h = std::move(handler)](auto) { h(); });
  } else {
    loop_.set_exception_policy(policy == Policy::rethrow ? ExceptionPolicy::rethrow
                                                         : ExceptionPolicy::log);
  }
}

void Real::start() {
  struct Then {
    Real& real;
    ~Then() { real.disown_closed(); }
  } const then{*this};
  loop_.start();
}

void Real::close_loop(bool all_fds) {
  loop_.close(all_fds);
  disown_closed();
}

// What the loop has closed is not ours to close.
void Real::disown_closed() {
  for (UniqueFd& one : fds_) {
    if (one && ::fcntl(one.get(), F_GETFD) == -1) (void)one.release();
  }
}

}  // namespace tornado::fuzz
