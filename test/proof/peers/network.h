// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace tornado::test {

/// Moves this process, once, into a network and a mount namespace of its own. Only the
/// loopback interface is there, and all ports are free. False where that is not
/// allowed.
bool in_own_network();

/// The path of a program, or nothing. Looks where only root has its PATH, too.
std::string find_program(const std::string& name);

/// Runs a program to its end. False if it failed.
bool run_program(std::vector<std::string> argv);

/// A rule of nft in this network: each packet that matches has its fate until the end
/// of the scope.
class PacketRule {
 public:
  /// As nft spells it: "tcp dport 80 drop".
  explicit PacketRule(const std::string& rule);
  ~PacketRule() { lift(); }
  PacketRule(const PacketRule&) = delete;
  PacketRule& operator=(const PacketRule&) = delete;
  void lift();

 private:
  std::string table_;
};

/// A folder that goes with its contents at the end of the scope.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const {
    return path_ + '/' + name;
  }
  /// Replaces a file, as editors and DHCP clients do: by another, under its name.
  void put(const std::string& name, const std::string& contents) const;

 private:
  std::string path_;
};

}  // namespace tornado::test
