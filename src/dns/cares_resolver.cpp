// SPDX-License-Identifier: Apache-2.0
#include "tornado/cares_resolver.h"

#include <sys/stat.h>

#include <compare>
#include <ctime>
#include <map>
#include <optional>
#include <utility>

#include "dns/cares_channel.h"
#include "net/lookup.h"
#include "net/sockets.h"
#include "platform/system_error.h"
#include "tornado/gen.h"

namespace tornado {
namespace cares {  // not unnamed: State has members of these types

using detail::CaresChannel;
using Addresses = Resolver::Addresses;
using Answer = Completion<Addresses>;

constexpr const char* configuration = "/etc/resolv.conf";

/// Tells one content of a file from the next.
struct FileStamp {
  ino_t number = 0;
  off_t size = 0;
  std::time_t seconds = 0;
  long nanoseconds = 0;
  auto operator<=>(const FileStamp&) const = default;
};

FileStamp stamp_of(const char* path) noexcept {
  struct stat file {};
  if (::stat(path, &file) == -1) return {};
  return {file.st_ino, file.st_size, file.st_ctim.tv_sec, file.st_ctim.tv_nsec};
}

bool has_route_to(const SocketAddress& address) noexcept {
  try {
    const UniqueFd socket = make_socket(native_family(address.family()), SOCK_DGRAM);
    const auto* const to = static_cast<const sockaddr*>(address.data());
    return ::connect(socket.get(), to, static_cast<socklen_t>(address.size())) == 0;
  } catch (const std::system_error&) {
    return false;
  }
}

struct Question {
  std::string host;
  std::uint16_t port;
  AddressFamily family;
  auto operator<=>(const Question&) const = default;
};

Addresses joined(Addresses first, const Addresses& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

/// One name that is asked for. It ends with the last task that waits for it. The last
/// one of a channel closes the sockets.
class Lookup : public std::enable_shared_from_this<Lookup> {
 public:
  explicit Lookup(Question question) : question_(std::move(question)) {}
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  [[nodiscard]] bool ended() const noexcept { return ended_; }
  /// Asks the file alone, which takes no time.
  void ask_hosts(CaresChannel& hosts);
  void ask_servers(IOLoop& loop, std::shared_ptr<CaresChannel> servers, Delay delay);
  void add(Answer answer);

 private:
  void ask_servers_for(AddressFamily family);
  void on_answer(AddressFamily family, int status, Addresses found) noexcept;
  void end() noexcept;
  void tell(const Answer& answer) const noexcept;
  [[nodiscard]] std::exception_ptr failure() const noexcept;

  const Question question_;
  std::shared_ptr<CaresChannel> servers_;
  std::vector<Answer> waiting_;
  Addresses found_;  // without those of ipv6_, until the end
  Addresses ipv6_;
  LoopHandle loop_;
  Delay delay_ = std::chrono::seconds(0);
  Timeout other_family_;
  int status_ = ARES_ENOTFOUND;
  int unanswered_ = 0;
  bool ended_ = false;
};

void Lookup::ask_hosts(CaresChannel& hosts) {
  const auto self = shared_from_this();
  hosts.ask(question_.host, question_.port, question_.family,
            [self](int, Addresses found) { self->found_ = std::move(found); });
  if (!found_.empty()) ended_ = true;
}

void Lookup::ask_servers(IOLoop& loop, std::shared_ptr<CaresChannel> servers,
                         Delay delay) {
  loop_ = loop.handle();
  delay_ = delay;
  servers_ = std::move(servers);
  const bool both = question_.family == AddressFamily::any;
  unanswered_ = both ? 2 : 1;
  ask_servers_for(both ? AddressFamily::ipv6 : question_.family);
  if (both) ask_servers_for(AddressFamily::ipv4);
}

void Lookup::ask_servers_for(AddressFamily family) {
  servers_->ask(question_.host, question_.port, family,
                [weak = weak_from_this(), family](int status, Addresses found) {
                  const auto self = weak.lock();
                  if (self) self->on_answer(family, status, std::move(found));
                });
}

void Lookup::on_answer(AddressFamily family, int status, Addresses found) noexcept {
  --unanswered_;
  if (ended_) return;
  if (status != ARES_ENODATA && status != ARES_ENOTFOUND) status_ = status;
  (family == AddressFamily::ipv6 ? ipv6_ : found_) = std::move(found);
  if (unanswered_ == 0) return end();
  IOLoop* const loop = loop_.loop();
  if (!loop || (found_.empty() && ipv6_.empty())) return;
  try {
    other_family_ = Timeout(*loop, delay_, [this] { end(); });
  } catch (const std::exception&) {
    end();
  }
}

void Lookup::end() noexcept {
  ended_ = true;
  other_family_.reset();
  try {
    const bool ipv6_first = !ipv6_.empty() && has_route_to(ipv6_.front());
    found_ = ipv6_first ? joined(ipv6_, found_) : joined(found_, ipv6_);
  } catch (const std::bad_alloc&) {
    found_.clear();
    status_ = ARES_ENOMEM;
  }
  for (const Answer& answer : std::exchange(waiting_, {})) tell(answer);
}

void Lookup::add(Answer answer) {
  if (ended_) return tell(answer);
  waiting_.push_back(std::move(answer));
}

void Lookup::tell(const Answer& answer) const noexcept {
  if (found_.empty()) {
    answer.set_exception(failure());
  } else {
    answer.set_value(found_);
  }
}

std::exception_ptr Lookup::failure() const noexcept {
  try {
    throw_error(detail::cares_error(status_), "resolve \"" + question_.host + '"');
  } catch (...) {
    return std::current_exception();
  }
}

/// For until().
struct Ask {
  std::shared_ptr<Lookup> lookup;
  void operator()(Answer answer) const { lookup->add(std::move(answer)); }
};

}  // namespace cares

using namespace cares;

struct CaresResolver::State {
  State(IOLoop& l, CaresOptions o) : loop(l.handle()), options(std::move(o)) {}

  std::shared_ptr<Lookup> look_up(const Question& question);
  /// Shared by the questions of a time, until resolv.conf changes.
  std::shared_ptr<CaresChannel> channel(IOLoop& open_loop);
  void forget_the_ended();
  static Task<Addresses> resolve(std::shared_ptr<State> self, Question question);

  const LoopHandle loop;
  const CaresOptions options;
  std::map<Question, std::weak_ptr<Lookup>> asked;
  std::optional<CaresChannel> hosts;
  std::weak_ptr<CaresChannel> servers;
  FileStamp read;  // of resolv.conf, by `servers`
};

std::shared_ptr<Lookup> CaresResolver::State::look_up(const Question& question) {
  IOLoop& open_loop = loop.open_loop("resolve");
  detail::TaskScheduler::of(open_loop).check_thread("resolve");
  const auto entry = asked.find(question);
  if (entry != asked.end()) {
    const auto same = entry->second.lock();
    if (same && !same->ended()) return same;
  }
  auto lookup = std::make_shared<Lookup>(question);
  if (!hosts) hosts.emplace(open_loop, "f", options.servers);
  lookup->ask_hosts(*hosts);
  if (lookup->ended()) return lookup;
  if (asked.size() >= options.most_waiting) forget_the_ended();
  if (asked.size() >= options.most_waiting) {
    throw_error(std::make_error_code(std::errc::resource_unavailable_try_again),
                "resolve \"" + question.host + "\": too many questions wait");
  }
  asked[question] = lookup;
  lookup->ask_servers(open_loop, channel(open_loop), options.resolution_delay);
  return lookup;
}

void CaresResolver::State::forget_the_ended() {
  std::erase_if(asked, [](const auto& entry) {
    const auto lookup = entry.second.lock();
    return !lookup || lookup->ended();
  });
}

std::shared_ptr<CaresChannel> CaresResolver::State::channel(IOLoop& open_loop) {
  const FileStamp now = stamp_of(configuration);
  auto shared = servers.lock();
  if (shared && now == read && shared->is_ours()) return shared;
  shared = std::make_shared<CaresChannel>(open_loop, "b", options.servers);
  servers = shared;
  read = now;
  return shared;
}

Task<Addresses> CaresResolver::State::resolve(std::shared_ptr<State> self,
                                              Question question) {
  Addresses known = known_addresses(question.host, question.port, question.family);
  if (!known.empty()) co_return known;
  const Ask ask{self->look_up(question)};
  co_return co_await until<Addresses>(ask);
}

CaresResolver::CaresResolver(CaresOptions options)
    : CaresResolver(*IOLoop::current(), std::move(options)) {}

CaresResolver::CaresResolver(IOLoop& loop, CaresOptions options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

CaresResolver::~CaresResolver() = default;

Task<Addresses> CaresResolver::resolve(std::string host, std::uint16_t port,
                                       AddressFamily family) {
  return State::resolve(state_, {std::move(host), port, family});
}

}  // namespace tornado
