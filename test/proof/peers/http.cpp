// SPDX-License-Identifier: Apache-2.0
#include "http.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>
#include <utility>

#include "dialogues.h"
#include "peer.h"
#include "tornado/multi.h"
#include "tornado/task_group.h"

namespace tornado::test {
namespace {

struct Request {
  std::string method = {};
  std::string target = {};
  std::size_t length = 0;  // of the body
};

std::size_t number_in(std::string_view text) {
  std::size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

char to_lower(char c) {
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

Request parse_request(std::string_view head) {
  Request request;
  const std::size_t blank = head.find(' ');
  const std::size_t next = head.find(' ', blank + 1);
  request.method = head.substr(0, blank);
  request.target = head.substr(blank + 1, next - blank - 1);
  constexpr std::string_view length = "\r\ncontent-length: ";
  const auto found = std::ranges::search(head, length, {}, to_lower);
  if (!found.empty()) request.length = number_in({found.end(), head.end()});
  return request;
}

std::string response(std::string_view status, const std::string& body) {
  return "HTTP/1.1 " + std::string(status) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Passes an end on as an end, and an error as a reset.
Task<void> pump(IOStream& from, IOStream& to) {
  std::error_code broken;
  try {
    for (;;) co_await to.write(co_await from.read_some_view());
  } catch (const StreamClosedError& closed) {
    broken = closed.real_error();
  }
  if (!broken && !to.closed()) co_await to.shutdown_write();
  if (!broken) co_return;
  reset_at_close(from);
  reset_at_close(to);
  from.close();
  to.close();
}

Task<void> feed(Peer& peer, std::string input) {
  try {
    peer.in().write(input);
    co_await peer.in().flush();
  } catch (const StreamClosedError&) {
    // It has enough.
  }
  peer.close_in();
}

}  // namespace

std::string numbered_bytes(std::size_t count) {
  std::string bytes;
  for (std::size_t i = 0; bytes.size() < count; ++i) bytes += std::to_string(i) + '\n';
  bytes.resize(count);
  return bytes;
}

std::string refusal() {
  return numbered_bytes(2 << 20);
}

Task<void> serve_http(IOStream stream, SocketAddress) {
  for (;;) {
    const std::string head =
        co_await stream.read_until("\r\n\r\n", {.max_bytes = 65536});
    const Request request = parse_request(head);
    constexpr std::string_view bytes = "/bytes/";
    if (request.target == "/refuse") {
      stream.write(response("413 Payload Too Large\r\nConnection: close", refusal()));
      co_await stream.finish();
      co_return;
    }
    std::string body = co_await stream.read_bytes(request.length);
    if (request.target.starts_with(bytes)) {
      body = numbered_bytes(number_in(request.target.substr(bytes.size())));
    }
    co_await stream.write(response("200 OK", body));
  }
}

Task<void> relay(IOStream client, SocketAddress to) {
  IOStream server = co_await dial(std::move(to), {.half_open = true});
  std::vector<Task<void>> both;
  both.push_back(pump(client, server));
  both.push_back(pump(server, client));
  co_await multi(std::move(both));
}

Task<Outcome> run_peer(std::vector<std::string> argv, std::string input) {
  Peer peer(std::move(argv));
  TaskGroup feeding;
  feeding.start(feed(peer, std::move(input)));
  Outcome outcome;
  outcome.output = co_await peer.rest();
  outcome.returncode = co_await peer.ended();
  co_return outcome;
}

}  // namespace tornado::test
