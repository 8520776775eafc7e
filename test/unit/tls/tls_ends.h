// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tornado/ioloop.h"
#include "tornado/iostream.h"
#include "tornado/tls.h"

namespace tornado::test {

struct CertificateOptions {
  std::vector<std::string> names = {"localhost"};  ///< "IP:127.0.0.1" for an address
  long begins = -3600;                             ///< in seconds from now
  long ends = 24 * 3600;
  bool rsa = false;  ///< a key of RSA
};

/// A folder with certificates of two authorities that only these tests trust.
/// The keys are of P-256 unless a test wants RSA, and made for this process.
class Certificates {
 public:
  static Certificates& of_process();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ~Certificates();

  /// The file of the authority that signs.
  [[nodiscard]] std::string authority() const { return path("authority.pem"); }
  /// The file of another one.
  [[nodiscard]] std::string stranger() const { return path("stranger.pem"); }
  /// A file with a certificate and its key.
  std::string issue(const std::string& name, const CertificateOptions& options = {});
  std::string issue_self_signed(const std::string& name);
  /// A file with the key of issue(name) alone.
  std::string encrypt_key(const std::string& name, std::string password);
  [[nodiscard]] std::string path(const std::string& file) const {
    return (folder_ / file).string();
  }

 private:
  Certificates();

  std::filesystem::path folder_;
  std::map<std::string, std::string> issued_;
};

SSLOptions server_options(TLSVersion most = TLSVersion::tls1_3);
SSLOptions client_options();
/// Contexts with these options, which the process keeps.
const SSLContext& server_context(TLSVersion most = TLSVersion::tls1_3);
const SSLContext& client_context();

/// Two connected streams after their handshake: a server's and a client's.
std::pair<IOStream, IOStream> open_tls_pair(IOLoop& loop, const StreamOptions& options,
                                            TLSVersion version);

/// How a handshake over a TCP connection ended on each side: "" or the error's text.
struct HandshakeOutcome {
  std::string server;
  std::string client;
};
HandshakeOutcome shake_hands(IOLoop& loop, const SSLContext& server,
                             const SSLContext& client,
                             const std::string& host = "localhost");

}  // namespace tornado::test
