// SPDX-License-Identifier: Apache-2.0
// Datagrams of 1200 bytes over loopback: 32 are sent, then 32 are received.

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "affinity.h"
#include "harness.h"
#include "tornado/tornado.h"
#include "usage.h"

namespace tornado::bench {
namespace {

constexpr std::size_t batch = 32;
constexpr std::size_t size = 1200;

/// How the datagrams of a batch leave, and arrive.
enum class Way { single, several, segments };

/// Adds up the processor time of each direction.
struct Times {
  template <class F>
  static void add(double& sum, F act) {
    const double begin = thread_cpu_ns();
    act();
    sum += thread_cpu_ns() - begin;
  }
  void tell(Round& round, std::size_t batches) const {
    const auto all = static_cast<double>(batches * batch);
    round.set("send", send / all);
    round.set("receive", receive / all);
  }
  double send = 0;
  double receive = 0;
};

/// Segments need one size. In other batches each datagram is longer than the one
/// before.
std::vector<std::string> bodies(Way way) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < batch; ++i) {
    all.emplace_back(way == Way::segments ? size : size - batch + 1 + i, 'x');
  }
  return all;
}

/// The system's calls, with an epoll_wait before those that receive.
class Raw {
 public:
  explicit Raw(Way way) : way_(way), bodies_(bodies(way)) {
    to_.sin_family = AF_INET;
    to_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const name = reinterpret_cast<sockaddr*>(&to_);
    socklen_t length = sizeof to_;
    check(::bind(receiver_.get(), name, length) == 0, "bind");
    ::getsockname(receiver_.get(), name, &length);
    const int on = 1;
    if (way == Way::segments) {
      ::setsockopt(receiver_.get(), IPPROTO_UDP, UDP_GRO, &on, sizeof on);
      const int segment = size;
      ::setsockopt(sender_.get(), IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment);
    }
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, receiver_.get(), &event);
  }

  void send() {
    if (way_ == Way::single) {
      for (std::string& body : bodies_) {
        check(::sendto(sender_.get(), body.data(), body.size(), 0,
                       reinterpret_cast<sockaddr*>(&to_), sizeof to_) > 0,
              "sendto");
      }
      return;
    }
    std::array<mmsghdr, batch> messages{};
    std::array<iovec, batch> pieces;
    for (std::size_t i = 0; i < batch; ++i) {
      pieces[i] = {bodies_[i].data(), bodies_[i].size()};
      messages[i].msg_hdr = {&to_, sizeof to_, &pieces[i], 1, nullptr, 0, 0};
    }
    if (way_ == Way::segments) {
      messages[0].msg_hdr.msg_iovlen = batch;
      check(::sendmsg(sender_.get(), &messages[0].msg_hdr, 0) > 0, "sendmsg");
    } else {
      check(::sendmmsg(sender_.get(), messages.data(), batch, 0) == batch, "sendmmsg");
    }
  }

  void receive() {
    for (std::size_t left = batch; left > 0;) {
      epoll_event event;
      check(::epoll_wait(epoll_.get(), &event, 1, 1000) == 1, "a datagram was lost");
      left -= way_ == Way::single ? receive_one() : receive_several();
    }
  }

 private:
  static constexpr std::size_t room = 65536 + 320;

  std::size_t receive_one() {
    sockaddr_in from;
    socklen_t from_size = sizeof from;
    return ::recvfrom(receiver_.get(), bytes_.data(), room, 0,
                      reinterpret_cast<sockaddr*>(&from), &from_size) > 0;
  }
  std::size_t receive_several() {
    std::array<mmsghdr, batch> messages{};
    std::array<iovec, batch> pieces;
    std::array<sockaddr_in, batch> names;
    std::array<std::array<std::byte, 64>, batch> controls;
    for (std::size_t i = 0; i < batch; ++i) {
      pieces[i] = {bytes_.data() + i * room, room};
      messages[i].msg_hdr = {&names[i],    sizeof names[i],    &pieces[i], 1,
                             &controls[i], sizeof controls[i], 0};
    }
    const int n = ::recvmmsg(receiver_.get(), messages.data(), batch, 0, nullptr);
    std::size_t count = 0;
    for (int i = 0; i < n; ++i) {
      count += (messages[static_cast<std::size_t>(i)].msg_len + size - 1) / size;
    }
    return count;
  }

  Way way_;
  std::vector<std::string> bodies_;
  UniqueFd sender_ = make_socket(AF_INET, SOCK_DGRAM);
  UniqueFd receiver_ = make_socket(AF_INET, SOCK_DGRAM);
  UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  std::vector<char> bytes_ = std::vector<char>(batch * room);
  sockaddr_in to_{};
};

void raw(Round& round, Way way) {
  pin(allowed_cores().front());
  Raw sockets(way);
  Times times;
  const std::size_t batches = round.times(3000);
  for (std::size_t i = 0; i < batches; ++i) {
    Times::add(times.send, [&] { sockets.send(); });
    Times::add(times.receive, [&] { sockets.receive(); });
  }
  times.tell(round, batches);
}

Task<> move_batches(UDPSocket& sender, UDPSocket& receiver, Way way,
                    std::size_t batches, Times& times) {
  const SocketAddress to = local_address(receiver.fileno());
  const std::vector<std::string> all = bodies(way);
  std::vector<OutgoingDatagram> datagrams;
  for (const std::string& one : all) datagrams.push_back({one, to});
  for (std::size_t i = 0; i < batches; ++i) {
    double begin = thread_cpu_ns();
    if (way == Way::single) {
      for (const std::string& one : all) co_await sender.send_to(one, to);
    } else {
      check((co_await sender.send_batch(datagrams)).count == batch, "send_batch");
    }
    times.send += thread_cpu_ns() - begin;
    begin = thread_cpu_ns();
    for (std::size_t got = 0; got < batch;) got += (co_await receiver.receive()).size();
    times.receive += thread_cpu_ns() - begin;
  }
}

void tornado_sockets(Round& round, Way way) {
  pin(allowed_cores().front());
  IOLoop loop;
  UDPSocket sender(AddressFamily::ipv4);
  UDPSocket receiver(AddressFamily::ipv4);
  receiver.bind(SocketAddress("127.0.0.1", 0));
  Times times;
  const std::size_t batches = round.times(3000);
  loop.run_sync(move_batches(sender, receiver, way, batches, times));
  times.tell(round, batches);
}

Contest contest(const char* name, Way way) {
  return {name,
          {{"send", "ns of processor per datagram"},
           {"receive", "ns of processor per datagram"}},
          {{"tornado, UDPSocket", Role::ours,
            [=](Round& round) { tornado_sockets(round, way); }},
           {"system calls", Role::floor, [=](Round& round) { raw(round, way); }}}};
}

}  // namespace
}  // namespace tornado::bench

int main(int argc, char** argv) {
  using namespace tornado::bench;
  return compete(
      {"udp",
       "Datagrams of 1200 bytes over loopback: 32 are sent, then 32 are "
       "received.",
       {contest("udp, one by one", Way::single), contest("udp, batches", Way::several),
        contest("udp, segments", Way::segments)}},
      argc, argv);
}
