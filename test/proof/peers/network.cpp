// SPDX-License-Identifier: Apache-2.0
#include "network.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "support/mounts.h"
#include "tornado/spawn.h"

namespace tornado::test {
namespace {

namespace fs = std::filesystem;

void write_file(const std::string& path, const std::string& contents) {
  std::ofstream(path) << contents;
}

/// Root in a namespace of its own may do what root does there.
bool become_root() {
  if (::geteuid() == 0) return true;
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER) == -1) return false;
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", "0 " + user + " 1");
  write_file("/proc/self/gid_map", "0 " + group + " 1");
  return ::geteuid() == 0;
}

bool enter_network() {
  return become_root() && enter_mount_namespace() && ::unshare(CLONE_NEWNET) == 0 &&
         run_program({"ip", "link", "set", "lo", "up"});
}

}  // namespace

bool in_own_network() {
  static const bool entered = enter_network();
  return entered;
}

std::string find_program(const std::string& name) {
  if (name.starts_with('/')) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const char* const path = ::getenv("PATH");
  const std::string folders = std::string(path ? path : "") + ":/usr/sbin:/sbin";
  for (std::size_t begin = 0; begin < folders.size();) {
    const std::size_t end = std::min(folders.find(':', begin), folders.size());
    const std::string file = folders.substr(begin, end - begin) + '/' + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
    begin = end + 1;
  }
  return {};
}

bool run_program(std::vector<std::string> argv) {
  const std::string file = find_program(argv.front());
  if (file.empty()) return false;
  SpawnOptions options;
  options.executable = file;
  options.argv = std::move(argv);
  options.in = Stdio::null();
  Child child = spawn(options);
  return wait_child(child) == 0;
}

PacketRule::PacketRule(const std::string& rule) {
  static int rules = 0;
  table_ = "rule" + std::to_string(++rules);
  const std::string chain = "{ type filter hook input priority 0; }";
  if (!run_program({"nft", "add table inet " + table_ + "; add chain inet " + table_ +
                               " packets " + chain + "; add rule inet " + table_ +
                               " packets " + rule})) {
    throw std::runtime_error("nft refuses: " + rule);
  }
}

void PacketRule::lift() {
  if (!table_.empty()) run_program({"nft", "delete table inet " + table_});
  table_.clear();
}

Folder::Folder() : path_((fs::temp_directory_path() / "peers-XXXXXX").string()) {
  if (!::mkdtemp(path_.data())) throw std::runtime_error("mkdtemp");
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void Folder::put(const std::string& name, const std::string& contents) const {
  write_file(file(name + ".new"), contents);
  fs::rename(file(name + ".new"), file(name));
}

}  // namespace tornado::test
