// SPDX-License-Identifier: Apache-2.0
#include "poller/differential_script.h"

#include <array>
#include <sstream>

#include "poller/comparable.h"
#include "poller/every_poller.h"
#include "support/streams.h"
#include "support/wait.h"

namespace tornado::test {
namespace {

constexpr std::size_t most_ends = 40;

std::string text(Events events) {
  std::ostringstream out;
  PrintTo(events, &out);
  return out.str();
}

}  // namespace

DifferentialScript::DifferentialScript(std::uint64_t seed,
                                       std::vector<PollerKind> kinds)
    : random_(seed) {
  for (PollerKind kind : kinds) pollers_.push_back(make_poller(kind));
}

bool DifferentialScript::step() {
  operate();
  return look() && agreed_;
}

void DifferentialScript::operate() {
  const int what = random_.below(100);
  if (ends_.empty() || what < 6) return open_ends();
  if (what < 9) return open_duplicate();
  if (what < 35) return register_end(any_end());
  if (what < 43) return unregister(any_end());
  if (what < 45) return register_bad_number();
  if (what < 53) return close_end(random_.below(ends_.size()));
  if (what < 57) return shut_down(any_end());
  move_bytes(any_end());
}

void DifferentialScript::open_ends() {
  if (ends_.size() + 2 > most_ends) return;
  const bool sockets = random_.one_in(2);
  FdPair pair = sockets ? make_socket_pair() : make_pipe();
  tell((sockets ? "sockets " : "pipe ") + std::to_string(pair.first.get()) + " " +
       std::to_string(pair.second.get()));
  ends_.push_back({std::move(pair.first), sockets, true, sockets, {}});
  ends_.push_back({std::move(pair.second), sockets, sockets, true, {}});
}

void DifferentialScript::open_duplicate() {
  if (ends_.size() + 1 > most_ends) return;
  const End& end = any_end();
  End copy{duplicate(end.fd.get()), end.is_socket, end.reads, end.writes, {}};
  tell("dup " + std::to_string(end.fd.get()) + " " + std::to_string(copy.fd.get()));
  ends_.push_back(std::move(copy));
}

void DifferentialScript::register_end(End& end) {
  constexpr std::array interests = {Events::read, Events::write, read_write};
  Events interest = interests[random_.below(interests.size())];
  if (!end.reads) interest = Events::write;
  if (!end.writes) interest = Events::read;
  const NativeFd fd = end.fd.get();
  const Token token = next_token_++;
  const bool modify = end.registration ? !random_.one_in(8) : random_.one_in(8);
  end.registration = {token, interest};
  const std::string what = std::string(modify ? "modify " : "add ") +
                           std::to_string(fd) + " for " + text(interest) + ", token " +
                           std::to_string(token);
  on_each(what, [&](Poller& poller) {
    modify ? poller.modify(fd, interest, token) : poller.add(fd, interest, token);
  });
}

void DifferentialScript::unregister(End& end) {
  const NativeFd fd = end.fd.get();
  end.registration.reset();
  on_each("remove " + std::to_string(fd), [fd](Poller& poller) { poller.remove(fd); });
}

void DifferentialScript::register_bad_number() {
  const NativeFd fd = random_.one_in(2) ? invalid_fd : NativeFd{900};
  on_each("add " + std::to_string(fd),
          [fd](Poller& poller) { poller.add(fd, Events::read, 0); });
  on_each("remove " + std::to_string(fd), [fd](Poller& poller) { poller.remove(fd); });
}

void DifferentialScript::close_end(std::size_t index) {
  End end = std::move(ends_[index]);
  ends_.erase(ends_.begin() + static_cast<std::ptrdiff_t>(index));
  if (!random_.one_in(3)) unregister(end);
  tell("close " + std::to_string(end.fd.get()));
  // A handler that was not removed: its token is unknown from now on, and the pollers
  // have to get over it.
}

void DifferentialScript::move_bytes(End& end) {
  const NativeFd fd = end.fd.get();
  if (end.writes && (!end.reads || random_.one_in(2))) {
    const bool to_the_brim = random_.one_in(6);
    tell((to_the_brim ? "fill " : "write ") + std::to_string(fd));
    while (try_write(fd, to_the_brim ? 16384 : 100) > 0 && to_the_brim) continue;
  } else {
    tell("drain " + std::to_string(fd));
    (void)drain(fd);
  }
}

void DifferentialScript::shut_down(End& end) {
  if (!end.is_socket) return;
  constexpr std::array ways = {Direction::reading, Direction::writing, Direction::both};
  const std::size_t how = random_.below(ways.size());
  tell("shutdown " + std::to_string(end.fd.get()) + " " + std::to_string(how));
  test::shut_down(end.fd.get(), ways[how]);
}

template <class Call>
void DifferentialScript::on_each(const std::string& what, Call call) {
  std::optional<std::error_code> first;
  std::string line = what;
  for (const auto& poller : pollers_) {
    const std::error_code code = code_of([&] { call(*poller); });
    if (code)
      line += ", " + std::string(to_string(poller->kind())) + ": " + code.message();
    if (!first) first = code;
    agreed_ = agreed_ && code == *first;
  }
  tell(line);
}

bool DifferentialScript::look() {
  // The first time one that finds a closed number may only notice that. io_uring lets
  // go of its file then, which the others see, too; or the second time, if it had asked
  // for edges because a level would have told of nothing again and again.
  for (int i = 0; i < 2; ++i) {
    for (const auto& poller : pollers_) (void)poller->wait(at_once);
  }
  std::vector<Told> each;
  for (const auto& poller : pollers_) each.push_back(told_by(*poller));
  events_ += each.front().size();
  for (const Told& told : each) agreed_ = agreed_ && told == each.front();
  if (agreed_) return true;
  for (std::size_t i = 0; i < each.size(); ++i) {
    std::string line = std::string(to_string(pollers_[i]->kind())) + " tells";
    for (const auto& [token, events] : each[i]) {
      line += ", " + std::to_string(token) + ": " + text(events);
    }
    tell(line);
  }
  return false;
}

DifferentialScript::Told DifferentialScript::told_by(Poller& poller) {
  std::map<Token, const End*> known;
  for (const End& end : ends_) {
    if (end.registration) known[end.registration->token] = &end;
  }
  Told result;
  for (const Ready& ready : poller.wait(at_once)) {
    const auto found = known.find(ready.token);
    if (found == known.end()) continue;
    const Events interest = found->second->registration->interest;
    const Events events = comparable(found->second->is_socket, interest, ready.events);
    if (events != Events::none) result[ready.token] = told(interest, events);
  }
  return result;
}

void DifferentialScript::tell(const std::string& line) {
  story_.push_back(line);
  if (story_.size() > 200) story_.pop_front();
}

std::string DifferentialScript::story() const {
  std::string all;
  for (const std::string& line : story_) all += line + "\n";
  return all;
}

}  // namespace tornado::test
