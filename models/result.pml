// SPDX-License-Identifier: Apache-2.0
// How a result of another thread reaches a task: PendingResult (src/loop/completion.cpp),
// Mailbox::post and take_arrivals (src/loop/mailbox.cpp), and the end of the await, while
// the task may be cancelled, be destroyed, or have its loop closed. The same path serves
// the jobs of an executor, foreign awaitables and channels.
//
// SETTERS threads try to set one result. The loop's thread runs turns: it takes what has
// arrived, may cancel the task, destroy it, or close. An object that was freed is not
// touched, a result that a setter was told is taken is given or was waived by the end of
// the task, a task that waits gets the result that is there, and nothing is left over.
// MUTANT is one of these wrong protocols.

#define CLAIM_IN_TWO_STEPS 1     // two threads write the result
#define WITHDRAWS_LATE 2         // a cancellation throws a result away that is there
#define PUBLISHES_FIRST 3        // the result is told before it is written
#define POSTS_WITHOUT_SELF 4     // nothing keeps the result while it is on its way
#define ARRIVES_BLINDLY 5        // the arrival does not ask whether a task waits
#define CLOSE_WITHOUT_MARK 6     // the list of a closed loop takes more
#define CLOSE_FORGETS 7          // what had not arrived is not dropped
#define PUSH_IN_TWO_STEPS 8      // one of two results that are sent is lost
#define WAKES_FIRST 9            // the loop sleeps on with an arrival in its list
#define TAKES_IN_TWO_STEPS 10    // what is sent in between is lost

#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef SETTERS
#define SETTERS 2
#endif
#ifndef RESULTS
#define RESULTS 1
#endif

mtype = { open, claimed, there, over }

mtype phase[RESULTS] = open;
byte written[RESULTS];       // how often the value was written
byte references[RESULTS];    // of setters, of the list, and of the task
bool waits[RESULTS];         // the task waits
bool given[RESULTS];
bool cancelled[RESULTS];
bool told[RESULTS];          // a setter heard that its result is taken
bool waived[RESULTS];        // the task was destroyed
bool in_list[RESULTS];
bool closed;                 // the mark in the list
bool shut;                   // the flag that a post looks at first
bool woken;
byte setting;                // setters that have not ended

inline touch(r) { assert(references[r] > 0) }
inline drop(r) { d_step { assert(references[r] > 0); references[r]-- } }

// The list, for which one bit a result is enough: each is sent once.
inline push(r) {
  if
  :: shut -> drop(r)
  :: else ->
#if MUTANT == WAKES_FIRST
     woken = true;
#endif
#if MUTANT == PUSH_IN_TWO_STEPS
     seen = in_list[1 - r];
     d_step { in_list[r] = true; in_list[1 - r] = seen };
#elif MUTANT == CLOSE_WITHOUT_MARK
     in_list[r] = true;
#else
     if
     :: atomic { closed -> skip }; drop(r); goto sent
     :: atomic { !closed -> in_list[r] = true }
     fi;
#endif
#if MUTANT != WAKES_FIRST
     woken = true
#endif
  fi;
sent: skip
}

proctype setter(byte r) {
  bool seen, mine;
  // claim()
#if MUTANT == CLAIM_IN_TWO_STEPS
  mine = (phase[r] == open);
  if
  :: mine -> phase[r] = claimed
  :: else
  fi;
#else
  d_step {
    mine = (phase[r] == open);
    if
    :: mine -> phase[r] = claimed
    :: else
    fi
  };
#endif
  if
  :: mine ->
#if MUTANT != PUBLISHES_FIRST
     touch(r);
     written[r]++;
     assert(written[r] == 1);
#endif
     // publish()
     d_step {
       mine = (phase[r] == claimed);
       if
       :: mine -> phase[r] = there; told[r] = true
       :: else
       fi
     };
     if
     :: mine ->
#if MUTANT != POSTS_WITHOUT_SELF
        references[r]++;
#endif
        push(r)
     :: else
     fi;
#if MUTANT == PUBLISHES_FIRST
     touch(r);
     written[r]++;
#endif
  :: else
  fi;
  mine = false;
  drop(r);
  setting--
}

inline go_on(r) {
  waits[r] = false;
  if
  :: cancelled[r] -> assert(!given[r])
  :: else ->
     assert(phase[r] == there && written[r] == 1);
     given[r] = true
  fi;
  phase[r] = over;
  drop(r)
}

inline arrive(r) {
#if MUTANT == POSTS_WITHOUT_SELF
  touch(r);
#endif
  if
#if MUTANT == ARRIVES_BLINDLY
  :: phase[r] == there || phase[r] == over -> assert(waits[r]); go_on(r)
#else
  :: phase[r] == there && waits[r] -> go_on(r)
#endif
  :: else
  fi;
#if MUTANT != POSTS_WITHOUT_SELF
  drop(r)
#endif
}

inline take_arrivals() {
#if MUTANT == TAKES_IN_TWO_STEPS
  for (i : 0 .. RESULTS - 1) { taken[i] = in_list[i] };
  for (i : 0 .. RESULTS - 1) { in_list[i] = false };
#else
  d_step {
    for (i : 0 .. RESULTS - 1) { taken[i] = in_list[i]; in_list[i] = false }
    i = 0
  };
#endif
  for (i : 0 .. RESULTS - 1) {
    if
    :: taken[i] -> taken[i] = false; arrive(i)
    :: else
    fi
  };
  i = 0
}

// withdraw(): true if no result will come.
inline cancel(r) {
  d_step {
    if
    :: waits[r] && phase[r] == open -> phase[r] = over; cancelled[r] = true
#if MUTANT == WITHDRAWS_LATE
    :: waits[r] && phase[r] == there -> phase[r] = over; cancelled[r] = true
#endif
    :: else
    fi
  };
  if
  :: cancelled[r] && waits[r] -> go_on(r)
  :: else
  fi
}

inline destroy(r) {
  if
  :: waits[r] -> waits[r] = false; waived[r] = true; phase[r] = over; drop(r)
  :: else
  fi
}

proctype loop() {
  byte i;
  bool taken[RESULTS];
  do
  :: cancel(0)
  :: destroy(0)
  :: woken -> woken = false; take_arrivals()
  :: break  // the loop is closed, with whatever state the task is in
  :: !woken && setting == 0 ->
     // It sleeps, and no thread is left that would wake it.
     for (i : 0 .. RESULTS - 1) { assert(!in_list[i]); assert(!waits[i]) }
     i = 0;
     break
  od;
  // close()
  shut = true;
#if MUTANT == CLOSE_FORGETS
  closed = true;
#else
  d_step {
    for (i : 0 .. RESULTS - 1) { taken[i] = in_list[i]; in_list[i] = false }
    i = 0;
    closed = true
  };
  for (i : 0 .. RESULTS - 1) {
    if
#if MUTANT == POSTS_WITHOUT_SELF
    :: taken[i] -> taken[i] = false; touch(i)
#else
    :: taken[i] -> taken[i] = false; drop(i)
#endif
    :: else
    fi
  };
#endif
  for (i : 0 .. RESULTS - 1) { destroy(i) }
}

init {
  byte r, n;
  atomic {
    for (r : 0 .. RESULTS - 1) {
      waits[r] = true;
      references[r] = 1 + SETTERS;
      for (n : 1 .. SETTERS) { setting++; run setter(r) }
    }
    run loop();
    r = 0;
    n = 0
  }
  _nr_pr == 1 ->
    for (r : 0 .. RESULTS - 1) {
      assert(references[r] == 0);
      assert(!waits[r]);
      assert(!given[r] || written[r] == 1);
      assert(!told[r] || given[r] || waived[r])
    }
}
