// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include <sys/utsname.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "peers.h"

namespace tornado::bench {
namespace {

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

Json peer_versions() {
  Json json = Json::object();
#if BENCH_LIBUV
  json["libuv"] = ::uv_version_string();
#endif
#if BENCH_LIBEVENT
  json["libevent"] = ::event_get_version();
#endif
#if BENCH_LIBEV
  json["libev"] =
      std::to_string(::ev_version_major()) + "." + std::to_string(::ev_version_minor());
#endif
#if BENCH_ASIO
  json["asio"] = std::to_string(ASIO_VERSION / 100000) + "." +
                 std::to_string(ASIO_VERSION / 100 % 1000) + "." +
                 std::to_string(ASIO_VERSION % 100);
#endif
  return json;
}

}  // namespace

Json describe_machine() {
  ::utsname name{};
  ::uname(&name);
  double load[1] = {0};
  ::getloadavg(load, 1);
  return {{"cpu", cpu_model()},
          {"cores", std::thread::hardware_concurrency()},
          {"kernel", std::string(name.sysname) + " " + name.release},
          {"compiler", BENCH_COMPILER},
          {"load_at_start", load[0]},
          {"peers", peer_versions()}};
}

}  // namespace tornado::bench
