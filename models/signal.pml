// SPDX-License-Identifier: Apache-2.0
// Signal handlers that post: src/loop/signal_ring.h, src/platform/wake_protocol.h and
// the turn of src/loop/turn.cpp. A handler interrupts the loop's own thread, at any
// step; another one a thread that is posting itself, and that one is interrupted by a
// third. Whatever was accepted has been run when nothing can happen any more, whole,
// and each item once.
//
// CELLS is the ring's capacity; each handler runs RUNS times.
// MUTANT is one of these wrong protocols.

#define WAKES_THEN_FILLS 1
#define WAKES_IF_FIRST 2     // only the push that finds the ring empty wakes
#define LOCKS 3              // push takes a spin lock
#define CLAIM_IN_TWO_STEPS 4
#define POPS_UNFILLED 5      // pop does not look whether the cell is filled
#define COUNTS_EARLY 6       // the loop asks for size(), then disarms
#define TAKES_FIRST 7        // the loop runs what was posted, then disarms
#define ARM_IN_TWO_STEPS 8
#define WAKE_IN_TWO_STEPS 9

#ifndef MUTANT
#define MUTANT 0
#endif

mtype = { armed, notified, awake };

mtype flag = armed;
bool ready;
byte tail, head;
bool claimed[CELLS];
bool filled[CELLS];
byte accepted, taken;
bool locked;

// Which of the frames of a thread runs: itself, its handler, or that one's handler.
byte loop_frame, poster_frame;
bool on_loop, on_poster, on_handler;  // begun

inline fill() {
  filled[at] = true
}

inline wake() {
#if MUTANT == WAKE_IN_TWO_STEPS
  to_write = (flag == armed);
  flag = notified;
#else
  atomic { to_write = (flag == armed); flag = notified };
#endif
  if
  :: atomic { to_write -> to_write = false; ready = true }
  :: else
  fi
}

inline post() {
#if MUTANT == LOCKS
  atomic { !locked -> locked = true };
#endif
#if MUTANT == CLAIM_IN_TWO_STEPS
  at = tail;
  if
  :: at - head < CELLS -> tail = at + 1; at = at % CELLS; pushed = true
  :: else
  fi;
  if
  :: pushed -> accepted++
  :: else
  fi;
#else
  atomic {
    first = (tail == head);
    if
    :: tail - head < CELLS ->
       at = tail % CELLS; tail++;
       assert(!filled[at] && !claimed[at]);
       claimed[at] = true; pushed = true; accepted++
    :: else
    fi
  };
#endif
  if
  :: pushed ->
#if MUTANT == WAKES_THEN_FILLS
     wake();
     fill()
#elif MUTANT == WAKES_IF_FIRST
     fill();
     if
     :: first -> wake()
     :: else
     fi
#else
     fill();
     wake()
#endif
  :: else
  fi;
  atomic { pushed = false; first = false; at = 0; locked = false }
}

// In a thread whose frame `level - 1` it interrupts, or never does.
#define HANDLER(name, frame, level, begun)                                      \
  proctype name() provided (frame == level || (frame == level - 1 && !begun)) { \
    byte left = RUNS;                                                           \
    byte at;                                                                    \
    bool first, to_write, pushed;                                               \
    end:                                                                        \
    do                                                                          \
    :: atomic { left > 0 -> left--; frame = level; begun = true };              \
       post();                                                                  \
       atomic { begun = false; frame = level - 1 }                              \
    od                                                                          \
  }

HANDLER(handler_on_loop, loop_frame, 1, on_loop)
HANDLER(handler_on_poster, poster_frame, 1, on_poster)
HANDLER(handler_on_handler, poster_frame, 2, on_handler)

proctype poster() provided (poster_frame == 0) {
  byte at;
  bool first, to_write, pushed;
  post()
}

inline pop() {
  do
#if MUTANT == POPS_UNFILLED
  :: atomic { left > 0 ->
#else
  :: atomic { left > 0 && filled[head % CELLS] ->
#endif
       assert(filled[head % CELLS]);
       filled[head % CELLS] = false; claimed[head % CELLS] = false;
       head++; taken++; left--
     }
  :: else -> left = 0; break
  od
}

proctype loop() provided (loop_frame == 0) {
  bool may_sleep, woken;
  byte left;
  do
  ::
#if MUTANT == ARM_IN_TWO_STEPS
     may_sleep = (flag != notified);
     if
     :: may_sleep -> flag = armed
     :: else
     fi;
#else
     atomic {
       may_sleep = (flag != notified);
       if
       :: may_sleep -> flag = armed
       :: else
       fi
     };
#endif
     if
     :: atomic { !may_sleep || ready -> may_sleep = false; woken = ready }
     :: timeout -> assert(taken == accepted && head == tail); break
     fi;
     if
     :: woken -> woken = false; ready = false; flag = armed
     :: else
     fi;
#if MUTANT == TAKES_FIRST
     left = tail - head;
     pop();
     flag = awake
#elif MUTANT == COUNTS_EARLY
     left = tail - head;
     flag = awake;
     pop()
#else
     flag = awake;
     left = tail - head;
     pop()
#endif
  od
}

init {
  atomic {
    run loop(); run poster();
    run handler_on_loop(); run handler_on_poster(); run handler_on_handler()
  }
}
