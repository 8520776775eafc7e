// SPDX-License-Identifier: Apache-2.0
#include "descriptor_list.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "trace_memory.h"
namespace tornado::cli {
std::vector<OpenDescriptor> list_descriptors(pid_t pid) {
  std::vector<OpenDescriptor> v;
  const std::string p = "/proc/" + std::to_string(pid);
  DIR* d = ::opendir((p + "/fd").c_str());
  if (!d) throw std::system_error(errno, std::system_category(), "open " + p + "/fd");
  const int own = pid == ::getpid() ? ::dirfd(d) : -1;
  while (auto* e = ::readdir(d)) {
    if (e->d_name[0] == '.') continue;
    OpenDescriptor o;
    o.fd = std::atoi(e->d_name);
    if (o.fd == own) continue;
    char b[4097];
    auto n = ::readlink((p + "/fd/" + e->d_name).c_str(), b, 4096);
    if (n < 0) continue;
    o.target.assign(b, static_cast<size_t>(n));
    o.kind = "file";
    const auto info = read_file(p + "/fdinfo/" + e->d_name);
    auto at = info.find("flags:");
    if (at != std::string::npos) {
      o.flags = static_cast<int>(std::strtol(info.c_str() + at + 6, nullptr, 8));
      o.close_exec = o.flags & O_CLOEXEC;
    }
    v.push_back(o);
  }
  ::closedir(d);
  std::sort(v.begin(), v.end(), [](auto& a, auto& b) { return a.fd < b.fd; });
  return v;
}
}  // namespace tornado::cli
