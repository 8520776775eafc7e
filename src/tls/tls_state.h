// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tls/openssl.h"
#include "tornado/tls.h"

namespace tornado::detail {

enum class TLSSide : std::uint8_t { client, server };

/// The sessions of a client, by host and port. A session of TLS 1.3 is used once, so
/// that no observer can link two connections by it.
class SessionCache {
 public:
  /// Takes the session.
  void put(const std::string& peer, OwnedSession session);
  /// Null if there is none.
  [[nodiscard]] OwnedSession take(const std::string& peer);

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<OwnedSession>> sessions_;
};

/// What OpenSSL read from the files of a context at one time. It does not change.
struct TLSGeneration {
  OwnedContext context;
  SSLOptions options;
  std::string alpn;  // as on the wire
  SessionCache sessions;
};

class TLSState {
 public:
  TLSState(TLSSide side, const SSLOptions& options);

  [[nodiscard]] TLSSide side() const noexcept { return side_; }
  [[nodiscard]] std::shared_ptr<TLSGeneration> current() const;
  void reload();
  [[nodiscard]] static TLSState& of(const SSLContext& context) noexcept {
    return *context.state_;
  }

 private:
  [[nodiscard]] static std::shared_ptr<TLSGeneration> read(TLSSide side,
                                                           const SSLOptions& options);

  const TLSSide side_;
  const SSLOptions options_;
  mutable std::mutex mutex_;
  std::shared_ptr<TLSGeneration> current_;
};

/// Of ASCII, as the names of hosts are compared.
std::string lower_case(std::string name);

/// The callbacks of OpenSSL that a context has. They find the connection by its
/// BIO.
void set_tls_callbacks(SSL_CTX* context, TLSSide side);

}  // namespace tornado::detail
