// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "net/socket_calls.h"
#include "net/sockets.h"
#include "platform/fd.h"
#include "platform/log.h"
#include "platform/system_error.h"
#include "tornado/netutil.h"
#include "tornado/registration.h"

namespace tornado {
namespace {

constexpr int most_in_a_turn = 64;
constexpr int most_failed = 64;  // a filter may refuse each, without end
constexpr std::chrono::milliseconds pause_at_the_limit{100};

bool is_limit(const std::error_code& error) {
  constexpr std::array limits = {
      std::errc::too_many_files_open, std::errc::too_many_files_open_in_system,
      std::errc::no_buffer_space, std::errc::not_enough_memory};
  return std::ranges::any_of(limits, [&](std::errc one) { return error == one; });
}

/// Errors that Linux's accept passes on from a connection that is broken already.
bool is_of_the_connection(const std::error_code& error) {
  constexpr std::array errors = {
      std::errc::connection_aborted, std::errc::connection_reset,
      std::errc::protocol_error,     std::errc::operation_not_permitted,
      std::errc::network_down,       std::errc::network_unreachable,
      std::errc::host_unreachable,   std::errc::timed_out,
      std::errc::no_protocol_option};
  return std::ranges::any_of(errors, [&](std::errc one) { return error == one; });
}

UniqueFd accept_connection(NativeFd listener, SocketAddress& peer) {
  sockaddr_storage name{};
  std::size_t size = sizeof name;
  UniqueFd connection = accept_named(listener, &name, size);
  if (connection) peer = SocketAddress::from_native(&name, size);
  return connection;
}

/// Empty where there is no such file, or no descriptor for it.
UniqueFd open_reserve() noexcept {
  try {
    return open_file("/dev/null", O_RDONLY);
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace

struct Acceptor::State : std::enable_shared_from_this<State> {
  State(IOLoop& on, NativeFd fd, Handler accepted)
      : loop(on.handle()), listener(fd), handler(std::move(accepted)) {}

  [[nodiscard]] NativeFd fileno() const noexcept { return listener; }
  void close() noexcept;
  /// By value: removing the handler destroys what calls this.
  static void accept_some(std::shared_ptr<State> state, int most) {
    state->accept_some(most);
  }
  void accept_some(int most);
  /// False if accepting has to wait.
  bool go_on_after(const std::system_error& error);
  void close_one_client() noexcept;
  void wait_at_the_limit();
  void update_interest();
  void stop() noexcept;

  LoopHandle loop;  // this may outlive it
  const NativeFd listener;
  UniqueFd owned;  // the listener, or empty
  Handler handler;
  UniqueFd reserve = open_reserve();
  Registration accepting;  // empty: stopped
  Timeout end_of_wait;
  bool waits = false;   // at a limit of the system
  bool paused = false;  // by the owner
  bool told = false;    // of a limit
};

void Acceptor::State::accept_some(int most) {
  int failed = 0;  // in a row
  for (int i = 0; i < most && accepting && !paused; ++i) {
    SocketAddress peer;
    UniqueFd connection;
    try {
      connection = accept_connection(listener, peer);
    } catch (const std::system_error& error) {
      if (!go_on_after(error) || ++failed == most_failed) return;
      continue;
    }
    if (!connection) return;
    failed = 0;
    told = false;
    handler(std::move(connection), peer);
  }
}

bool Acceptor::State::go_on_after(const std::system_error& error) {
  if (is_of_the_connection(error.code())) return true;
  if (!is_limit(error.code())) {
    stop();
    throw;
  }
  if (!std::exchange(told, true)) {
    log(LogLevel::warning,
        std::string(error.what()) + "; a client is closed, and accepting pauses");
  }
  close_one_client();
  wait_at_the_limit();
  return false;
}

void Acceptor::State::close_one_client() noexcept {
  if (!reserve) return;
  reserve.reset();
  try {
    (void)accept_socket(listener);
  } catch (const std::exception&) {
    // Another thread took the descriptor. The client goes on waiting.
  }
  reserve = open_reserve();
}

void Acceptor::State::wait_at_the_limit() {
  waits = true;
  update_interest();
  end_of_wait = Timeout(loop.open_loop("accept"), pause_at_the_limit,
                        [self = shared_from_this()] {
                          if (!self->reserve) self->reserve = open_reserve();
                          self->waits = false;
                          self->update_interest();
                        });
}

void Acceptor::State::update_interest() {
  if (!loop.loop()) return;
  accepting.update(waits || paused ? Events::none : Events::read);
}

void Acceptor::State::stop() noexcept {
  accepting.reset();
  end_of_wait.reset();
}

void Acceptor::State::close() noexcept {
  stop();
  reserve.reset();
  owned.reset();
}

Acceptor::Acceptor() noexcept = default;

Acceptor::Acceptor(IOLoop& loop, NativeFd listener, Handler handler)
    : state_(std::make_shared<State>(loop, listener, std::move(handler))) {
  state_->accepting = Registration(
      loop, listener,
      [state = state_](NativeFd, Events) { State::accept_some(state, most_in_a_turn); },
      Events::read);
}

Acceptor::Acceptor(IOLoop& loop, UniqueFd listener, Handler handler)
    : state_(std::make_shared<State>(loop, listener.get(), std::move(handler))) {
  state_->owned = std::move(listener);
  state_->accepting = Registration(
      loop, *state_,
      [state = state_](State&, Events) { State::accept_some(state, most_in_a_turn); },
      Events::read);
}

Acceptor::Acceptor(Acceptor&&) noexcept = default;

Acceptor& Acceptor::operator=(Acceptor&& other) noexcept {
  Acceptor old(std::move(*this));
  state_ = std::move(other.state_);
  return *this;
}

Acceptor::~Acceptor() {
  if (state_) state_->close();
}

NativeFd Acceptor::listener() const noexcept {
  return state_ ? state_->listener : invalid_fd;
}

void Acceptor::pause() {
  if (std::exchange(state_->paused, true) || !state_->accepting) return;
  state_->update_interest();
}

void Acceptor::resume() {
  if (!std::exchange(state_->paused, false) || !state_->accepting) return;
  state_->update_interest();
}

void Acceptor::accept_waiting() {
  State::accept_some(state_, std::numeric_limits<int>::max());
}

}  // namespace tornado
