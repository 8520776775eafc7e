// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tls_ends.h"
#include "tornado/tls.h"

namespace tornado::test {

/// What a program is told to do at its end of a connection.
struct TLSWish {
  std::uint16_t port = 0;
  TLSVersion version = TLSVersion::tls1_3;
  std::string trust = {};     ///< a file of authorities; a server wants a certificate
  std::string identity = {};  ///< a file with a certificate and its key
  std::string alpn = {};
  std::string cipher = {};   ///< as OpenSSL spells it
  std::string session = {};  ///< a client keeps its session there, and resumes it
};

/// The words by which a program refuses a certificate.
struct TLSRefusals {
  std::string wrong_host = {};
  std::string expired = {};
  std::string self_signed = {};
  std::string unknown_authority = {};
};

/// A client or a server with another implementation of TLS, or with other settings.
struct TLSProgram {
  std::string name = {};
  std::string file = {};
  std::vector<std::string> (*argv)(const TLSWish&) = nullptr;
  bool tls1_3 = true;
  bool identity = true;  ///< A client can have a certificate, or a server want one.
  bool cipher = true;    ///< It can be limited to one.
  bool alpn = true;
  bool tickets = true;  ///< False: its sessions of TLS 1.2 are kept by servers alone.
  TLSRefusals refusals = {};               // of a client
  std::vector<std::string> starttls = {};  // words for a dialogue of SMTP before TLS
  bool goes_on = false;                    ///< A client tells what is bad, and goes on.
  std::string answer = "GET ";             ///< A server answers so to `http_request`.
};

inline constexpr char http_request[] = "GET / HTTP/1.0\r\n\r\n";

/// They connect to localhost, and send `http_request` or what they get as input.
std::vector<TLSProgram> tls_client_programs();
/// They listen on 127.0.0.1 or on all addresses.
std::vector<TLSProgram> tls_server_programs();

/// A program whose errors go to its output.
std::vector<std::string> with_errors(std::vector<std::string> argv);

/// A program, and the version that it speaks.
struct TLSPeerCase {
  TLSProgram program;
  TLSVersion version;
};
std::vector<TLSPeerCase> each_version(const std::vector<TLSProgram>& programs);
std::string name_of_case(const testing::TestParamInfo<TLSPeerCase>& test);
/// The ciphers of `version` that we accept for a certificate of P-256 or of RSA.
std::vector<std::string> ciphers_of(TLSVersion version, bool rsa);

}  // namespace tornado::test
