// SPDX-License-Identifier: Apache-2.0
// Step 5: SIGTERM ends the program after the work that clients still wait for.

#include <tornado/tornado.h>

#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <set>

#include "line_server.h"

using namespace std::chrono_literals;
using tornado::Communicated;
using tornado::Subprocess;

namespace {

class Service {
 public:
  explicit Service(tornado::IOLoop& loop)
      : loop_(loop), server_(loop, [this](auto client, const std::string& line) {
          answer(client, line);
        }) {}

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] int answered() const { return answered_; }

  // [stop]
  void stop() {
    if (stopping_) return;
    stopping_ = true;
    server_.stop_accepting();
    // A child that does not end delays the program for 5 seconds at most.
    loop_.call_later(5s, [this] { kill_children(); });
    stop_if_idle();
  }
  // [stop]

 private:
  void answer(LineServer::Client client, const std::string& line) {
    if (stopping_) return;
    const auto child =
        std::make_shared<Subprocess>(tornado::SpawnOptions{.argv = {"tr", "a-z", "A-Z"},
                                                           .in = Subprocess::STREAM,
                                                           .out = Subprocess::STREAM},
                                     loop_);
    children_.insert(child);
    child->communicate(line, [this, child, client](const Communicated& result) {
      server_.send(client, result.out);
      ++answered_;
      children_.erase(child);
      stop_if_idle();
    });
  }
  void stop_if_idle() {
    if (stopping_ && children_.empty()) loop_.stop();
  }
  void kill_children() {
    for (const auto& child : children_) child->kill();
  }

  tornado::IOLoop& loop_;
  LineServer server_;
  std::set<std::shared_ptr<Subprocess>> children_;
  bool stopping_ = false;
  int answered_ = 0;
};

}  // namespace

int main() try {
  tornado::IOLoop loop;
  Service service(loop);
  for (const int signal : {SIGINT, SIGTERM}) {
    loop.add_signal_handler(signal, [&service](int) { service.stop(); });
  }
  std::cout << "listening on 127.0.0.1:" << service.port() << std::endl;
  loop.start();
  std::cout << "answered " << service.answered() << " lines" << std::endl;
} catch (const std::exception& error) {
  std::cerr << "5_stop: " << error.what() << std::endl;
  return 1;
}
