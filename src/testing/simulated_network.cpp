// SPDX-License-Identifier: Apache-2.0
#include "tornado/simulated_network.h"

#include <array>
#include <cstdio>
#include <utility>

#include "testing/network_core.h"

namespace tornado {

std::string to_string(const NetworkEvent& event) {
  static constexpr std::array kinds = {"connecting", "connected", "failed",
                                       "accepted",   "sent",      "arrived",
                                       "ended",      "lost",      "closed"};
  constexpr long long second = 1'000'000'000;
  const long long time = event.time.time_since_epoch().count();
  std::array<char, 48> stamp;
  (void)std::snprintf(stamp.data(), stamp.size(), "%lld.%09lld ", time / second,
                      time % second);
  std::string text = stamp.data();
  text += kinds[static_cast<std::size_t>(event.kind)];
  text += ' ' + to_string(event.from) + " > " + to_string(event.to);
  if (event.bytes > 0) text += ' ' + std::to_string(event.bytes);
  if (event.error) text += ": " + event.error.message();
  return text;
}

SimulatedNetwork::SimulatedNetwork(std::shared_ptr<NetworkCore> core) noexcept
    : core_(std::move(core)) {}

void SimulatedNetwork::set_host(std::string_view ip, const SimulatedHost& how) {
  const std::lock_guard lock(core_->mutex);
  core_->set_host(ip, how);
}

void SimulatedNetwork::set_name(std::string name, std::vector<std::string> ips,
                                Delay time) {
  const std::lock_guard lock(core_->mutex);
  core_->set_name(std::move(name), {std::move(ips), {}, time.get()});
}

void SimulatedNetwork::fail_name(std::string name, std::error_code error, Delay time) {
  const std::lock_guard lock(core_->mutex);
  core_->set_name(std::move(name), {{}, error, time.get()});
}

void SimulatedNetwork::partition(const std::vector<std::string>& ips) {
  const std::lock_guard lock(core_->mutex);
  core_->partition(ips);
}

void SimulatedNetwork::heal() {
  const std::lock_guard lock(core_->mutex);
  core_->heal();
}

std::size_t SimulatedNetwork::reset(std::string_view ip) {
  const std::lock_guard lock(core_->mutex);
  return core_->reset(ip);
}

std::size_t SimulatedNetwork::sockets() const {
  const std::lock_guard lock(core_->mutex);
  return core_->sockets();
}

void SimulatedNetwork::set_observer(Observer observer) {
  const std::lock_guard lock(core_->mutex);
  core_->set_observer(std::move(observer));
}

}  // namespace tornado
