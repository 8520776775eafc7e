// SPDX-License-Identifier: Apache-2.0
// How a waker is closed while other threads use it: CloseGuard and its uses in
// src/platform/wake_protocol.h. The descriptors are released once, sooner or later. No
// thread writes to their numbers, reads from them or replaces them afterwards, since the
// numbers may be reused by then.
//
// WAKERS threads wake twice each and always find the flag armed, which is the worst
// case; the sleeper consumes and rebuilds; CLOSERS threads close. Each may come late.
// MUTANT is one of these wrong protocols.

#define NO_COUNT 1          // acquire() does not count
#define NO_CLAIM 2          // whoever sees zero inside releases
#define ENTER_IN_TWO_STEPS 3
#define LEAVE_IN_TWO_STEPS 4
#define SHUT_IN_TWO_STEPS 5
#define CLOSER_RELEASES 6   // close() does not wait for those inside
#define VISITOR_FORGETS 7   // a rebuild() that comes late and is the last leaves it so
#define THROWS_INSIDE 8     // a rebuild() that fails does not leave
#define CONSUMES_OUTSIDE 9  // consume() reads without entering
#define SHUT_IS_IGNORED 10  // those let in and those not do the same

#ifndef MUTANT
#define MUTANT 0
#endif

byte inside;
bool shut;
bool claimed;
byte releases;

inline use() { assert(releases == 0) }

inline release() {
#if MUTANT == NO_CLAIM
  releases++
#else
  atomic { mine = !claimed; claimed = true };
  if
  :: atomic { mine -> mine = false; releases++ }
  :: else
  fi
#endif
}

inline enter() {
#if MUTANT == ENTER_IN_TWO_STEPS
  let_in = !shut;
  inside++
#elif MUTANT == NO_COUNT
  let_in = !shut
#elif MUTANT == SHUT_IS_IGNORED
  atomic { let_in = true; inside++ }
#else
  atomic { let_in = !shut; inside++ }
#endif
}

inline leave() {
  let_in = false;
#if MUTANT == LEAVE_IN_TWO_STEPS
  count = inside - 1;
  atomic { inside = count; last = (inside == 0 && shut); count = 0 }
#elif MUTANT != NO_COUNT
  atomic { inside--; last = (inside == 0 && shut) }
#endif
}

inline visit() {
  enter();
  if
  :: let_in -> use()
  :: else
  fi;
  leave();
  if
  :: atomic { last -> last = false }; release()
  :: else
  fi
}

proctype waker() {
  byte count, wakes;
  bool let_in, last, mine;
  for (wakes : 1 .. 2) { visit() }
}

proctype sleeper() {
  byte count;
  bool let_in, last, mine;
  // consume()
#if MUTANT == CONSUMES_OUTSIDE
  let_in = !shut;
  if
  :: let_in -> use()
  :: else
  fi;
#else
  visit();
#endif
  // rebuild()
#if MUTANT == VISITOR_FORGETS || MUTANT == THROWS_INSIDE
  enter();
  if
  :: let_in -> use();
#if MUTANT == VISITOR_FORGETS
     leave();
     if
     :: last -> release()
     :: else
     fi
#endif
  :: else -> leave()
  fi
#else
  visit()
#endif
}

proctype closer() {
  bool last, mine;
#if MUTANT == CLOSER_RELEASES
  atomic { last = !shut; shut = true };
#elif MUTANT == SHUT_IN_TWO_STEPS
  last = (inside == 0 && !shut);
  shut = true;
#else
  atomic { last = (inside == 0 && !shut); shut = true };
#endif
  if
  :: last -> release()
  :: else
  fi
}

init {
  byte i;
  atomic {
    for (i : 1 .. WAKERS) { run waker() }
    for (i : 1 .. CLOSERS) { run closer() }
    run sleeper();
    i = 0
  }
  _nr_pr == 1 -> assert(releases == 1)
}
