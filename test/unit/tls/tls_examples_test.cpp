// SPDX-License-Identifier: Apache-2.0
// The examples of TLS, which need certificates.
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "support/wait.h"
#include "tls_ends.h"
#include "tornado/gen.h"
#include "tornado/iostream.h"
#include "tornado/subprocess.h"

namespace tornado::test {
namespace {

SpawnOptions example(const std::string& name, std::vector<std::string> args) {
  SpawnOptions options;
  options.argv = std::move(args);
  options.argv.insert(options.argv.begin(), EXAMPLES + name);
  options.out = Subprocess::STREAM;
  options.err = Subprocess::STREAM;
  return options;
}

Task<std::string> ask(std::string port, std::string authority) {
  Subprocess client(example("tls_client", {"localhost", port, authority}));
  std::string said = co_await client.out()->read_until_close();
  said += co_await client.err()->read_until_close();
  (void)co_await client.exited();
  co_return said;
}

Task<void> converse() {
  Certificates& files = Certificates::of_process();
  Subprocess server(example("tls_server", {files.issue("localhost")}));
  PipeIOStream& said = *server.out();
  co_await said.read_until("listening on 127.0.0.1:");
  std::string port = co_await said.read_until("\n");
  port.pop_back();
  const std::string answer = co_await ask(port, files.authority());
  EXPECT_EQ(answer, "hello\n");
  const std::string refusal = co_await ask(port, files.stranger());
  EXPECT_NE(refusal.find("no trusted authority"), std::string::npos) << refusal;
  server.send_signal(SIGHUP);
  EXPECT_EQ(co_await said.read_until("\n"), "reloaded\n");
  const std::string again = co_await ask(port, files.authority());
  EXPECT_EQ(again, "hello\n");
  server.send_signal(SIGINT);
  const ExitStatus ended = co_await server.exited();
  EXPECT_EQ(ended.returncode, 0);
}

TEST(TLSExamples, talk_with_each_other_before_and_after_a_reload) {
  IOLoop loop;
  loop.run_sync(converse(), patience);
}

}  // namespace
}  // namespace tornado::test
