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
// QUEUE: posts go to src/loop/callback_queue.h, under whose lock the sleeper says that it
//   sleeps; only then a post wakes, unless another has woken it from that sleep.
//   Otherwise a post is a plain store, which may stay in the store buffer of its
//   processor until the next locked instruction, and every post wakes.
// HELD: one producer may stop for ever in front of its wake, or of its write. Whatever
//   the others have posted is taken nevertheless.
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
#define ASKS_EARLY 11        // a post asks whether the loop sleeps, then takes the lock
#define SIGNS_UNLOCKED 12    // the loop looks at the queue, then says that it sleeps
#define FIRST_WAKES 13       // only the post that finds the queue empty wakes
#define ONE_WRITES 14        // only the wake that finds the flag armed writes
#define MARKS_EARLY 15       // a post says that it has woken the loop, then does so
#define WRITTEN_LATER 16     // a write is taken for one of a later sleep

#ifndef MUTANT
#define MUTANT 0
#endif
#define TOTAL (PRODUCERS * WAKES)

mtype = { armed, notified, awake };

mtype flag = armed;
bool ready;      // the descriptor is readable, or has an edge that was not reported
byte posted;     // and not yet taken
byte taken;
byte claims;     // how many have found the flag armed since the loop answered
bool unwritten;  // nothing was written for this sleep yet
bool current[PRODUCERS];  // what a wake has read of `unwritten` is still of this sleep
#ifdef QUEUE
bool asleep;     // what posts are told under the lock
bool ended;      // by a post: this sleep
bool recent[PRODUCERS];   // what a post was told is still of this sleep
#endif
#ifdef HELD
bool held;
byte pushed;     // in all
byte completed;  // the last of those whose post is over
#endif

// The sleeps have numbers in the sources; here it is known which are of the last.
#define me (_pid - 1)

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
  :: flag == notified -> told = true; flush()
  :: flag != notified -> atomic { flush(); told = (flag == notified); notify(flag) }
  fi
#elif MUTANT == WAKE_IN_TWO_STEPS
  old = flag;
  atomic { flush(); told = (old == notified); notify(old); old = 0 }
#elif MUTANT == WRITES_FIRST
  ready = true;
  atomic { flush(); flag = notified }
#else
  atomic { flush(); told = (flag == notified); notify(flag) }
#endif
  atomic {
#if MUTANT != ONE_WRITES && MUTANT != LOADS_FIRST && MUTANT != WAKE_IN_TWO_STEPS
    to_write = to_write || (told && unwritten);
#endif
    current[me] = to_write && unwritten;
    told = false
  };
  if
  :: to_write -> hold(); atomic { to_write = false; ready = true };
#if MUTANT == WRITTEN_LATER
     unwritten = false
#else
     atomic {
       if
       :: current[me] -> unwritten = false; current[me] = false
       :: else
       fi
     }
#endif
  :: else
  fi
}

inline hold() {
#ifdef HELD
  if
  :: atomic { !held -> held = true };
end_held:
     false
  :: true
  fi
#else
  skip
#endif
}

#ifdef HELD
#define number_post() pushed++; mine = pushed
inline complete() {
  atomic {
    if
    :: completed < mine -> completed = mine
    :: else
    fi;
    mine = 0
  }
}
#else
#define number_post() skip
#define complete() skip
#endif

proctype producer() {
  byte left = WAKES;
  mtype old;
  bool to_write, told;
#ifdef QUEUE
  bool from;
#ifdef HELD
  byte mine;
#endif
  do
  :: left > 0 ->
#if MUTANT == ASKS_EARLY
     atomic { from = asleep; recent[me] = from };
     atomic { left--; posted++; number_post() };
#elif MUTANT == FIRST_WAKES
     atomic {
       from = (posted == 0 && asleep); recent[me] = from;
       left--; posted++; number_post()
     };
#else
     atomic { from = asleep; recent[me] = from; left--; posted++; number_post() };
#endif
     if
     :: from && !(recent[me] && ended) ->
        hold();
#if MUTANT == MARKS_EARLY
        ended = recent[me];
        wake()
#else
        wake();
        ended = recent[me]
#endif
     :: from && !recent[me]  // woken from a sleep that is over
     :: else
     fi;
     atomic { from = false; recent[me] = false; complete() }
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
  begin_sleep();
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
  may_sleep = true;
#endif
  if
  :: !may_sleep -> unwritten = false
  :: else
  fi
#ifdef QUEUE
  ;
#if MUTANT == SIGNS_UNLOCKED
  may_sleep = may_sleep && posted == 0;
  sign()
#else
  atomic { may_sleep = may_sleep && posted == 0; sign() }
#endif
#endif
}

inline begin_sleep() {
  atomic {
    unwritten = true;
    for (i : 0 .. PRODUCERS - 1) { current[i] = false }
    i = 0
  }
}

inline sign() {
  atomic {
    if
    :: may_sleep ->
       asleep = true; ended = false;
       for (i : 0 .. PRODUCERS - 1) { recent[i] = false }
       i = 0
    :: else
    fi
  }
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
  begin_sleep();
  clear(armed);
  ready = false
#else
  ready = false;
  begin_sleep();
  clear(armed)
#endif
}

inline take() {
#ifdef QUEUE
  atomic {
    if
    :: posted > 0 -> taken = taken + posted; posted = 0; asleep = false
    :: else
    fi
  }
#else
  atomic { taken = taken + posted; posted = 0 }
#endif
}

// Blocks until there is something to report. What is left when that is for ever?
inline poll() {
  if
  :: atomic { !may_sleep || ready -> report() }
  :: atomic { may_sleep && others > 0 -> others--; report() }
#ifdef HELD
  :: timeout -> assert(taken >= completed); break
#else
  :: timeout -> assert(taken == TOTAL); break
#endif
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
     unwritten = false;
     clear(awake)
#else
     unwritten = false;
     clear(awake);
     take()
#endif
#endif
  od
}
