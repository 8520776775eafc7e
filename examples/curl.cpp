// SPDX-License-Identifier: Apache-2.0
// libcurl on the loop: curl says which sockets to watch and when to call it again.
// Fetches two pages together, from a server of this program.
#include <curl/curl.h>

#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "tornado/tornado.h"

using tornado::Completion;
using tornado::Events;
using tornado::IOStream;
using tornado::SocketAddress;
using tornado::Task;

class Curl {
 public:
  explicit Curl(tornado::IOLoop& loop) : loop_(loop), multi_(curl_multi_init()) {
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Curl::watch);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Curl::set_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  }
  ~Curl() { curl_multi_cleanup(multi_); }
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;

  Task<std::string> fetch(std::string url) {
    const auto forget = [this](CURL* handle) {  // also of a task that was cancelled
      done_.erase(handle);
      curl_multi_remove_handle(multi_, handle);
      curl_easy_cleanup(handle);
    };
    std::string body;
    const std::unique_ptr<CURL, decltype(forget)> easy(curl_easy_init(), forget);
    curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &Curl::append);
    curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &body);
    const CURLcode code = co_await tornado::until<CURLcode>(
        [this, handle = easy.get()](const Completion<CURLcode>& done) {
          done_.emplace(handle, done);
          curl_multi_add_handle(multi_, handle);
        });
    if (code != CURLE_OK) throw std::runtime_error(curl_easy_strerror(code));
    co_return body;
  }

 private:
  static std::size_t append(char* bytes, std::size_t, std::size_t size, void* body) {
    static_cast<std::string*>(body)->append(bytes, size);
    return size;
  }

  static int watch(CURL*, curl_socket_t fd, int what, void* curl, void*) {
    auto& self = *static_cast<Curl*>(curl);
    if (what == CURL_POLL_REMOVE) {
      self.watched_.erase(fd);
      return 0;
    }
    Events events = Events::none;
    if (what & CURL_POLL_IN) events |= Events::read;
    if (what & CURL_POLL_OUT) events |= Events::write;
    if (const auto found = self.watched_.find(fd); found != self.watched_.end()) {
      found->second.update(events);
    } else {
      self.watched_[fd] = tornado::Registration(
          self.loop_, fd, [&self](int ready, Events) { self.act(ready); }, events);
    }
    return 0;
  }

  static int set_timer(CURLM*, long milliseconds, void* curl) {
    auto& self = *static_cast<Curl*>(curl);
    self.timer_.reset();
    if (milliseconds >= 0) {
      self.timer_ =
          tornado::Timeout(self.loop_, std::chrono::milliseconds(milliseconds),
                           [&self] { self.act(CURL_SOCKET_TIMEOUT); });
    }
    return 0;
  }

  void act(curl_socket_t fd) {
    int left = 0;
    curl_multi_socket_action(multi_, fd, 0, &left);  // 0: curl looks for itself
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      CURL* const easy = message->easy_handle;
      const CURLcode code = message->data.result;
      curl_multi_remove_handle(multi_, easy);
      done_.extract(easy).mapped().set_value(code);
    }
  }

  tornado::IOLoop& loop_;
  CURLM* multi_;
  std::map<curl_socket_t, tornado::Registration> watched_;
  std::map<CURL*, Completion<CURLcode>> done_;
  tornado::Timeout timer_;
};

Task<> answer(IOStream stream, SocketAddress) {
  const std::string request = co_await stream.read_until("\r\n\r\n");
  const std::string path = request.substr(4, request.find(' ', 4) - 4);
  co_await stream.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                        std::to_string(path.size()) + "\r\n\r\n" + path);
  co_await stream.finish();
}

Task<> run() {
  tornado::TCPServer server(answer);
  server.listen(0, {.address = "127.0.0.1"});
  const std::string url = "http://" + to_string(server.addresses().front());
  Curl curl(*tornado::IOLoop::current());
  const auto [first, second] =
      co_await tornado::multi(curl.fetch(url + "/one"), curl.fetch(url + "/two"));
  std::cout << first << ' ' << second << std::endl;
}

int main() {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  tornado::IOLoop().run_sync(run);
  curl_global_cleanup();
}
