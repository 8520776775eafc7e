// SPDX-License-Identifier: Apache-2.0
#include "platform/fd_makers.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <ostream>
#include <stdexcept>

#include "poller/poller.h"
#include "support/loopback.h"
#include "support/pollers.h"
#include "support/wait.h"
#include "tornado/waker.h"

namespace tornado::test {
namespace {

template <class T>
std::shared_ptr<void> hold(T&& made) {
  return std::make_shared<std::decay_t<T>>(std::forward<T>(made));
}

std::shared_ptr<void> accept_one() {
  const UniqueFd listener = listen_on_loopback();
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  UniqueFd client = make_socket(AF_INET, SOCK_STREAM);
  ::connect(client.get(), reinterpret_cast<sockaddr*>(&address), size);
  if (!becomes_readable(listener.get())) throw std::runtime_error("nobody connected");
  return hold(FdPair{accept_socket(listener.get()), std::move(client)});
}

}  // namespace

std::vector<Maker> makers() {
  std::vector<Maker> all = {
      {"make_pipe", [] { return hold(make_pipe()); }},
      {"make_socket_pair", [] { return hold(make_socket_pair()); }},
      {"make_socket", [] { return hold(make_socket(AF_INET, SOCK_STREAM)); }},
      {"accept_socket", &accept_one},
      {"open_file", [] { return hold(open_file("/dev/null", O_RDWR)); }},
      {"duplicate",
       [] {
         auto pipe = make_pipe();
         auto copy = duplicate(pipe.first.get());
         return hold(FdPair{std::move(pipe.first), std::move(copy)});
       }},
  };
  for (WakerKind kind : waker_kinds()) {
    all.push_back({"waker_" + std::string(to_string(kind)),
                   [kind] { return std::make_shared<Waker>(kind); },
                   kind != WakerKind::kqueue});
  }
  all.push_back({"poller_epoll",
                 [] { return std::shared_ptr(make_poller(PollerKind::epoll)); },
                 false});
  for (PollerKind kind : working_poller_kinds()) {
    if (kind != PollerKind::kqueue && kind != PollerKind::io_uring) continue;
    all.push_back({"poller_" + std::string(to_string(kind)),
                   [kind] { return std::shared_ptr(make_poller(kind)); }, false});
  }
  return all;
}

std::string name_of_maker(const testing::TestParamInfo<Maker>& test) {
  return test.param.name;
}

void PrintTo(const Maker& maker, std::ostream* out) {
  *out << maker.name;
}

}  // namespace tornado::test
