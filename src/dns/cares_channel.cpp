// SPDX-License-Identifier: Apache-2.0
#include "dns/cares_channel.h"

#include <cerrno>
#include <chrono>
#include <memory>
#include <new>
#include <utility>

#include "net/lookup.h"
#include "net/sockets.h"
#include "platform/system_error.h"

namespace tornado::detail {
namespace {

using Addresses = CaresChannel::Addresses;

int connect_socket(ares_socket_t socket, const sockaddr* to, ares_socklen_t size,
                   void*) noexcept {
  return ::connect(socket, to, size);
}

ares_ssize_t receive(ares_socket_t socket, void* room, std::size_t size, int flags,
                     sockaddr* from, ares_socklen_t* from_size, void*) noexcept {
  return ::recvfrom(socket, room, size, flags, from, from_size);
}

// Without SIGPIPE, which writev would raise.
ares_ssize_t send(ares_socket_t socket, const iovec* pieces, int count,
                  void*) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL);
}

void check(int status, const char* act) {
  if (status != ARES_SUCCESS) throw_error(cares_error(status), act);
}

ares_channel make_channel(ares_options& options) {
  static const int library = ::ares_library_init(ARES_LIB_INIT_ALL);
  check(library, "ares_library_init");
  ares_channel channel = nullptr;
  check(::ares_init_options(&channel, &options,
                            ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB),
        "ares_init_options");
  return channel;
}

void set_servers(ares_channel channel, const std::vector<SocketAddress>& servers) {
  std::string list;
  for (const SocketAddress& server : servers) {
    if (!list.empty()) list += ',';
    list += to_string(server);
  }
  if (!list.empty()) {
    check(::ares_set_servers_ports_csv(channel, list.c_str()), "ares_set_servers");
  }
}

Addresses addresses_of(const ares_addrinfo* found, std::uint16_t port) {
  Addresses all;
  for (const ares_addrinfo_node* one = found ? found->nodes : nullptr; one;
       one = one->ai_next) {
    all.push_back(SocketAddress::from_native(one->ai_addr, one->ai_addrlen));
    all.back().set_port(port);
  }
  return all;
}

}  // namespace

std::error_code cares_error(int status) noexcept {
  switch (status) {
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
      return {EAI_NONAME, resolver_category()};
    case ARES_ENOMEM:
      return {EAI_MEMORY, resolver_category()};
    case ARES_ENOTIMP:
      return {EAI_FAMILY, resolver_category()};
    default:
      return {EAI_AGAIN, resolver_category()};
  }
}

struct CaresChannel::Question {
  Answer answer;
  std::uint16_t port;
};

CaresChannel::CaresChannel(IOLoop& loop, const char* lookups,
                           const std::vector<SocketAddress>& servers)
    : loop_(loop) {
  static constexpr ares_socket_functions functions = {&open, &close, &connect_socket,
                                                      &receive, &send};
  ares_options options{};
  options.lookups = const_cast<char*>(lookups);
  options.sock_state_cb = &on_wants;
  options.sock_state_cb_data = this;
  channel_ = make_channel(options);
  ::ares_set_socket_functions(channel_, &functions, this);
  try {
    set_servers(channel_, servers);
  } catch (...) {
    ::ares_destroy(channel_);
    throw;
  }
}

CaresChannel::~CaresChannel() {
  ::ares_destroy(channel_);
}

void CaresChannel::ask(const std::string& host, std::uint16_t port,
                       AddressFamily family, Answer answer) {
  ares_addrinfo_hints hints{};
  hints.ai_family = native_family(family);
  hints.ai_socktype = SOCK_STREAM;
  std::unique_ptr<Question> question(new Question{std::move(answer), port});
  ::ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, &on_answer,
                     question.release());
  set_timer();
}

void CaresChannel::on_answer(void* question, int status, int,
                             ares_addrinfo* found) noexcept {
  const std::unique_ptr<Question> own(static_cast<Question*>(question));
  Addresses all;
  try {
    all = addresses_of(found, own->port);
  } catch (const std::bad_alloc&) {
    status = ARES_ENOMEM;
  }
  if (found) ::ares_freeaddrinfo(found);
  own->answer(status, std::move(all));
}

// Sockets.

ares_socket_t CaresChannel::open(int domain, int type, int protocol,
                                 void* self) noexcept {
  try {
    UniqueFd fd = make_socket(domain, type, protocol);
    const NativeFd number = fd.get();
    static_cast<CaresChannel*>(self)->sockets_[number].fd = std::move(fd);
    return number;
  } catch (const std::system_error& error) {
    errno = error.code().value();
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
  }
  return ARES_SOCKET_BAD;
}

int CaresChannel::close(ares_socket_t socket, void* self) noexcept {
  static_cast<CaresChannel*>(self)->sockets_.erase(socket);
  return 0;
}

void CaresChannel::on_wants(void* self, ares_socket_t socket, int readable,
                            int writable) noexcept {
  auto& channel = *static_cast<CaresChannel*>(self);
  const auto found = channel.sockets_.find(socket);
  if (found == channel.sockets_.end()) return;
  Events events = Events::none;
  if (readable) events |= Events::read;
  if (writable) events |= Events::write;
  try {
    channel.wait(found->second, events);
  } catch (const std::exception&) {
    channel.failed_ = true;
  }
}

void CaresChannel::wait(Socket& socket, Events events) {
  if (events == Events::none) return socket.registration.reset();
  if (socket.registration) return socket.registration.update(events);
  const auto handler = [this](NativeFd fd, Events there) {
    const bool error = has(there, Events::error);
    process(error || has(there, Events::read) ? fd : ARES_SOCKET_BAD,
            error || has(there, Events::write) ? fd : ARES_SOCKET_BAD);
  };
  socket.registration = Registration(loop_, socket.fd.get(), handler, events);
}

// A forked child must not read what is for its parent.
void CaresChannel::process(ares_socket_t readable, ares_socket_t writable) noexcept {
  if (!is_ours()) {
    ::ares_cancel(channel_);
  } else {
    ::ares_process_fd(channel_, readable, writable);
  }
  set_timer();
}

void CaresChannel::set_timer() noexcept {
  if (std::exchange(failed_, false)) ::ares_cancel(channel_);
  timeval room;
  const timeval* const left = ::ares_timeout(channel_, nullptr, &room);
  if (!left) {
    timer_.reset();
    return;
  }
  const TimePoint end = loop_.time() + std::chrono::seconds(left->tv_sec) +
                        std::chrono::microseconds(left->tv_usec);
  try {
    if (timer_.update(end)) return;
    timer_ = Timeout(loop_, end, [this] { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); });
  } catch (const std::exception&) {
    ::ares_cancel(channel_);
  }
}

}  // namespace tornado::detail
