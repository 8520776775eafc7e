// SPDX-License-Identifier: Apache-2.0
// postgres CONNINFO: libpq on the loop. libpq connects and queries without blocking,
// and says for what to wait.
#include <libpq-fe.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <stdexcept>

#include "tornado/tornado.h"

using namespace std::chrono_literals;
using tornado::Task;

using Connection = std::unique_ptr<PGconn, void (*)(PGconn*)>;
using Answer = std::unique_ptr<PGresult, void (*)(PGresult*)>;

void check(const Connection& connection, bool holds) {
  if (!holds) throw std::runtime_error(PQerrorMessage(connection.get()));
}

Task<Connection> connect(std::string info) {
  Connection connection(PQconnectStart(info.c_str()), &PQfinish);
  check(connection, PQstatus(connection.get()) != CONNECTION_BAD);
  auto wanted = PGRES_POLLING_WRITING;
  while (wanted != PGRES_POLLING_OK) {
    // Its socket may be another one after each step.
    const int fd = PQsocket(connection.get());
    if (wanted == PGRES_POLLING_WRITING) co_await tornado::writable(fd);
    if (wanted == PGRES_POLLING_READING) co_await tornado::readable(fd);
    wanted = PQconnectPoll(connection.get());
    check(connection, wanted != PGRES_POLLING_FAILED);
  }
  PQsetnonblocking(connection.get(), 1);
  co_return connection;
}

Task<Answer> query(Connection& connection, std::string text) {
  PGconn* const raw = connection.get();
  check(connection, PQsendQuery(raw, text.c_str()) == 1);
  for (int unsent = PQflush(raw); unsent != 0; unsent = PQflush(raw)) {
    check(connection, unsent == 1);
    co_await tornado::writable(PQsocket(raw));
  }
  Answer last(nullptr, &PQclear);
  for (;;) {
    while (PQisBusy(raw) == 1) {
      co_await tornado::readable(PQsocket(raw));
      check(connection, PQconsumeInput(raw) == 1);
    }
    PGresult* const next = PQgetResult(raw);
    if (!next) co_return last;
    last.reset(next);
  }
}

Task<std::string> ask(std::string info) {
  Connection connection = co_await connect(info);
  const Answer answer = co_await query(connection, "SELECT 6 * 7");
  check(connection, PQresultStatus(answer.get()) == PGRES_TUPLES_OK);
  co_return PQgetvalue(answer.get(), 0, 0);
}

int main(int argc, char** argv) try {
  tornado::IOLoop loop;
  const std::string info = argc > 1 ? argv[1] : "";
  std::cout << loop.run_sync(tornado::with_timeout(30s, ask(info))) << std::endl;
} catch (const std::exception& error) {
  std::cerr << error.what();
  return 1;
}
