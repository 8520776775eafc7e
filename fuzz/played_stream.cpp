// SPDX-License-Identifier: Apache-2.0
#include "fuzz/played_stream.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "platform/tcp_pair.h"
#include "stream/stream_core.h"
#include "tornado/platform.h"
#if defined(TORNADO_TLS_ENDS)
#include "tls/tls_filter.h"
#include "tls_ends.h"
#endif

namespace tornado::fuzz {
namespace {

class ShortMoves final : public StreamTransport {
 public:
  ShortMoves(std::shared_ptr<StreamTransport> to, const StreamProgram& program)
      : to_(std::move(to)), most_(program.most_moved), reluctant_(program.reluctant) {}
  Moved read(NativeFd fd, std::span<std::byte> room) noexcept override {
    if (refuses()) return refused();
    return to_->read(fd, room.first((std::min)(room.size(), most_)));
  }
  Moved write(NativeFd fd, std::span<const Bytes> pieces) noexcept override {
    if (refuses()) return refused();
    if (most_ == npos) return to_->write(fd, pieces);
    const Bytes first = pieces[0].first((std::min)(pieces[0].size(), most_));
    return to_->write(fd, std::span(&first, 1));
  }

 private:
  bool refuses() { return reluctant_ && (++calls_ & 1) != 0; }
  static Moved refused() {
    return {0, std::make_error_code(std::errc::resource_unavailable_try_again)};
  }

  const std::shared_ptr<StreamTransport> to_;
  const std::size_t most_;
  const bool reluctant_;
  unsigned calls_ = 0;
};

#if defined(TORNADO_TLS_ENDS)
std::shared_ptr<StreamFilter> filter_for(StreamLink link, int end) {
  const TLSVersion version =
      link == StreamLink::tls1_2 ? TLSVersion::tls1_2 : TLSVersion::tls1_3;
  const SSLContext& context =
      end == 0 ? test::server_context(version) : test::client_context();
  return std::make_shared<detail::TLSFilter>(context, "localhost");
}
#endif

}  // namespace

std::span<const StreamLink> stream_links() {
  static constexpr StreamLink links[] = {StreamLink::tcp, StreamLink::local,
                                         StreamLink::pipe, StreamLink::tls1_2,
                                         StreamLink::tls1_3};
#if defined(TORNADO_TLS_ENDS)
  return links;
#else
  return std::span(links).first(3);
#endif
}

PlayedStream::PlayedStream(UniqueFd fd, IOLoop& loop, const StreamProgram& program,
                           [[maybe_unused]] int end)
    : IOStream(
          std::move(fd), loop, program.options,
          std::make_shared<ShortMoves>(
              program.link == StreamLink::pipe ? pipe_transport() : socket_transport(),
              program)) {
#if defined(TORNADO_TLS_ENDS)
  if (is_tls(program.link)) set_filter(filter_for(program.link, end));
#endif
}

bool PlayedStream::connected() const {
  return !core()->connecting();
}

IOLoop& loop_of(PollerKind kind) {
  static std::map<PollerKind, std::unique_ptr<IOLoop>> loops;
  auto& loop = loops[kind];
  if (!loop) loop = std::make_unique<IOLoop>(LoopOptions{.poller = kind});
  return *loop;
}

FdPair open_link(StreamLink link) {
  if (link == StreamLink::tcp || is_tls(link)) return open_tcp_pair();
  FdPair ends = link == StreamLink::pipe ? make_pipe() : make_socket_pair();
  set_nonblocking(ends.first.get());
  set_nonblocking(ends.second.get());
  return ends;
}

}  // namespace tornado::fuzz
