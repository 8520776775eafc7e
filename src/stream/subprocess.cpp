// SPDX-License-Identifier: Apache-2.0
#include "tornado/subprocess.h"

#include "platform/system_error.h"
#include "process/exit_watch.h"
#include "stream/conversation.h"
#include "tornado/gen.h"

namespace tornado {

CalledProcessError::CalledProcessError(int pid, int returncode)
    : std::runtime_error(
          "child " + std::to_string(pid) +
          (returncode < 0 ? " was killed by signal " : " exited with status ") +
          std::to_string(returncode < 0 ? -returncode : returncode)),
      returncode_(returncode) {}

CommunicateTimeout::CommunicateTimeout(Communicated so_far)
    : std::system_error(Errc::timed_out, "communicate"), so_far_(std::move(so_far)) {}

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

  /// Makes streams of the pipes, once the child has its owner.
  void adopt(Child child) {
    exit->adopt(child.pid, std::move(child.process));
    IOLoop& on = loop.open_loop("Subprocess");
    if (child.in) conversation->in.emplace(std::move(child.in), on);
    if (child.out) conversation->out.emplace(std::move(child.out), on);
    if (child.err) conversation->err.emplace(std::move(child.err), on);
    exit->start();
  }

  const LoopHandle loop;  // this may outlive it
  std::shared_ptr<ExitWatch> exit;
  std::shared_ptr<Conversation> conversation;
};

Subprocess::Subprocess(const SpawnOptions& options)
    : Subprocess(options, *IOLoop::current()) {}

Subprocess::Subprocess(const SpawnOptions& options, IOLoop& loop)
    : state_(std::make_shared<State>(loop)) {
  Child child = spawn(options);
  try {
    state_->adopt(std::move(child));
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

std::optional<PipeIOStream>& Subprocess::in() noexcept {
  return state_->conversation->in;
}

std::optional<PipeIOStream>& Subprocess::out() noexcept {
  return state_->conversation->out;
}

std::optional<PipeIOStream>& Subprocess::err() noexcept {
  return state_->conversation->err;
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

namespace {

void begin(Conversation& talk, ExitWatch& exit, std::string input, Delay after_exit) {
  if (!input.empty() && (talk.started() || !talk.in)) {
    throw_error(std::make_error_code(std::errc::invalid_argument),
                "communicate: input, but the child's in is no pipe");
  }
  if (!talk.started()) talk.start(std::move(input), exit, after_exit);
}

/// Takes the result, unless the task ends before it comes.
class TakerOfTask {
 public:
  explicit TakerOfTask(std::shared_ptr<Conversation> talk) : talk_(std::move(talk)) {}
  TakerOfTask(const TakerOfTask&) = delete;
  TakerOfTask& operator=(const TakerOfTask&) = delete;
  ~TakerOfTask() { talk_->drop_taker(number_); }

  void operator()(const Completion<Communicated>& completion) {
    number_ = talk_->set_taker([completion](Communicated& result) {
      return completion.set_value(std::move(result));
    });
  }

 private:
  std::shared_ptr<Conversation> talk_;
  int number_ = 0;
};

Task<Communicated> result_of(std::shared_ptr<Conversation> talk) {
  TakerOfTask taker(std::move(talk));
  const auto ask = [&taker](const Completion<Communicated>& done) { taker(done); };
  co_return co_await until<Communicated>(ask);
}

Task<Communicated> talk_with(std::shared_ptr<Conversation> talk,
                             std::shared_ptr<ExitWatch> exit, std::string input,
                             CommunicateOptions options) {
  begin(*talk, *exit, std::move(input), options.after_exit);
  if (!options.timeout) co_return co_await result_of(talk);
  try {
    co_return co_await with_timeout(*options.timeout, result_of(talk));
  } catch (const std::system_error& error) {
    if (error.code() != Errc::timed_out) throw;
    throw CommunicateTimeout(talk->so_far());
  }
}

}  // namespace

Task<Communicated> Subprocess::communicated(std::string input,
                                            CommunicateOptions options) {
  return talk_with(state_->conversation, state_->exit, std::move(input), options);
}

Communicated Subprocess::communicate(std::string input, CommunicateOptions options) {
  IOLoop& loop = state_->loop.open_loop("communicate");
  return loop.run_sync(communicated(std::move(input), options));
}

void Subprocess::communicate(std::string input, CommunicateCallback callback,
                             Delay after_exit) {
  begin(*state_->conversation, *state_->exit, std::move(input), after_exit);
  state_->conversation->set_taker(
      [kept = std::move(callback)](Communicated& result) mutable {
        kept(std::move(result));
        return true;
      });
}

}  // namespace tornado
