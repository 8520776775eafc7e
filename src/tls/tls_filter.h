// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "stream/stream_transport.h"
#include "tls/openssl.h"
#include "tls/tls_state.h"

namespace tornado::detail {

/// One connection. OpenSSL reads and writes through a BIO that calls the transport
/// below. That BIO takes every byte: what the kernel has no room for waits here, so
/// that OpenSSL never has a record half written. What the kernel refuses is dropped.
class TLSFilter final : public StreamFilter {
 public:
  /// `port` tells servers of one host apart in the cache of sessions.
  TLSFilter(const SSLContext& context, const std::string& host, std::uint16_t port = 0);

  void start(std::shared_ptr<StreamTransport> inner, Bytes read) override;
  Moved handshake(NativeFd fd) noexcept override;
  [[nodiscard]] Events wants() const noexcept override;
  bool skim(NativeFd fd) noexcept override;
  void end_output(NativeFd fd) noexcept override;
  Moved read(NativeFd fd, std::span<std::byte> room) noexcept override;
  Moved write(NativeFd fd, std::span<const Bytes> pieces) noexcept override;
  void close() noexcept override;

  [[nodiscard]] SSL* ssl() const noexcept { return ssl_.get(); }
  [[nodiscard]] bool established() const noexcept { return established_; }
  [[nodiscard]] TLSGeneration& generation() const noexcept { return *generation_; }
  [[nodiscard]] static TLSFilter& of(const SSL* ssl) noexcept;

  // For the callbacks of OpenSSL.
  void keep_session(OwnedSession session) noexcept;
  void count_message() noexcept;
  static int bio_read(BIO* bio, char* to, int size) noexcept;
  static int bio_write(BIO* bio, const char* from, int size) noexcept;
  static long bio_control(BIO* bio, int command, long, void*) noexcept;

 private:
  /// Bytes that wait. There is none while no byte does.
  struct Waiting {
    [[nodiscard]] Bytes rest() const noexcept { return Bytes(bytes).subspan(taken); }

    std::vector<std::byte> bytes;
    std::size_t taken = 0;
  };
  using WaitingBytes = std::unique_ptr<Waiting>;

  static void add(WaitingBytes& to, Bytes bytes);
  static void take(WaitingBytes& from, std::size_t count) noexcept;
  void set_up_client(const std::string& host, std::uint16_t port);
  [[nodiscard]] bool expect_host(const std::string& host);
  void begin(NativeFd fd) noexcept;
  template <class F>
  Moved call(F act) noexcept;
  [[nodiscard]] std::error_code error_of(int result) noexcept;
  int receive(std::span<std::byte> room) noexcept;
  bool has_first_bytes() noexcept;
  void send(Bytes bytes) noexcept;
  void fail_output(std::error_code error) noexcept;
  /// Sends what waits. Not without an error while there is more.
  std::error_code flush() noexcept;

  const std::shared_ptr<TLSGeneration> generation_;
  OwnedSsl ssl_;
  std::shared_ptr<StreamTransport> inner_;
  std::unique_ptr<const std::string> peer_;  // of a client: in the cache of sessions
  WaitingBytes incoming_;                    // received before the filter
  WaitingBytes outgoing_;                    // records that are not sent yet
  std::error_code failure_;                  // of the input, or of the connection
  std::error_code output_failure_;           // what has arrived can still be read
  NativeFd fd_ = invalid_fd;
  int messages_ = 0;  // of the protocol, since the last bytes
  bool established_ = false;
  bool empty_ = false;  // the kernel has no more bytes now
  bool input_ended_ = false;
  bool output_ended_ = false;
  bool listens_ = true;  // without a reader
};

/// None without a certificate.
std::optional<PeerCertificate> read_peer_certificate(const SSL* ssl);

}  // namespace tornado::detail
