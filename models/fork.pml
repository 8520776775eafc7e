// SPDX-License-Identifier: Apache-2.0
// A process forks at any moment, and the child, in which of all threads only the one
// that forked goes on, takes the loop over: Mailbox::after_fork of src/loop/mailbox.cpp
// with WakeProtocol::rebuild. Another thread of the child posts and wakes meanwhile.
// The child never writes to what is the parent's; whatever it accepted has been taken
// when nothing can happen any more; and a close() then gives the descriptors back.
//
// What a thread of the parent had begun stays as it was in the child's memory: the
// count of the guard, the flag, the lock of the queue, a cell of the ring claimed and
// not filled.
//
// READ: the child polls and consumes, and never arms. Otherwise it is a loop.
// MUTANT is one of these wrong protocols.

#define COUNT_STAYS 1       // rebuild() does not reset the count of the guard
#define TELLS_NOBODY 2      // rebuild() neither exchanges the flag nor writes
#define WRITES_ANYWAY 3     // wake() does not ask whose the descriptors are
#define RING_STAYS 4        // a cell that was claimed is waited for
#define LOCK_STAYS 5        // the lock of a thread that does not exist is waited for
#define LETS_IN_FIRST 6     // posts are accepted, then queue and ring are mended
#define OWNS_FIRST 7        // the descriptors become the child's, then are replaced
#define EVICTS_LATE 8       // the descriptors become the child's, then the guard is reset
#define DRAINS_PARENTS 9    // consume() does not ask whose the descriptors are

#ifndef MUTANT
#define MUTANT 0
#endif

mtype = { armed, notified, awake };

bool forked;       // from here on there is the child alone
bool owned;        // the waker says: the descriptors are this process's
bool fresh;        // and so they are
bool let_in;       // the mailbox says: posts are this process's
mtype flag = armed;
bool ready;
byte inside;
bool locked;
bool told;         // the queue tells posts that the loop sleeps
byte queue, tail, head;
bool filled[4];
byte accepted, taken;
bool busy, asleep, over;  // where the child's threads are

#define ours (!forked || owned)

inline touch() { assert(!forked || fresh) }

inline visit_and_write() {
  inside++;
  atomic { touch(); ready = true };
  inside--
}

inline wake() {
  atomic { to_write = (flag == armed); flag = notified };
  if
#if MUTANT == WRITES_ANYWAY
  :: to_write -> to_write = false; visit_and_write()
#else
  :: to_write -> to_write = false;
     if
     :: ours -> visit_and_write()
     :: else
     fi
#endif
  :: else
  fi
}

inline post() {
  atomic { !locked -> locked = true };
  atomic { queue++; accepted++; asked = told };
  locked = false;
  if
  :: asked -> asked = false; wake()
  :: else
  fi
}

inline post_from_signal() {
  atomic { at = tail; tail++; accepted++ };
  filled[at] = true;
  wake()
}

inline consume() {
#if MUTANT != DRAINS_PARENTS
  if
  :: ours ->
#endif
     inside++;
     atomic { touch(); ready = false };
     inside--;
     flag = armed
#if MUTANT != DRAINS_PARENTS
  :: else
  fi
#endif
}

inline take() {
  atomic { !locked -> locked = true };
  atomic { taken = taken + queue; queue = 0; told = false };
  locked = false;
  do
  :: atomic { head < tail && filled[head] -> head++; taken++ }
  :: else -> break
  od
}

proctype parents_poster() provided (!forked) {
  bool asked, to_write;
  post()
}

proctype parents_handler() provided (!forked) {
  byte at;
  bool to_write;
  post_from_signal()
}

proctype parents_loop() provided (!forked) {
  if
  :: ready -> consume()
  :: true
  fi;
  flag = awake;
  take();
  atomic {
    if
    :: flag != notified -> flag = armed
    :: else
    fi
  };
  atomic { !locked -> locked = true };
  told = (queue == 0);
  locked = false
}

// Of the child. As any thread that was started before the loop was taken over.
proctype childs_poster() {
  byte at;
  bool asked, to_write;
  atomic { forked -> busy = true };
  wake();  // harmless at any time
  if
  :: let_in -> post(); post_from_signal()
  :: true
  fi;
  busy = false
}

inline mend() {
#if MUTANT != RING_STAYS
  atomic {
    // The item that does nothing counts as one that was accepted and taken.
    i = head;
    do
    :: i < tail -> filled[i] = true; i++
    :: else -> break
    od;
    i = 0
  };
#endif
#if MUTANT != LOCK_STAYS
  if
  :: locked -> accepted = accepted - queue; queue = 0; told = false; locked = false
  :: else
  fi
#endif
}

inline rebuild() {
#if MUTANT == OWNS_FIRST
  owned = true;
#endif
#if MUTANT == EVICTS_LATE
  atomic { fresh = true; ready = false };
  owned = true;
  inside = 0;
  inside++;
#else
#if MUTANT != COUNT_STAYS
  inside = 0;
#endif
  inside++;
  atomic { fresh = true; ready = false };
  owned = true;
#endif
#if MUTANT != TELLS_NOBODY
  flag = notified;
  atomic { touch(); ready = true };
#endif
  inside--
}

// Returns when nothing can happen any more.
inline run_loop() {
  do
  ::
#ifdef READ
     asleep = true;
     if
     :: ready -> asleep = false; consume(); take()
     :: timeout -> break
     fi
#else
     atomic {
       may_sleep = (flag != notified);
       if
       :: may_sleep -> flag = armed
       :: else
       fi
     };
     atomic { !locked -> locked = true };
     may_sleep = may_sleep && queue == 0;
     told = told || may_sleep;
     locked = false;
     asleep = true;
     if
     :: atomic { !may_sleep || ready -> asleep = false; may_sleep = false; woken = ready }
     :: timeout -> break
     fi;
     if
     :: woken -> woken = false; consume()
     :: else
     fi;
     flag = awake;
     take()
#endif
  od
}

proctype forker() {
  bool may_sleep, woken;
  byte i;
  forked = true;
#if MUTANT == DRAINS_PARENTS
  consume();
#endif
#if MUTANT == LETS_IN_FIRST
  rebuild();
  let_in = true;
  mend();
#else
  rebuild();
  mend();
  let_in = true;
#endif
  run_loop();
  assert(taken == accepted && head == tail && !busy);
  assert(inside == 0);  // or close() would release nothing
  over = true
}

// The parent's threads stay where they were, so that the checker cannot look for
// threads that are stuck (pan -E); this does.
proctype watcher() { timeout -> assert(asleep || over) }

init {
  atomic {
    run parents_poster(); run parents_handler(); run parents_loop();
    run childs_poster(); run forker(); run watcher()
  }
}
