// SPDX-License-Identifier: Apache-2.0
// How a loop sleeps and threads wake it: src/platform/wake_protocol.h with the turn of
// src/loop/turn.cpp. Whatever was posted has been taken when nothing can happen any
// more; each answer of the sleeper is met by one write at most; and no execution goes
// on for ever, which the search for cycles shows.
//
// PRODUCERS threads post WAKES times each.
// LEVEL, EDGE or READ is what sleeps: a loop that reads the descriptor when it is
//   reported, one that hears of it by edges and never reads it, or a thread that does
//   nothing but poll and consume, and never arms.
// QUEUE: posts go to src/loop/callback_queue.h, and only the one that finds it empty
//   wakes. Otherwise a post is a plain store, which may stay in the store buffer of its
//   processor until the next locked instruction, and every post wakes.
// OTHERS is how many sleeps something else may end: a timer, another descriptor.
// MUTANT is one of these wrong protocols.

#define LOADS_FIRST 1        // wake() does nothing if a plain load finds notified
#define WAKES_FIRST 2        // a post wakes, then publishes
#define WAKE_IN_TWO_STEPS 3  // wake() loads the flag, then stores it
#define WRITES_FIRST 4       // wake() writes, then exchanges
#define CLEARS_FIRST 5       // consume() exchanges the flag, then reads
#define TAKES_FIRST 6        // the loop takes what was posted, then disarms
#define ARMS_BLINDLY 7       // arm() does not look whether it was woken
#define ARM_IN_TWO_STEPS 8   // arm() loads the flag, then stores it
#define SLEEPS_UNARMED 9     // the loop sleeps though arm() forbade it
#define NEVER_CLEARS 10      // neither consume() nor disarm() clears notified
#define COUNTS_LATE 11       // a post asks whether it was the first outside the lock

#ifndef MUTANT
#define MUTANT 0
#endif
#define TOTAL (PRODUCERS * WAKES)

mtype = { armed, notified, awake };

mtype flag = armed;
bool ready;      // the descriptor is readable, or has an edge that was not reported
byte posted;     // and not yet taken
byte taken;
byte claims;     // how many are to write since the loop answered

// What is in the store buffer reaches memory.
inline flush() {
#ifndef QUEUE
  posted = posted + buffered;
  buffered = false
#else
  skip
#endif
}

// The exchange of the flag, or the half of it that stores.
inline notify(seen) {
  to_write = (seen == armed);
  flag = notified;
  claims = claims + to_write;
  assert(claims <= 1)
}

inline wake() {
#if MUTANT == LOADS_FIRST
  if
  :: flag == notified -> flush()
  :: flag != notified -> atomic { flush(); notify(flag) }
  fi
#elif MUTANT == WAKE_IN_TWO_STEPS
  old = flag;
  atomic { flush(); notify(old); old = 0 }
#elif MUTANT == WRITES_FIRST
  ready = true;
  atomic { flush(); flag = notified }
#else
  atomic { flush(); notify(flag) }
#endif
  if
  :: atomic { to_write -> to_write = false; ready = true }
  :: else
  fi
}

proctype producer() {
  byte left = WAKES;
  mtype old;
  bool to_write;
#ifdef QUEUE
  bool first;
  do
  :: atomic { left > 0 -> left--; first = (posted == 0); posted++ };
#if MUTANT == COUNTS_LATE
     first = (posted == 1);
#endif
     if
     :: atomic { first -> first = false }; wake()
     :: else
     fi
  :: else -> break
  od
#else
  bool buffered;
  do
#if MUTANT == WAKES_FIRST
  :: left > 0 -> wake(); atomic { posted++; left-- }
#else
  :: atomic { left > 0 -> left--; posted++ }; wake()
  :: atomic { left > 0 -> left--; buffered = true }; wake()
#endif
  :: else -> break
  od
#endif
}

inline arm() {
#if MUTANT == ARMS_BLINDLY
  atomic { flag = armed; may_sleep = true }
#else
#if MUTANT == ARM_IN_TWO_STEPS
  may_sleep = (flag != notified);
  if
  :: may_sleep -> flag = armed
  :: else
  fi
#else
  atomic {
    may_sleep = (flag != notified);
    if
    :: may_sleep -> flag = armed
    :: else
    fi
  }
#endif
#endif
#if MUTANT == SLEEPS_UNARMED
  may_sleep = true
#endif
}

inline report() {
  may_sleep = false;
  woken = ready;
#ifdef EDGE
  woken = false;
  ready = false
#endif
}

inline clear(to) {
#if MUTANT != NEVER_CLEARS
  atomic { flag = to; claims = 0 }
#else
  skip
#endif
}

inline consume() {
  woken = false;
#if MUTANT == CLEARS_FIRST
  clear(armed);
  ready = false
#else
  ready = false;
  clear(armed)
#endif
}

inline take() { atomic { taken = taken + posted; posted = 0 } }

// Blocks until there is something to report. What is left when that is for ever?
inline poll() {
  if
  :: atomic { !may_sleep || ready -> report() }
  :: atomic { may_sleep && others > 0 -> others--; report() }
  :: timeout -> assert(taken == TOTAL); break
  fi
}

active proctype sleeper() {
  bool may_sleep;
  bool woken;
  byte others = OTHERS;
  byte i;
  atomic {
    for (i : 1 .. PRODUCERS) { run producer() }
    i = 0
  }
  do
  ::
#ifdef READ
     may_sleep = true;
     poll();
     if
     :: woken -> consume()
     :: else
     fi;
     take()
#else
     arm();
     poll();
#ifdef LEVEL
     if
     :: woken -> woken = false; ready = false
     :: else
     fi;
#endif
#if MUTANT == TAKES_FIRST
     take();
     clear(awake)
#else
     clear(awake);
     take()
#endif
#endif
  od
}
