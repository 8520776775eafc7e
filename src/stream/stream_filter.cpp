// SPDX-License-Identifier: Apache-2.0
// Streams whose bytes go through a filter, such as TLS.
#include "platform/system_error.h"
#include "stream/stream_core.h"

namespace tornado {

StreamTransport::~StreamTransport() = default;

namespace detail {

void StreamCore::set_filter(std::shared_ptr<StreamFilter> filter) {
  check("start_tls");
  if (closed() || output_ended_) throw StreamClosedError(error_);
  if (filter_ || reader_ || unsent()) {
    throw_error(std::make_error_code(std::errc::operation_in_progress),
                act_on("start_tls", fileno()));
  }
  filter->start(transport_, std::as_bytes(std::span(in_.view())));
  in_.consume(in_.size());
  in_.settle();
  filter_ = filter.get();
  transport_ = std::move(filter);
}

void StreamCore::start_handshake() noexcept {
  if (connecting_ || closed()) return;
  or_close([this] {
    connecting_ = std::make_unique<Attempt>();
    begin_handshake();
    update_interest();
  });
}

void StreamCore::begin_handshake() {
  IOLoop& loop = loop_.open_loop("handshake");
  filter_->started = true;
  connecting_->again = loop.call_later(filter_->handshake_timeout, [this] {
    connecting_->again = {};
    close(Errc::timed_out);
  });
  continue_handshake();
}

void StreamCore::continue_handshake() noexcept {
  const Moved done = filter_->handshake(fileno());
  if (done.would_block()) return;
  if (done.error) return close(done.error);
  stop_timer(connecting_->again);
  connecting_.reset();
  full_ = false;
  send_queued();
  // Bytes may have come with the end of the handshake.
  if (fd_) or_close([this] { on_readable(); });
}

// Bytes within the filter wake no poller.
void StreamCore::read_on_later() {
  if (!filter_ || filter_->go_on) return;
  filter_->go_on = loop_.open_loop("read").call_later(std::chrono::seconds(0), [this] {
    filter_->go_on = {};
    or_close([this] {
      on_readable();
      update_interest();
    });
  });
}

bool StreamCore::held() const noexcept {
  return filter_ && has(filter_->wants(), Events::write);
}

void StreamCore::end_filter_output() noexcept {
  last_written_ = true;
  gather_room_ = 0;
  if (filter_ && fd_) filter_->end_output(fileno());
  update_interest_or_close();
}

}  // namespace detail
}  // namespace tornado
