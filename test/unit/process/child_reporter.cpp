// SPDX-License-Identifier: Apache-2.0
// child_reporter TO [ARGUMENT...]
// Tells on descriptor TO what this process was given, one "key value" a line.
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/descriptors.h"

namespace {

class Report {
 public:
  template <class T>
  void tell(const char* key, const T& value) {
    text_ << key << ' ' << value << '\n';
  }

  bool send(int to) const {
    const std::string text = text_.str();
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(to, text.data() + done, text.size() - done);
      if (n <= 0) return false;
      done += static_cast<std::size_t>(n);
    }
    return true;
  }

 private:
  std::ostringstream text_;
};

void tell_signals(Report& report) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    for (const std::string key : {"SigBlk", "SigIgn", "SigCgt"}) {
      if (line.rfind(key + ":", 0) == 0) {
        report.tell(key.c_str(), line.substr(line.find('\t') + 1));
      }
    }
  }
}

void tell_place(Report& report) {
  char cwd[PATH_MAX];
  report.tell("cwd", ::getcwd(cwd, sizeof cwd) ? cwd : "?");
  const mode_t mask = ::umask(0);
  report.tell("umask", mask);
  report.tell("pid", ::getpid());
  report.tell("ppid", ::getppid());
  report.tell("pgid", ::getpgid(0));
  report.tell("sid", ::getsid(0));
  report.tell("nice", ::getpriority(PRIO_PROCESS, 0));
  int signal = 0;
  ::prctl(PR_GET_PDEATHSIG, &signal);
  report.tell("pdeathsig", signal);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  report.tell("nofile",
              std::to_string(limit.rlim_cur) + " " + std::to_string(limit.rlim_max));
}

void tell_ids(Report& report) {
  report.tell("uid", std::to_string(::getuid()) + " " + std::to_string(::geteuid()));
  report.tell("gid", std::to_string(::getgid()) + " " + std::to_string(::getegid()));
  std::vector<gid_t> groups(64);
  groups.resize(static_cast<std::size_t>(::getgroups(64, groups.data())));
  std::string list;
  for (const gid_t group : groups) list += std::to_string(group) + " ";
  report.tell("groups", list);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  const int to = std::atoi(argv[1]);
  Report report;
  for (const auto& descriptor : tornado::test::open_descriptors()) {
    if (descriptor.fd != to) report.tell("fd", tornado::test::to_line(descriptor));
  }
  tell_signals(report);
  tell_place(report);
  tell_ids(report);
  report.tell("argv0", argv[0]);
  for (int i = 2; i < argc; ++i) report.tell("arg", argv[i]);
  for (char** entry = environ; *entry; ++entry) report.tell("env", *entry);
  return report.send(to) ? 0 : 65;
}
