// SPDX-License-Identifier: Apache-2.0
#include "tornado/subprocess.h"

#include "platform/system_error.h"
#include "process/conversation.h"
#include "process/exit_watch.h"
#include "tornado/gen.h"

namespace tornado {

CalledProcessError::CalledProcessError(int pid, int returncode)
    : std::runtime_error(
          "child " + std::to_string(pid) +
          (returncode < 0 ? " was killed by signal " : " exited with status ") +
          std::to_string(returncode < 0 ? -returncode : returncode)),
      returncode_(returncode) {}

struct Subprocess::State {
  explicit State(IOLoop& l)
      : loop(l.handle()),
        exit(std::make_shared<ExitWatch>(l)),
        conversation(std::make_shared<Conversation>(l)) {}
  ~State() {
    conversation->stop();
    exit->set_callback({});
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void adopt(Child child) noexcept {
    exit->adopt(child.pid, std::move(child.process));
    conversation->in_end.fd = std::move(child.in);
    conversation->out_end.fd = std::move(child.out);
    conversation->err_end.fd = std::move(child.err);
  }

  const LoopHandle loop;  // this may outlive it
  std::shared_ptr<ExitWatch> exit;
  std::shared_ptr<Conversation> conversation;
};

Subprocess::Subprocess(const SpawnOptions& options)
    : Subprocess(options, *IOLoop::current()) {}

Subprocess::Subprocess(const SpawnOptions& options, IOLoop& loop)
    : state_(std::make_shared<State>(loop)) {
  // Last, since what fails after that leaves a child to be killed.
  state_->adopt(spawn(options));
  try {
    state_->exit->start();
  } catch (...) {
    state_->exit->kill_and_reap();
    throw;
  }
}

Subprocess::Subprocess(Subprocess&&) noexcept = default;
Subprocess& Subprocess::operator=(Subprocess&&) noexcept = default;
Subprocess::~Subprocess() = default;

int Subprocess::pid() const noexcept {
  return state_->exit->pid();
}

UniqueFd& Subprocess::in() noexcept {
  return state_->conversation->in_end.fd;
}

UniqueFd& Subprocess::out() noexcept {
  return state_->conversation->out_end.fd;
}

UniqueFd& Subprocess::err() noexcept {
  return state_->conversation->err_end.fd;
}

void Subprocess::set_exit_callback(ExitCallback callback) {
  state_->exit->set_callback(std::move(callback));
}

namespace {
Task<ExitStatus> end_of(std::shared_ptr<ExitWatch> exit) {
  const auto begin = [&exit](const Completion<ExitStatus>& ended) {
    exit->set_callback([ended](ExitStatus status) { ended.set_value(status); });
  };
  co_return co_await until<ExitStatus>(begin);
}
}  // namespace

Task<ExitStatus> Subprocess::exited() {
  return end_of(state_->exit);
}

int Subprocess::wait_for_exit(bool raise_error, std::optional<Delay> timeout) {
  const std::shared_ptr<ExitWatch> exit = state_->exit;
  IOLoop& loop = state_->loop.open_loop("wait_for_exit");
  const auto status = loop.run_sync<ExitStatus>(
      [exit](const Completion<ExitStatus>& completion) {
        exit->add_waiter([completion](ExitStatus s) { completion.set_value(s); });
      },
      timeout);
  if (status.error) {
    throw_error(status.error, "wait for child " + std::to_string(exit->pid()));
  }
  if (raise_error && status.returncode != 0) {
    throw CalledProcessError(exit->pid(), status.returncode);
  }
  return status.returncode;
}

std::optional<int> Subprocess::returncode() const noexcept {
  const auto& status = state_->exit->status();
  if (!status || status->error) return {};
  return status->returncode;
}

bool Subprocess::send_signal(int signal) {
  return state_->exit->send_signal(signal);
}

bool Subprocess::terminate() {
  return send_signal(terminate_signal);
}

bool Subprocess::kill() {
  return send_signal(kill_signal);
}

Communicated Subprocess::communicate(std::string input, std::optional<Delay> timeout) {
  const std::shared_ptr<Conversation> talk = state_->conversation;
  IOLoop& loop = state_->loop.open_loop("communicate");
  try {
    return loop.run_sync<Communicated>(
        [this, &input](const Completion<Communicated>& completion) {
          communicate(std::move(input), [completion](Communicated result) {
            completion.set_value(std::move(result));
          });
        },
        timeout);
  } catch (...) {
    talk->set_callback({});  // the result waits for the next call
    throw;
  }
}

void Subprocess::communicate(std::string input, CommunicateCallback callback) {
  Conversation& talk = *state_->conversation;
  if (!input.empty() && (talk.started() || !talk.in_end.fd)) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "communicate: input, but the child's in is no pipe");
  }
  if (!talk.started()) talk.start(std::move(input), *state_->exit);
  talk.set_callback(std::move(callback));
}

}  // namespace tornado
