// SPDX-License-Identifier: Apache-2.0
// A chat over lines, until Ctrl-C. Each line goes to everybody. A reader that is slow
// makes the speakers wait, and is put out after a second.
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <vector>

#include "tornado/tornado.h"

using namespace std::chrono_literals;
using tornado::IOStream;
using tornado::SocketAddress;
using tornado::StreamClosedError;
using tornado::Task;

struct Member {
  explicit Member(IOStream connection) : stream(std::move(connection)) {}
  IOStream stream;
  tornado::Queue<std::string> unsent{16};
};
using Members = std::vector<std::shared_ptr<Member>>;

Task<> write_lines(std::shared_ptr<Member> member) {
  try {
    for (;;) co_await member->stream.write(co_await member->unsent.get());
  } catch (const StreamClosedError&) {
  }
}

// By value: members come and go while this waits.
Task<> say(Members everybody, std::string line) {
  for (const auto& member : everybody) {
    try {
      co_await member->unsent.put(line, 1s);
    } catch (const std::system_error&) {
      member->stream.abort();  // it does not read
    }
  }
}

Task<> attend(IOStream stream, Members& members) {
  const auto me = std::make_shared<Member>(std::move(stream));
  tornado::TaskGroup writer;
  writer.start(write_lines(me));
  members.push_back(me);
  try {
    for (;;) {
      co_await say(members, co_await me->stream.read_until("\n", {.max_bytes = 1000}));
    }
  } catch (const StreamClosedError&) {
  }
  std::erase(members, me);
}

Task<> serve() {
  Members members;
  tornado::TCPServer server([&members](IOStream stream, SocketAddress) {
    return attend(std::move(stream), members);
  });
  server.listen(0, {.address = "127.0.0.1"});
  std::cout << "listening on " << to_string(server.addresses().front()) << std::endl;
  co_await tornado::signal(SIGINT);
}

int main() {
  tornado::IOLoop().run_sync(serve);
}
