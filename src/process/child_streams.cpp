// SPDX-License-Identifier: Apache-2.0
#include "process/child_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "platform/fd.h"
#include "platform/system_error.h"
#include "tornado/platform.h"

namespace tornado {
namespace {

std::string child_descriptor(int number) {
  return "child descriptor " + std::to_string(number);
}

[[noreturn]] void refuse(int number, std::errc reason, const std::string& why) {
  throw_error(std::make_error_code(reason), child_descriptor(number) + why);
}

}  // namespace

ChildStreams::ChildStreams(const SpawnOptions& options) {
  add_stream(options.in, STDIN_FILENO, in_);
  add_stream(options.out, STDOUT_FILENO, out_);
  add_stream(options.err, STDERR_FILENO, err_);
  for (const DescriptorMapping& mapping : options.descriptors) {
    if (mapping.child < 0) {
      refuse(mapping.child, std::errc::invalid_argument, " is negative");
    }
    if (!is_open(mapping.parent)) {
      refuse(mapping.child, std::errc::bad_file_descriptor,
             " from fd " + std::to_string(mapping.parent));
    }
    add(mapping.parent, mapping.child);
  }
}

void ChildStreams::hand_over(Child& child) noexcept {
  child.in = std::move(in_);
  child.out = std::move(out_);
  child.err = std::move(err_);
}

void ChildStreams::add_stream(const Stdio& stdio, int number, UniqueFd& parent_end) {
  add(open_stream(stdio, number, parent_end), number);
}

NativeFd ChildStreams::open_stream(const Stdio& stdio, int number,
                                   UniqueFd& parent_end) {
  switch (stdio.kind) {
    case Stdio::Kind::inherit:
      return is_open(number) ? number : open_null();
    case Stdio::Kind::null:
      return open_null();
    case Stdio::Kind::pipe:
      return open_pipe(number, parent_end);
    case Stdio::Kind::file: {
      if (stdio.path.find('\0') != std::string::npos) {
        refuse(number, std::errc::invalid_argument, ": NUL byte in the file's name");
      }
      UniqueFd file = open_file(stdio.path.c_str(), stdio.flags, stdio.mode);
      set_nonblocking(file.get(), (stdio.flags & O_NONBLOCK) != 0);
      return keep(std::move(file));
    }
    case Stdio::Kind::descriptor:
      if (is_open(stdio.fd)) return stdio.fd;
      refuse(number, std::errc::bad_file_descriptor,
             " from fd " + std::to_string(stdio.fd));
    case Stdio::Kind::as_stdout:
      if (number == STDERR_FILENO) return moves_[STDOUT_FILENO].from;
      refuse(number, std::errc::invalid_argument, ": as_stdout is for stderr");
  }
  refuse(number, std::errc::invalid_argument, ": unknown kind of stream");
}

NativeFd ChildStreams::open_pipe(int number, UniqueFd& parent_end) {
  FdPair pipe = make_pipe();
  if (number == STDIN_FILENO) std::swap(pipe.first, pipe.second);
  parent_end = std::move(pipe.first);
  set_nonblocking(pipe.second.get(), false);
  return keep(std::move(pipe.second));
}

NativeFd ChildStreams::open_null() {
  UniqueFd null = open_file("/dev/null", O_RDWR);
  set_nonblocking(null.get(), false);
  return keep(std::move(null));
}

NativeFd ChildStreams::keep(UniqueFd fd) {
  opened_.push_back(std::move(fd));
  return opened_.back().get();
}

void ChildStreams::add(NativeFd from, int to) {
  const bool taken =
      std::any_of(moves_.begin(), moves_.end(),
                  [to](const DescriptorMove& move) { return move.to == to; });
  if (taken) refuse(to, std::errc::invalid_argument, " mapped twice");
  copies_.emplace_back(from);
  moves_.push_back({copies_.back().get(), to});
}

}  // namespace tornado
