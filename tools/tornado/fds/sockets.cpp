// SPDX-License-Identifier: Apache-2.0
#include "fds/sockets.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <sstream>
#include <system_error>
#include <vector>

#include "system/file.h"

namespace tornado::cli {
namespace {

constexpr std::array tcp_states = {"unknown",      "established", "syn sent",
                                   "syn received", "fin wait 1",  "fin wait 2",
                                   "time wait",    "closed",      "close wait",
                                   "last ack",     "listening",   "closing"};
constexpr unsigned closed_state = 7;  // of a UDP socket without a peer

std::uint64_t number_in(std::string_view text, int base) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

// "0100007F:0050": words of the machine's own byte order, then the port.
std::string address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return "?";
  const auto digits = text.substr(0, colon);
  std::array<std::uint32_t, 4> words = {};
  for (std::size_t i = 0; i < words.size() && 8 * i + 8 <= digits.size(); ++i) {
    words[i] = static_cast<std::uint32_t>(number_in(digits.substr(8 * i, 8), 16));
  }
  const bool six = digits.size() > 8;
  std::array<char, INET6_ADDRSTRLEN> shown = {};
  ::inet_ntop(six ? AF_INET6 : AF_INET, words.data(), shown.data(), shown.size());
  const auto port = number_in(text.substr(colon + 1), 16);
  return six ? fmt::format("[{}]:{}", shown.data(), port)
             : fmt::format("{}:{}", shown.data(), port);
}

bool is_nowhere(std::string_view text) {
  return text.find_first_not_of("0:") == std::string_view::npos;
}

template <class F>
void each_row(std::string_view file, F take) {
  std::istringstream lines{std::string(file)};
  std::string line;
  std::getline(lines, line);  // the heading
  while (std::getline(lines, line)) take(words_of(line));
}

std::string net_file(pid_t pid, const char* name) {
  try {
    return read_file("/proc/" + std::to_string(pid) + "/net/" + name);
  } catch (const std::system_error&) {
    return {};  // a protocol that this kernel lacks
  }
}

}  // namespace

void add_inet_sockets(SocketWords& words, std::string_view protocol,
                      std::string_view file) {
  constexpr std::size_t local = 1, remote = 2, state = 3, inode = 9;
  each_row(file, [&](const std::vector<std::string>& row) {
    if (row.size() <= inode) return;
    std::string text = fmt::format("{} {}", protocol, address(row[local]));
    if (!is_nowhere(row[remote])) text += " -> " + address(row[remote]);
    const auto number = static_cast<std::size_t>(number_in(row[state], 16));
    const bool plain = !protocol.starts_with("tcp") && number == closed_state;
    if (!plain && number < tcp_states.size()) {
      text += std::string(" ") + tcp_states[number];
    }
    words[number_in(row[inode], 10)] = text;
  });
}

void add_unix_sockets(SocketWords& words, std::string_view file) {
  constexpr std::size_t flags = 3, type = 4, state = 5, inode = 6, path = 7;
  constexpr std::uint64_t accepts = 0x10000, connected = 3;
  each_row(file, [&](const std::vector<std::string>& row) {
    if (row.size() <= inode) return;
    const auto number = number_in(row[type], 16);
    std::string text = number == SOCK_STREAM      ? "unix stream"
                       : number == SOCK_DGRAM     ? "unix datagram"
                       : number == SOCK_SEQPACKET ? "unix seqpacket"
                                                  : "unix";
    if (row.size() > path) text += " " + row[path];
    if ((number_in(row[flags], 16) & accepts) != 0) {
      text += " listening";
    } else if (number_in(row[state], 16) == connected) {
      text += " connected";
    }
    words[number_in(row[inode], 10)] = text;
  });
}

SocketWords sockets_around(pid_t pid) {
  SocketWords words;
  for (const char* name : {"tcp", "tcp6", "udp", "udp6", "raw", "raw6", "icmp"}) {
    add_inet_sockets(words, name, net_file(pid, name));
  }
  add_unix_sockets(words, net_file(pid, "unix"));
  each_row(net_file(pid, "netlink"), [&](const auto& row) {
    if (row.size() > 9) {
      words[number_in(row[9], 10)] =
          fmt::format("netlink protocol {} port {}", row[1], row[2]);
    }
  });
  each_row(net_file(pid, "packet"), [&](const auto& row) {
    if (row.size() > 8) words[number_in(row[8], 10)] = "packet protocol 0x" + row[3];
  });
  return words;
}

}  // namespace tornado::cli
