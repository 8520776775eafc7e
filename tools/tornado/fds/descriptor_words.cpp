// SPDX-License-Identifier: Apache-2.0
#include "fds/descriptor_words.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <sstream>
#include <system_error>
#include <utility>

#include "fds/process_text.h"
#include "system/file.h"

namespace tornado::cli {
namespace {

// "eventfd-count:                3" of fdinfo.
std::string value_of(const std::string& info, std::string_view key) {
  std::istringstream lines(info);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const auto begin = line.find_first_not_of(" \t", key.size());
    return begin == std::string::npos ? std::string() : line.substr(begin);
  }
  return {};
}

std::string of_pidfd(const std::string& number) {
  pid_t pid = 0;
  std::from_chars(number.data(), number.data() + number.size(), pid);
  if (pid == 0) return "a process outside this PID namespace";
  if (pid < 0) return "a process that has ended";
  const std::string name = state_in(told_by_proc(pid, "stat")).name;
  return name.empty() ? fmt::format("process {}", pid)
                      : fmt::format("process {} ({})", pid, name);
}

std::string of_eventfd(const std::string& info, const std::string& count) {
  const std::string id = value_of(info, "eventfd-id:");
  return id.empty() ? "count " + count : fmt::format("id {}, count {}", id, count);
}

// "tfd:        5 events: ..."
std::string of_epoll(const std::string& info) {
  std::istringstream lines(info);
  std::string numbers;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("tfd:")) continue;
    std::istringstream words(line.substr(4));
    std::string number;
    words >> number;
    numbers += (numbers.empty() ? "watches " : ", ") + number;
  }
  return numbers;
}

}  // namespace

std::string status_words(int status_flags) {
#if defined(O_PATH)
  if ((status_flags & O_PATH) != 0) return "path";
#endif
  const int access = status_flags & O_ACCMODE;
  std::string text = access == O_RDONLY ? "r" : access == O_WRONLY ? "w" : "rw";
  constexpr std::array<std::pair<int, const char*>, 3> words = {
      {{O_APPEND, ",append"}, {O_NONBLOCK, ",nonblock"}, {O_SYNC, ",sync"}}};
  for (const auto& [flag, word] : words) {
    if ((status_flags & flag) == flag) text += word;
  }
  return text;
}

std::string DescriptorDetails::of(const DescriptorInfo& descriptor) {
  if (descriptor.kind == "socket") return of_socket(descriptor.target);
  const std::string info =
      told_by_proc(pid_, "fdinfo/" + std::to_string(descriptor.number));
  if (const auto pid = value_of(info, "Pid:"); !pid.empty()) return of_pidfd(pid);
  if (const auto count = value_of(info, "eventfd-count:"); !count.empty()) {
    return of_eventfd(info, count);
  }
  return of_epoll(info);
}

// "socket:[4711]"
std::string DescriptorDetails::of_socket(const std::string& target) {
  if (!sockets_) sockets_ = sockets_around(pid_);
  const auto digits = std::min(target.find('[') + 1, target.size());
  std::uint64_t inode = 0;
  std::from_chars(target.data() + digits, target.data() + target.size(), inode);
  const auto found = sockets_->find(inode);
  return found == sockets_->end() ? std::string() : found->second;
}

}  // namespace tornado::cli
