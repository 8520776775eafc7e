// SPDX-License-Identifier: Apache-2.0
// Streams whose bytes go through a transport of their own, or a filter such as TLS.
#include "platform/system_error.h"
#include "stream/stream_core.h"

namespace tornado {

StreamTransport::~StreamTransport() = default;

namespace detail {

void StreamCore::set_filter(std::shared_ptr<StreamFilter> filter) {
  check("start_tls");
  if (closed() || output_ended_) throw StreamClosedError(error_);
  if (filtered_ || reader_ || unsent()) {
    throw_error(std::make_error_code(std::errc::operation_in_progress),
                act_on("start_tls", fileno()));
  }
  auto& transport = extras().transport;
  filter->start(transport ? transport : socket_transport(),
                std::as_bytes(std::span(in_.view())));
  in_.consume(in_.size());
  in_.settle();
  transport = std::move(filter);
  filtered_ = true;
}

void StreamCore::start_handshake() noexcept {
  if (connecting_ || closed()) return;
  or_close([this] {
    extras().attempt = std::make_unique<StreamExtras::Attempt>();
    connecting_ = true;
    begin_handshake();
    update_interest();
  });
}

void StreamCore::end_attempt() noexcept {
  if (!connecting_) return;
  stop_timer(extras_->attempt->again);
  extras_->attempt.reset();
  connecting_ = false;
}

void StreamCore::begin_handshake() {
  IOLoop& loop = loop_.open_loop("handshake");
  filter().started = true;
  auto& deadline = extras_->attempt->again;
  deadline = loop.call_later(filter().handshake_timeout, [this] {
    extras_->attempt->again = {};
    close(Errc::timed_out);
  });
  continue_handshake();
}

void StreamCore::continue_handshake() noexcept {
  const Moved done = filter().handshake(fileno());
  if (done.would_block()) return;
  if (done.error) return close(done.error);
  end_attempt();
  full_ = false;
  send_queued();
  // Bytes may have come with the end of the handshake.
  if (fd_) or_close([this] { on_readable(); });
}

// Bytes within the filter wake no poller.
void StreamCore::read_on_later() {
  if (!filtered_ || filter().go_on) return;
  filter().go_on = loop_.open_loop("read").call_later(std::chrono::seconds(0), [this] {
    filter().go_on = {};
    or_close([this] {
      on_readable();
      update_interest();
    });
  });
}

// A peer that misses bytes must not see an end.
void StreamCore::end_whole_output() noexcept {
  const bool whole = !error_ && !output_ended_ && queued() == 0;
  if (whole && !forked()) filter().end_output(fileno());
}

void StreamCore::end_filter_output() noexcept {
  last_written_ = true;
  gather_room_ = 0;
  if (filtered_ && fd_) filter().end_output(fileno());
  update_interest_or_close();
}

}  // namespace detail
}  // namespace tornado
