// SPDX-License-Identifier: Apache-2.0
#include "name_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <utility>

#include "support/wait.h"
#include "tornado/gen.h"
#include "tornado/netutil.h"

namespace tornado::test {
namespace {

void append(std::string& to, std::uint16_t number) {
  to += static_cast<char>(number >> 8);
  to += static_cast<char>(number & 0xff);
}

std::uint16_t number_at(std::string_view from, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(from[i]); };
  return static_cast<std::uint16_t>(byte(at) << 8 | byte(at + 1));
}

std::string record_of(const std::string& address, std::uint16_t kind) {
  char bytes[16];
  const bool is_ipv4 = kind == NameServer::ipv4;
  ::inet_pton(is_ipv4 ? AF_INET : AF_INET6, address.c_str(), bytes);
  const std::uint16_t size = is_ipv4 ? 4 : 16;
  std::string record;
  // The name of the question, the kind, the class, an hour, the size.
  for (const std::uint16_t number : {std::uint16_t{0xc00c}, kind, std::uint16_t{1},
                                     std::uint16_t{0}, std::uint16_t{3600}, size}) {
    append(record, number);
  }
  return record.append(bytes, size);
}

}  // namespace

/// One port of both protocols, which other programs may take meanwhile.
NameServer::Sockets NameServer::bind_both() {
  for (;;) {
    UniqueFd tcp = std::move(bind_sockets(0, {.address = "127.0.0.1"}).front());
    UniqueFd udp = make_socket(AF_INET, SOCK_DGRAM);
    const SocketAddress address = local_address(tcp.get());
    const auto* const name = static_cast<const sockaddr*>(address.data());
    if (::bind(udp.get(), name, static_cast<socklen_t>(address.size())) == 0) {
      return {std::move(udp), std::move(tcp)};
    }
  }
}

NameServer::NameServer(IOLoop& loop) : NameServer(loop, bind_both()) {}

NameServer::NameServer(IOLoop& loop, Sockets sockets)
    : udp_(std::move(sockets.udp), loop),
      tcp_([this](IOStream stream, SocketAddress) {
        return serve_tcp(std::move(stream));
      }),
      tasks_(loop) {
  tcp_.add_socket(std::move(sockets.tcp));
  tasks_.start(serve());
}

void NameServer::put(const std::string& name, std::uint16_t kind,
                     std::vector<std::string> addresses, Way way) {
  records_[{name, kind}] = {std::move(addresses), way};
}

int NameServer::asked(const std::string& name, std::uint16_t kind) const {
  const auto found = asked_.find({name, kind});
  return found == asked_.end() ? 0 : found->second;
}

Task<void> NameServer::wait_for(int questions) {
  while (all_ < questions) (void)co_await came_.wait(patience);
}

Task<void> NameServer::serve() {
  for (;;) {
    for (const Datagram& one : co_await udp_.receive()) {
      Question question = parse(one.bytes);
      ++asked_[{question.name, question.kind}];
      ++all_;
      tasks_.start(reply(std::move(question), one.source));
    }
    came_.notify_all();
  }
}

Task<void> NameServer::reply(Question question, SocketAddress client) {
  const Record* const record = find(question);
  if (record && record->way == Way::silence) co_return;
  if (record && record->way == Way::on_signal) (void)co_await signal_.wait();
  const std::string bytes = message(question, false);
  co_await udp_.send_to(bytes, client);
}

Task<void> NameServer::serve_tcp(IOStream stream) {
  for (;;) {
    const std::string size = co_await stream.read_bytes(2);
    const std::string query = co_await stream.read_bytes(number_at(size, 0));
    const std::string whole = message(parse(query), true);
    std::string bytes;
    append(bytes, static_cast<std::uint16_t>(whole.size()));
    co_await stream.write(bytes + whole);
  }
}

NameServer::Question NameServer::parse(std::string_view query) {
  Question question;
  question.query = query;
  std::size_t at = 12;
  while (query[at] != 0) {
    const auto size = static_cast<std::size_t>(query[at]);
    if (!question.name.empty()) question.name += '.';
    question.name += query.substr(at + 1, size);
    at += size + 1;
  }
  question.kind = number_at(query, at + 1);
  question.end = at + 5;
  return question;
}

const NameServer::Record* NameServer::find(const Question& question) const {
  const auto found = records_.find({question.name, question.kind});
  return found == records_.end() ? nullptr : &found->second;
}

/// A name that is known of the other kind exists, without addresses of this one.
std::string NameServer::message(const Question& question, bool over_tcp) const {
  const Record* const record = find(question);
  const auto other = static_cast<std::uint16_t>(ipv4 + ipv6 - question.kind);
  const bool exists = record || records_.contains({question.name, other});
  const bool cut = record && record->way == Way::cut && !over_tcp;
  std::uint16_t flags = exists ? 0x8180 : 0x8183;
  if (record && record->way == Way::failure) flags = 0x8182;
  if (cut) flags |= 0x0200;
  const std::size_t count = record && !cut ? record->addresses.size() : 0;
  std::string bytes = question.query.substr(0, 2);
  append(bytes, flags);
  append(bytes, 1);
  append(bytes, static_cast<std::uint16_t>(count));
  append(bytes, 0);
  append(bytes, 0);
  bytes += question.query.substr(12, question.end - 12);
  for (std::size_t i = 0; i < count; ++i) {
    bytes += record_of(record->addresses[i], question.kind);
  }
  return bytes;
}

}  // namespace tornado::test
