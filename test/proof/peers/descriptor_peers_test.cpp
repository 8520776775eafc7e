// SPDX-License-Identifier: Apache-2.0
// Descriptors that Python sends and gets by socket.send_fds and recv_fds.
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "dialogues.h"
#include "network.h"
#include "peer.h"
#include "tornado/netutil.h"
#include "tornado/platform.h"
#include "tornado/unix_stream.h"

namespace tornado::test {
namespace {

class DescriptorPeers : public WithPeers {
 protected:
  DescriptorPeers() : WithPeers({"python3"}) {}

  /// A script whose `s` is connected to our stream, and what is at the other end.
  static std::vector<std::string> script(const std::string& text) {
    return {"python3", "-c", "import os, socket\ns = socket.socket(fileno=3)\n" + text};
  }
};

TEST_F(DescriptorPeers, send_us_open_files_in_order) {
  play([]() -> Task<void> {
    FdPair ends = make_socket_pair();
    set_nonblocking(ends.second.get(), false);
    Peer peer(script("for n in range(200):\n"
                     "  r, w = os.pipe()\n"
                     "  os.write(w, b'%03d' % n)\n"
                     "  socket.send_fds(s, [b'%03d' % n], [r])\n"
                     "  os.close(r), os.close(w)\n"),
              {{3, ends.second.get()}});
    ends.second.reset();
    UnixStream stream(std::move(ends.first));
    for (int i = 0; i < 200; ++i) {
      const std::string number = co_await stream.read_bytes(3);
      std::vector<UniqueFd> got = stream.take_descriptors();
      EXPECT_EQ(got.size(), 1u) << number;
      if (got.size() != 1) co_return;
      EXPECT_TRUE(is_close_exec(got.front().get()));
      PipeIOStream pipe(std::move(got.front()));
      EXPECT_EQ(co_await pipe.read_until_close(), number);
    }
    EXPECT_EQ(co_await stream.read_until_close(), "");
    EXPECT_EQ(co_await peer.ended(), 0);
  });
}

TEST_F(DescriptorPeers, get_open_files_from_us_in_order) {
  play([]() -> Task<void> {
    FdPair ends = make_socket_pair();
    set_nonblocking(ends.second.get(), false);
    Peer peer(script("for n in range(200):\n"
                     "  data, fds, flags, name = socket.recv_fds(s, 3, 253)\n"
                     "  assert len(fds) == 1, fds\n"
                     "  assert os.read(fds[0], 9) == data == b'%03d' % n\n"
                     "  os.close(fds[0])\n"
                     "print('all')\n"),
              {{3, ends.second.get()}});
    ends.second.reset();
    UnixStream stream(std::move(ends.first));
    for (int i = 100; i < 300; ++i) {
      const std::string number = "0" + std::to_string(i - 100);
      const std::string bytes =
          number.size() == 2 ? "0" + number : number.substr(number.size() - 3);
      FdPair pipe = make_pipe();
      EXPECT_EQ(::write(pipe.second.get(), bytes.data(), 3), 3);
      std::vector<UniqueFd> sent;
      sent.push_back(std::move(pipe.first));
      co_await stream.write_with(bytes, std::move(sent));
    }
    EXPECT_EQ(co_await peer.line(), "all");
  });
}

TEST_F(DescriptorPeers, give_as_many_as_a_message_holds) {
  play([]() -> Task<void> {
    FdPair ends = make_socket_pair();
    set_nonblocking(ends.second.get(), false);
    Peer peer(script("data, fds, flags, name = socket.recv_fds(s, 1, 253)\n"
                     "socket.send_fds(s, [b'x'], fds)\n"
                     "print(len(fds))\n"),
              {{3, ends.second.get()}});
    ends.second.reset();
    UnixStream stream(std::move(ends.first));
    std::vector<UniqueFd> sent;
    for (int i = 0; i < 253; ++i) sent.push_back(duplicate(stream.fileno()));
    co_await stream.write_with("x", std::move(sent));
    EXPECT_EQ(co_await peer.line(), "253");
    EXPECT_EQ(co_await stream.read_bytes(1), "x");
    EXPECT_EQ(stream.take_descriptors().size(), 253u);
  });
}

TEST_F(DescriptorPeers, are_known_by_their_credentials) {
  const Folder folder;
  const std::string path = folder.file("socket");
  play([&]() -> Task<void> {
    Peer peer({"python3", "-c",
               "import os, socket, sys\n"
               "l = socket.socket(socket.AF_UNIX)\n"
               "l.bind(sys.argv[1])\nl.listen()\n"
               "s, _ = l.accept()\ns.sendall(b'%d\\n' % os.getpid())\ns.recv(1)\n",
               path});
    const IOStream probe = co_await dial(SocketAddress::local(path));
    UnixStream stream(duplicate(probe.fileno()));
    EXPECT_EQ(stream.peer_credentials().pid,
              std::stoi(co_await stream.read_until("\n")));
    EXPECT_EQ(stream.peer_credentials().user, ::geteuid());
  });
}

}  // namespace
}  // namespace tornado::test
