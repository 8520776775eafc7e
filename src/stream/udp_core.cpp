// SPDX-License-Identifier: Apache-2.0
#include "stream/udp_core.h"

#include "platform/system_error.h"

namespace tornado::detail {
namespace {

constexpr std::size_t largest_datagram = 65535;
constexpr int most_batches_in_a_turn = 16;
constexpr int most_errors_in_a_turn = 64;

}  // namespace

IOLoop& UDPCore::check(const char* act) const {
  IOLoop& loop = loop_.open_loop(act);
  TaskScheduler::of(loop).check_thread(act);
  if (!socket_) throw_error(std::make_error_code(std::errc::bad_file_descriptor), act);
  return loop;
}

void UDPCore::check(const char* act, const TaskFrame& frame) const {
  if (&frame.scope->scheduler()->loop() != &check(act)) {
    throw_error(Errc::wrong_thread, act);
  }
}

void UDPCore::watch(Events also) {
  Events wanted = (interest_ & Events::read) | also;
  if (writers().first()) wanted |= Events::write;
  if (hears_errors_) wanted |= Events::error;
  if (wanted == interest_) return;
  if (watching_) {
    watching_.update(wanted);
  } else {
    watching_ = Registration(
        loop_.open_loop("UDPSocket"), *this,
        [core = shared_from_this()](UDPCore&, Events events) {
          // Closing destroys this lambda.
          const auto alive =
              core;  // NOLINT(performance-unnecessary-copy-initialization)
          alive->on_events(events);
        },
        wanted);
  }
  interest_ = wanted;
}

void UDPCore::on_events(Events events) {
  if (queues_errors_ && has(events, Events::error)) tell_errors();
  if (socket_ && has(events, Events::read | Events::error)) on_readable();
  if (socket_ && has(events, Events::write | Events::error)) send_waiting();
  if (socket_) watch(Events::none);
}

// Once asked for, reading stays until an event finds no reader: most are followed by
// another one.
void UDPCore::on_readable() {
  drained_ = false;
  batches_ = 0;
  LineWait* const reader = readers().first();
  if (!reader) {
    interest_ &= ~Events::read;
    watching_.update(interest_);
  } else if (receive()) {
    reader->choose();
  }
}

bool UDPCore::receive() {
  if (received_ || failure_) return true;
  if (drained_) return false;
  const std::error_code error = receive_into_buffer();
  received_ = !error;
  drained_ = error || !buffer_->full() || ++batches_ == most_batches_in_a_turn;
  if (error && !would_block(error)) failure_ = error;
  return received_ || failure_;
}

// With a queue of errors a call may fail by an error that the queue has, too.
std::error_code UDPCore::receive_into_buffer() {
  if (!buffer_) {
    const bool coalesced =
        options_.max_datagram_size >= largest_datagram && coalesce_received(fileno());
    buffer_ = std::make_unique<DatagramBuffer>(options_.max_datagram_size, coalesced);
  }
  std::error_code error = buffer_->receive(fileno());
  if (queues_errors_ && error && !would_block(error))
    error = buffer_->receive(fileno());
  return error;
}

void UDPCore::begin_read(ReceiveWait& wait) {
  if (reader_ && !reader_->cancelled) {
    throw_error(std::make_error_code(std::errc::operation_in_progress),
                act_on("receive", fileno()));
  }
  reader_ = &wait;
}

DatagramBatch UDPCore::take() {
  if (!socket_) throw_error(Errc::abandoned, "receive");
  if (failure_) throw_error(std::exchange(failure_, {}), act_on("receive", fileno()));
  received_ = false;
  return buffer_->datagrams();
}

BatchSent UDPCore::send(std::span<const OutgoingDatagram> all) noexcept {
  if (full_ && writers().first()) {
    return {0, std::make_error_code(std::errc::operation_would_block)};
  }
  BatchSent sent = send_datagrams(fileno(), all, segmenting_);
  if (queues_errors_ && sent.error && !would_block(sent.error)) {
    const std::size_t before = sent.count;
    sent = send_datagrams(fileno(), all.subspan(before), segmenting_);
    sent.count += before;
  }
  full_ = would_block(sent.error);
  return sent;
}

void UDPCore::send_waiting() noexcept {
  full_ = false;
  while (LineWait* const first = writers().first()) {
    auto& wait = static_cast<SendWait&>(*first);
    const std::size_t before = wait.sent_.count;
    wait.sent_ = send(wait.all_.subspan(before));
    wait.sent_.count += before;
    if (would_block(wait.sent_.error)) return;
    wait.choose();
  }
}

// The callback may close the socket, and replace itself.
void UDPCore::tell_errors() {
  DatagramError found;
  for (int i = 0; i < most_errors_in_a_turn && socket_ && on_error_; ++i) {
    if (!next_datagram_error(fileno(), found)) return;
    const SharedCallback callback = on_error_;
    (*callback)(found.destination, found.error);
  }
}

void UDPCore::set_error_callback(UDPSocket::ErrorCallback callback) {
  const IOLoop& loop = check("set_error_callback");
  const bool on = static_cast<bool>(callback);
  SharedCallback shared;
  if (on) shared = std::make_shared<UDPSocket::ErrorCallback>(std::move(callback));
  const std::error_code error = queue_errors(fileno(), family_, on);
  if (error && error != std::errc::not_supported) {
    throw_error(error, act_on("IP_RECVERR", fileno()));
  }
  queues_errors_ = on && !error;
  // select waits for no errors alone.
  hears_errors_ = queues_errors_ && loop.poller() != PollerKind::select;
  on_error_ = std::move(shared);
  watch(Events::none);
}

void UDPCore::close() noexcept {
  watching_.reset();
  socket_.reset();
  waits_.reset();
  on_error_.reset();
}

}  // namespace tornado::detail
