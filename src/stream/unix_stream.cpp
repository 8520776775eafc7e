// SPDX-License-Identifier: Apache-2.0
#include "tornado/unix_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <utility>

#include "net/sockets.h"
#include "platform/fd.h"
#include "platform/system_error.h"
#include "stream/stream_core.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

// What Linux takes in one message. The BSDs take more.
constexpr std::size_t most_descriptors = 253;
constexpr std::size_t control_room = CMSG_SPACE(most_descriptors * sizeof(int));

#ifdef MSG_CMSG_CLOEXEC
constexpr int marked = MSG_CMSG_CLOEXEC;
#else
constexpr int marked = 0;
#endif
#ifdef MSG_NOSIGNAL
constexpr int quietly = MSG_NOSIGNAL;
#else
constexpr int quietly = 0;
#endif

struct alignas(cmsghdr) Control {
  std::array<std::byte, control_room> bytes;
};

/// Each number becomes owned before anything can fail.
void take_from(msghdr& message, std::vector<UniqueFd>& descriptors) noexcept {
  for (cmsghdr* one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one)) {
    if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(one) + i * sizeof number, sizeof number);
      if (marked == 0) {
        std::error_code ignored;
        set_close_exec(number, ignored);
      }
      descriptors.push_back(adopt_if_made(number));  // there is room
    }
  }
}

Moved send_message(NativeFd fd, std::span<const Bytes> pieces,
                   std::span<const UniqueFd> descriptors) noexcept {
  if (SocketHooks* const hooks = hooks_of(fd)) {
    return hooks->send(fd, pieces, descriptors);
  }
  std::array<iovec, most_pieces> vector;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    vector[i] = {const_cast<std::byte*>(pieces[i].data()), pieces[i].size()};
  }
  msghdr message{};
  message.msg_iov = vector.data();
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(pieces.size());
  Control control{};
  if (!descriptors.empty()) {
    const std::size_t size = descriptors.size() * sizeof(int);
    message.msg_control = control.bytes.data();
    message.msg_controllen =
        static_cast<decltype(message.msg_controllen)>(CMSG_SPACE(size));
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = static_cast<decltype(header->cmsg_len)>(CMSG_LEN(size));
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      const int number = descriptors[i].get();
      std::memcpy(CMSG_DATA(header) + i * sizeof number, &number, sizeof number);
    }
  }
  const ssize_t n = retry_eintr([&] { return ::sendmsg(fd, &message, quietly); });
  if (n < 0) return {0, last_error()};
  return {static_cast<std::size_t>(n)};
}

}  // namespace

class UnixStream::Transport final : public StreamTransport {
 public:
  /// `descriptors` leave with the byte before which `offset` bytes were written.
  void attach(std::uint64_t offset, std::vector<UniqueFd> descriptors) {
    outgoing_.push_back({offset, std::move(descriptors)});
  }
  /// After a write that took nothing.
  void detach(std::uint64_t offset) noexcept {
    if (!outgoing_.empty() && outgoing_.back().offset == offset) outgoing_.pop_back();
  }
  std::vector<UniqueFd> take() { return std::exchange(incoming_, {}); }

  Moved read(NativeFd fd, std::span<std::byte> room) noexcept override;
  Moved write(NativeFd fd, std::span<const Bytes> pieces) noexcept override;
  void close() noexcept override { outgoing_.clear(); }

 private:
  struct Outgoing {
    std::uint64_t offset;
    std::vector<UniqueFd> descriptors;
  };

  std::deque<Outgoing> outgoing_;
  std::vector<UniqueFd> incoming_;
  std::uint64_t sent_ = 0;
};

Moved UnixStream::Transport::read(NativeFd fd, std::span<std::byte> room) noexcept {
  try {
    incoming_.reserve(incoming_.size() + most_descriptors);
  } catch (const std::bad_alloc&) {
    return {0, std::make_error_code(std::errc::not_enough_memory)};
  }
  if (SocketHooks* const hooks = hooks_of(fd)) {
    return hooks->receive(fd, room, &incoming_);
  }
  iovec vector{room.data(), room.size()};
  Control control;
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  const ssize_t n = retry_eintr([&] { return ::recvmsg(fd, &message, marked); });
  if (n < 0) return {0, last_error()};
  take_from(message, incoming_);
  const bool some_lost = (message.msg_flags & MSG_CTRUNC) != 0;
  const auto why = some_lost ? std::make_error_code(std::errc::too_many_files_open)
                             : std::error_code();
  return {static_cast<std::size_t>(n), why};
}

// One message has the descriptors of its first byte. It ends before the next byte that
// has some.
Moved UnixStream::Transport::write(NativeFd fd,
                                   std::span<const Bytes> pieces) noexcept {
  const bool with = !outgoing_.empty() && outgoing_.front().offset == sent_;
  const std::size_t next = with ? 1 : 0;
  std::uint64_t most =
      next < outgoing_.size() ? outgoing_[next].offset - sent_ : ~std::uint64_t{0};
  std::array<Bytes, most_pieces> parts;
  std::size_t count = 0;
  for (; count < (std::min)(pieces.size(), most_pieces) && most > 0; ++count) {
    parts[count] = pieces[count].first(static_cast<std::size_t>(
        (std::min<std::uint64_t>)(pieces[count].size(), most)));
    most -= parts[count].size();
  }
  const std::span<const UniqueFd> descriptors =
      with ? std::span<const UniqueFd>(outgoing_.front().descriptors)
           : std::span<const UniqueFd>();
  const Moved done = send_message(fd, std::span(parts).first(count), descriptors);
  if (with && done.bytes > 0) outgoing_.pop_front();
  sent_ += done.bytes;
  return done;
}

UnixStream::UnixStream(UniqueFd socket, const StreamOptions& options)
    : UnixStream(std::move(socket), *IOLoop::current(), options) {}

UnixStream::UnixStream(UniqueFd socket, IOLoop& loop, const StreamOptions& options)
    : UnixStream(std::move(socket), loop, options, std::make_shared<Transport>()) {}

UnixStream::UnixStream(UniqueFd socket, IOLoop& loop, const StreamOptions& options,
                       std::shared_ptr<Transport> transport)
    : IOStream(std::move(socket), loop, options, transport),
      transport_(std::move(transport)) {}

detail::SentWait UnixStream::write_with(std::string_view bytes,
                                        std::vector<UniqueFd> descriptors,
                                        std::optional<Delay> timeout) {
  if (bytes.empty() || descriptors.size() > most_descriptors) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "write_with: " + std::to_string(descriptors.size()) +
                    " descriptors with " + std::to_string(bytes.size()) + " bytes");
  }
  if (std::ranges::any_of(descriptors, [](const UniqueFd& fd) { return !fd; })) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "write_with: an empty descriptor");
  }
  const std::uint64_t offset = core()->written();
  transport_->attach(offset, std::move(descriptors));
  try {
    return write(bytes, timeout);
  } catch (...) {
    transport_->detach(offset);
    throw;
  }
}

std::vector<UniqueFd> UnixStream::take_descriptors() {
  return transport_->take();
}

PeerCredentials UnixStream::peer_credentials() const {
  if (hooks_of(fileno())) return {::getpid(), ::geteuid(), ::getegid()};
#ifdef SO_PEERCRED
  ucred found{};
  socklen_t size = sizeof found;
  if (::getsockopt(fileno(), SOL_SOCKET, SO_PEERCRED, &found, &size) == -1) {
    throw_errno(act_on("SO_PEERCRED", fileno()));
  }
  return {found.pid, found.uid, found.gid};
#else
  PeerCredentials found;
  if (::getpeereid(fileno(), &found.user, &found.group) == -1) {
    throw_errno(act_on("getpeereid", fileno()));
  }
  return found;
#endif
}

}  // namespace tornado
