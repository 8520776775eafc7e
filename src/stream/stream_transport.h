// SPDX-License-Identifier: Apache-2.0
#pragma once

/// \file
/// How a stream moves bytes: the seam for other transports, and for TLS.

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>

#include "net/socket_calls.h"
#include "tornado/events.h"
#include "tornado/loop_types.h"
#include "tornado/native.h"
#include "tornado/time.h"

namespace tornado {

/// How a stream moves bytes: by the calls for sockets, by those for pipes, or with
/// descriptors beside the bytes.
class TORNADO_API StreamTransport {
 public:
  StreamTransport() noexcept = default;
  StreamTransport(const StreamTransport&) = delete;
  StreamTransport& operator=(const StreamTransport&) = delete;
  virtual ~StreamTransport();

  /// Fewer bytes than there is room for: the descriptor has no more now. A filter says
  /// so by an error of would_block, also beside bytes.
  virtual Moved read(NativeFd fd, std::span<std::byte> room) noexcept = 0;
  virtual Moved write(NativeFd fd, std::span<const Bytes> pieces) noexcept = 0;
  /// The descriptor is about to be closed.
  virtual void close() noexcept {}
};
TORNADO_API std::shared_ptr<StreamTransport> socket_transport();
std::shared_ptr<StreamTransport> pipe_transport();

/// A transport that encodes the bytes on their way to another one. A handshake precedes
/// the first byte. What write() has taken counts as sent when wants() is without write.
class TORNADO_API StreamFilter : public StreamTransport {
 public:
  /// Begins to use `inner`. `read` was received before, and is its first input.
  virtual void start(std::shared_ptr<StreamTransport> inner, Bytes read) = 0;
  /// Goes on with the handshake. An error of would_block lasts until what wants() says.
  virtual Moved handshake(NativeFd fd) noexcept = 0;
  /// What to wait for beside what the stream itself waits for. `write`: bytes that
  /// were taken are not sent yet.
  [[nodiscard]] virtual Events wants() const noexcept = 0;
  /// Without a reader: takes what is not for one. False if it found something else.
  virtual bool skim(NativeFd fd) noexcept = 0;
  /// Tells the peer that no byte follows.
  virtual void end_output(NativeFd fd) noexcept = 0;

  // Of the stream.
  Delay handshake_timeout = std::chrono::seconds(60);
  bool started = false;      // the handshake has begun
  TimeoutHandle go_on = {};  // reads on without an event
};

}  // namespace tornado
