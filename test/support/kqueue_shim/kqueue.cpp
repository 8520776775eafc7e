// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

namespace {

/// One descriptor of a queue, with both filters: an epoll set has it once.
struct Knote {
  std::uint32_t generation = 0;
  unsigned read = 0;  // its flags, 0 if it is not there
  unsigned write = 0;
  void* read_data = nullptr;
  void* write_data = nullptr;
  bool always = false;  // what epoll refuses since it is always ready, as a file is
  dev_t device = 0;     // which file it is
  ino_t inode = 0;
};

struct Queue {
  std::unordered_map<int, Knote> knotes;
  std::unordered_map<int, int> children;  // pid and pidfd
};

// What the data of an epoll_event begin with; those of knotes, with a generation.
constexpr std::uint64_t user_mark = ~std::uint64_t{0} << 32;
constexpr std::uint64_t child_mark = (~std::uint64_t{0} - 1) << 32;
// By which a queue is known from other epoll sets: the signal of F_SETSIG, which
// nothing sends.
constexpr int queue_mark = SIGURG;

std::mutex mutex;
std::map<int, Queue> queues;  // by number; what a reused one had is dropped by kqueue()
std::array<std::atomic<bool>, 65536> numbers;
std::uint32_t last_generation = 0;

bool is_queue(int fd) {
  return ::fcntl(fd, F_GETSIG) == queue_mark;
}

void close_those_of_the_parent() {
  for (std::size_t number = 0; number < numbers.size(); ++number) {
    const int fd = static_cast<int>(number);
    if (numbers[number].exchange(false) && is_queue(fd)) ::close(fd);
  }
  for (const auto& [number, queue] : queues) {
    for (const auto& [pid, pidfd] : queue.children) ::close(pidfd);
  }
  queues.clear();
}

/// Always readable. A queue has it too; how it is registered there is the state of
/// the queue's EVFILT_USER, which is triggered by one call, without a lock.
int always_readable() {
  static const int fd = [] {
    ::pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); },
                     [] {
                       close_those_of_the_parent();
                       mutex.unlock();
                     });
    // Not 0, 1 or 2, though they be closed.
    const int low = ::eventfd(1, EFD_CLOEXEC);
    const int high = ::fcntl(low, F_DUPFD_CLOEXEC, 3);
    ::close(low);
    return high;
  }();
  return fd;
}
const int made_before_tests_count_descriptors = always_readable();

int control(int queue, int operation, int fd, unsigned events, std::uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  if (::epoll_ctl(queue, operation, fd, &event) == 0) return 0;
  return errno;
}

unsigned epoll_events(const Knote& knote) {
  unsigned events = 0;
  if (knote.read) events |= EPOLLIN | EPOLLRDHUP;
  if (knote.write) events |= EPOLLOUT;
  if ((knote.read | knote.write) & EV_CLEAR) events |= EPOLLET;
  return events;
}

bool is_same_file(int fd, const Knote& knote) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && status.st_dev == knote.device &&
         status.st_ino == knote.inode;
}

int put_into_set(int queue, int fd, Knote& knote, bool known) {
  const unsigned events = epoll_events(knote);
  const auto data = [&] {
    return std::uint64_t{knote.generation} << 32 | static_cast<std::uint32_t>(fd);
  };
  int error = ENOENT;
  if (known && !knote.always) {
    error = control(queue, EPOLL_CTL_MOD, fd, events, data());
  }
  if (error == ENOENT) {
    knote.generation = ++last_generation;
    error = control(queue, EPOLL_CTL_ADD, fd, events, data());
    // A duplicate, closed since, was registered under this number.
    if (error == EEXIST) error = control(queue, EPOLL_CTL_MOD, fd, events, data());
  }
  knote.always = error == EPERM;
  return knote.always ? 0 : error;
}

bool nobody_reads(int fd) {
  struct stat status {};
  pollfd one{fd, 0, 0};
  return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) &&
         ::poll(&one, 1, 0) == 1 && (one.revents & POLLERR);
}

int add_filter(int number, const struct kevent& change) {
  const int fd = static_cast<int>(change.ident);
  struct stat status {};
  if (::fstat(fd, &status) == -1) return errno;
  if (change.filter == EVFILT_WRITE && nobody_reads(fd)) return EPIPE;
  Queue& queue = queues[number];
  const auto found = queue.knotes.find(fd);
  const bool known = found != queue.knotes.end() && is_same_file(fd, found->second);
  Knote knote = known ? found->second : Knote{};
  const bool reads = change.filter == EVFILT_READ;
  unsigned& flags = reads ? knote.read : knote.write;
  // One that is there keeps its flags.
  if (!flags) flags = change.flags & (EV_ADD | EV_CLEAR | EV_ONESHOT);
  (reads ? knote.read_data : knote.write_data) = change.udata;
  knote.device = status.st_dev;
  knote.inode = status.st_ino;
  if (const int error = put_into_set(number, fd, knote, known)) return error;
  queue.knotes[fd] = knote;
  return 0;
}

int delete_filter(int number, int fd, int filter) {
  if (::fcntl(fd, F_GETFD) == -1) return EBADF;
  Queue& queue = queues[number];
  const auto found = queue.knotes.find(fd);
  if (found == queue.knotes.end()) return ENOENT;
  Knote& knote = found->second;
  const bool known = is_same_file(fd, knote);
  unsigned& flags = filter == EVFILT_READ ? knote.read : knote.write;
  if (!known || !flags) {
    if (!known) queue.knotes.erase(found);
    return ENOENT;
  }
  flags = 0;
  if (knote.read || knote.write) return put_into_set(number, fd, knote, true);
  if (!knote.always) (void)control(number, EPOLL_CTL_DEL, fd, 0, 0);
  queue.knotes.erase(found);
  return 0;
}

int change_child(int number, const struct kevent& change) {
  auto& children = queues[number].children;
  const int pid = static_cast<int>(change.ident);
  const auto found = children.find(pid);
  if (change.flags & EV_DELETE) {
    if (found == children.end()) return ENOENT;
    ::close(found->second);
    children.erase(found);
    return 0;
  }
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd == -1) return errno;
  children[pid] = pidfd;
  return control(number, EPOLL_CTL_ADD, pidfd, EPOLLIN,
                 child_mark | static_cast<std::uint32_t>(pid));
}

/// Without the lock: as the system call that it stands for, it may be made by a signal
/// handler.
int change_user(int number, const struct kevent& change) {
  if (change.flags & EV_ADD) {
    return control(number, EPOLL_CTL_ADD, always_readable(), 0, user_mark);
  }
  if (!(change.fflags & NOTE_TRIGGER)) return EINVAL;
  return control(number, EPOLL_CTL_MOD, always_readable(), EPOLLIN | EPOLLONESHOT,
                 user_mark);
}

int apply(int number, const struct kevent& change) {
  if (change.filter == EVFILT_USER) return change_user(number, change);
  const std::lock_guard lock(mutex);
  if (change.filter == EVFILT_PROC) return change_child(number, change);
  if (change.filter != EVFILT_READ && change.filter != EVFILT_WRITE) return EINVAL;
  if (change.flags & EV_DELETE) {
    return delete_filter(number, static_cast<int>(change.ident), change.filter);
  }
  return add_filter(number, change);
}

/// A set without what cannot be taken out of it: a file whose number was closed, and
/// which lives on under another. A BSD forgets closed descriptors.
void make_set_anew(int number, Queue& queue) {
  const int fresh = ::epoll_create1(EPOLL_CLOEXEC);
  ::fcntl(fresh, F_SETSIG, queue_mark);
  std::erase_if(queue.knotes, [](const auto& each) {
    return !is_same_file(each.first, each.second);
  });
  for (auto& [fd, knote] : queue.knotes) {
    if (!knote.always) (void)put_into_set(fresh, fd, knote, false);
  }
  ::dup3(fresh, number, O_CLOEXEC);
  ::close(fresh);
}

class Telling {
 public:
  Telling(int number, std::span<struct kevent> events)
      : number_(number), next_(events.data()), end_(next_ + events.size()) {}

  void tell(const epoll_event& event) {
    const std::uint64_t mark = event.data.u64 & ~std::uint64_t{0xffff'ffff};
    const auto ident = static_cast<int>(static_cast<std::uint32_t>(event.data.u64));
    if (next_ == end_) {
      keep(mark, ident);
    } else if (mark == user_mark) {
      *next_++ = {0, EVFILT_USER, EV_CLEAR, 0, 0, nullptr};
    } else if (mark == child_mark) {
      const struct kevent change {
        static_cast<std::uintptr_t>(ident), EVFILT_PROC, EV_DELETE, 0, 0, nullptr
      };
      (void)change_child(number_, change);
      *next_++ = change;
      next_[-1].flags = EV_EOF;
    } else {
      tell_knote(ident, event);
    }
  }

  void tell_knote(int fd, const epoll_event& event) {
    auto& knotes = queues[number_].knotes;
    const auto found = knotes.find(fd);
    if (found == knotes.end() || found->second.generation != event.data.u64 >> 32 ||
        !is_same_file(fd, found->second)) {
      orphan_ = true;
      return;
    }
    const Knote knote = found->second;
    const bool broken = event.events & (EPOLLERR | EPOLLHUP);
    if (knote.read && (broken || event.events & (EPOLLIN | EPOLLRDHUP))) {
      add(fd, EVFILT_READ, knote.read, knote.read_data,
          broken || event.events & EPOLLRDHUP);
    }
    if (knote.write && (broken || event.events & EPOLLOUT)) {
      if (next_ == end_) return keep(0, fd);
      add(fd, EVFILT_WRITE, knote.write, knote.write_data, broken);
    }
  }

  /// For the next call, since this one has no more room. epoll does not repeat an edge.
  void keep(std::uint64_t mark, int fd) {
    if (mark == user_mark) {
      (void)control(number_, EPOLL_CTL_MOD, always_readable(), EPOLLIN | EPOLLONESHOT,
                    user_mark);
    } else if (mark != child_mark) {
      const auto found = queues[number_].knotes.find(fd);
      if (found == queues[number_].knotes.end()) return;
      (void)put_into_set(number_, fd, found->second, true);
    }
  }

  void finish() {
    if (orphan_) make_set_anew(number_, queues[number_]);
  }
  [[nodiscard]] struct kevent* next() const { return next_; }

 private:
  void add(int fd, std::int16_t filter, unsigned flags, void* data, bool ended) {
    const auto told = (flags & (EV_CLEAR | EV_ONESHOT)) | (ended ? EV_EOF : 0u);
    *next_++ = {static_cast<std::uintptr_t>(fd),
                filter,
                static_cast<std::uint16_t>(told),
                0,
                0,
                data};
    if (flags & EV_ONESHOT) (void)delete_filter(number_, fd, filter);
  }

  int number_;
  struct kevent* next_;
  struct kevent* end_;
  bool orphan_ = false;
};

bool any_always_ready(int number) {
  const auto found = queues.find(number);
  return found != queues.end() &&
         std::ranges::any_of(found->second.knotes,
                             [](const auto& each) { return each.second.always; });
}

void add_always_ready(int number, std::vector<epoll_event>& events, std::size_t room) {
  const auto found = queues.find(number);
  if (found == queues.end()) return;
  for (const auto& [fd, knote] : found->second.knotes) {
    if (!knote.always || events.size() == room) continue;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT;
    event.data.u64 =
        std::uint64_t{knote.generation} << 32 | static_cast<std::uint32_t>(fd);
    events.push_back(event);
  }
}

int tell_events(int number, struct kevent* events, int count, const timespec* timeout) {
  std::vector<epoll_event> ready(static_cast<std::size_t>(count));
  const std::size_t room = ready.size();
  const timespec at_once{};
  {
    const std::lock_guard lock(mutex);
    if (any_always_ready(number)) timeout = &at_once;
  }
  const int n =
      ::epoll_pwait2(number, ready.data(), static_cast<int>(room), timeout, nullptr);
  if (n == -1) {
    if (errno == EINVAL) errno = EBADF;  // no queue
    return -1;
  }
  ready.resize(static_cast<std::size_t>(n));
  const std::lock_guard lock(mutex);
  add_always_ready(number, ready, room);
  Telling telling(number, {events, room});
  for (const epoll_event& event : ready) telling.tell(event);
  telling.finish();
  return static_cast<int>(telling.next() - events);
}

}  // namespace

int kqueue() {
  int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd == -1) return -1;
  ::fcntl(fd, F_SETSIG, queue_mark);
  const std::lock_guard lock(mutex);
  if (const auto old = queues.find(fd); old != queues.end()) {
    for (const auto& [pid, pidfd] : old->second.children) ::close(pidfd);
    queues.erase(old);
  }
  numbers[static_cast<std::size_t>(fd) % numbers.size()] = true;
  return fd;
}

int kevent(int queue, const struct kevent* changes, int change_count,
           struct kevent* events, int event_count, const timespec* timeout) {
  int told = 0;
  for (int i = 0; i < change_count; ++i) {
    const struct kevent change = changes[i];  // which may be events[i], too
    int error = apply(queue, change);
    if (change.filter == EVFILT_USER && error == EINVAL) error = EBADF;  // no queue
    if (error != 0 && event_count == 0) {
      errno = error;
      return -1;
    }
    if (error != 0 || change.flags & EV_RECEIPT) {
      events[told] = change;
      events[told].flags = EV_ERROR;
      events[told++].data = error;
    }
  }
  if (told > 0 || event_count == 0) return told;
  return tell_events(queue, events, event_count, timeout);
}
