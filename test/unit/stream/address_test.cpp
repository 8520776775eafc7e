// SPDX-License-Identifier: Apache-2.0
#include "tornado/address.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <system_error>

#include "net/sockets.h"
#include "tornado/fd.h"

namespace tornado::test {
namespace {

using namespace std::string_literals;

template <class F>
std::errc refusal(F act) {
  try {
    (void)act();
  } catch (const std::system_error& error) {
    return static_cast<std::errc>(error.code().default_error_condition().value());
  }
  return {};
}

TEST(IsValidIPTest, test_is_valid_ip) {
  for (const char* ip : {"127.0.0.1", "4.4.4.4", "::1", "2620:0:1cfe:face:b00c::3"}) {
    EXPECT_TRUE(is_valid_ip(ip)) << ip;
  }
  for (const std::string& text :
       {"www.google.com"s, "localhost"s, "4.4.4.4<"s, " 127.0.0.1"s, ""s, " "s, "\n"s,
        "\0"s, "127.0.0.1\0"s, std::string(100, 'x')}) {
    EXPECT_FALSE(is_valid_ip(text)) << text;
  }
}

TEST(SocketAddresses, refuse_the_short_forms_of_inet_aton) {
  for (const char* text : {"1", "127.1", "0x7f.1", "0177.0.0.1", "1.2.3.4.5"}) {
    EXPECT_FALSE(is_valid_ip(text)) << text;
  }
}

TEST(SocketAddresses, become_text_and_come_back) {
  const SocketAddress all[] = {
      SocketAddress("127.0.0.1", 80), SocketAddress("::1", 65535),
      SocketAddress("fe80::1%7", 1), SocketAddress::local("/run/x y"),
      SocketAddress::local("\0name"s)};
  const char* const texts[] = {"127.0.0.1:80", "[::1]:65535", "", "unix:/run/x y",
                               "unix:@name"};
  for (std::size_t i = 0; i < std::size(all); ++i) {
    if (*texts[i] != '\0') {
      EXPECT_EQ(to_string(all[i]), texts[i]);
    }
    EXPECT_EQ(SocketAddress::parse(to_string(all[i])), all[i]) << texts[i];
    EXPECT_EQ(SocketAddress::from_native(all[i].data(), all[i].size()), all[i]);
  }
  EXPECT_EQ(to_string(SocketAddress()), "");
}

TEST(SocketAddresses, take_a_path_that_fills_its_place) {
  const std::string path(sizeof(sockaddr_un::sun_path), 'p');
  sockaddr_un native{};
  native.sun_family = AF_UNIX;
  path.copy(native.sun_path, path.size());
  const SocketAddress address = SocketAddress::from_native(&native, sizeof native);
  EXPECT_EQ(address.path(), path);
  EXPECT_EQ(address, SocketAddress::local(path));
}

TEST(SocketAddresses, keep_the_scope) {
  const SocketAddress one("fe80::1%1", 0);
  EXPECT_EQ(one.scope_id(), 1u);
  EXPECT_NE(one, SocketAddress("fe80::1", 0));
  EXPECT_EQ(SocketAddress(one.ip(), 0), one);
}

TEST(SocketAddresses, refuse_text_that_is_none) {
  for (const char* text : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80",
                           "[::1]", "[127.0.0.1]:80", "host:80", "127.0.0.1:8o",
                           "127.0.0.1:-1", "[::1]:80x", "unix:"}) {
    EXPECT_EQ(refusal([&] { return SocketAddress::parse(text); }),
              std::errc::invalid_argument)
        << text;
  }
  EXPECT_EQ(refusal([] { return SocketAddress("localhost", 80); }),
            std::errc::invalid_argument);
  EXPECT_EQ(refusal([] { return SocketAddress::local(std::string(200, 'a')); }),
            std::errc::filename_too_long);
  EXPECT_EQ(refusal([] { return SocketAddress::local("a\0b"s); }),
            std::errc::invalid_argument);
}

TEST(SocketAddresses, have_the_parts_of_their_family) {
  SocketAddress address("10.1.2.3", 8080);
  EXPECT_EQ(address.family(), AddressFamily::ipv4);
  EXPECT_EQ(address.ip(), "10.1.2.3");
  EXPECT_EQ(address.port(), 8080);
  EXPECT_EQ(address.path(), "");
  address.set_port(1);
  EXPECT_EQ(to_string(address), "10.1.2.3:1");
  EXPECT_FALSE(address.is_loopback());
  EXPECT_TRUE(SocketAddress("127.255.0.1", 0).is_loopback());
  EXPECT_TRUE(SocketAddress("::1", 0).is_loopback());
  EXPECT_EQ(SocketAddress::local("/tmp/s").path(), "/tmp/s");
  EXPECT_FALSE(SocketAddress());
  EXPECT_TRUE(address);
}

TEST(SocketAddresses, have_an_order_and_a_hash) {
  const std::set<SocketAddress> sorted = {
      SocketAddress("10.0.0.2", 1), SocketAddress("10.0.0.1", 2),
      SocketAddress("10.0.0.1", 1), SocketAddress("::1", 1), SocketAddress()};
  std::string text;
  for (const SocketAddress& address : sorted) text += to_string(address) + ' ';
  EXPECT_EQ(text, " 10.0.0.1:1 10.0.0.1:2 10.0.0.2:1 [::1]:1 ");
  EXPECT_EQ(std::hash<SocketAddress>()(SocketAddress("::1", 1)),
            std::hash<SocketAddress>()(SocketAddress::parse("[::1]:1")));
}

TEST(SocketAddresses, of_an_unbound_local_socket_is_empty) {
  const FdPair pair = make_socket_pair();
  const std::errc refused = refusal([] { return local_address(invalid_fd); });
  EXPECT_TRUE(refused == std::errc::bad_file_descriptor ||
              refused == std::errc::not_a_socket);
  const SocketAddress name = local_address(pair.first.get());
  EXPECT_TRUE(!name || name.is_loopback());
}

}  // namespace
}  // namespace tornado::test
