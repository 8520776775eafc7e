// SPDX-License-Identifier: Apache-2.0
// The life of a stream (src/stream/stream_core.cpp, stream_transfer.cpp and the waits of
// iostream.cpp): one read, one write and a close callback, while the peer sends, ends or
// resets, and the program cancels, closes or destroys, also in what the stream calls.
//
// The kernel holds what has arrived. The loop runs turns: an event, a timeout, a task
// that goes on, or a posted callback. Each wait ends once, with bytes, with the end or
// with an error. An end is told after the bytes, and after all is sent. No byte is lost
// or doubled. The close callback is called once, after the descriptor has closed.
// Nothing that was freed is touched.
//
// close() leaves what it could not send to the loop: the rest, which has the descriptor.
// A forked child has a copy of it. The peer gets the byte once, or sees a reset, and the
// descriptor closes once. A server counts the connection until then. MUTANT is one of
// these wrong streams.

#define RESUMES_AT_ONCE 1      // a wait goes on inside the stream's own work
#define FORGETS_AT_CLOSE 2     // close() does not settle the waits
#define CALLS_BACK_AT_ONCE 3   // the close callback runs inside close()
#define KEEPS_THE_WAIT 4       // a cancelled wait stays in the list
#define TAKES_AT_GRANT 5       // bytes leave the buffer before the task goes on
#define ENDS_FIRST 6           // the end is told though bytes wait
#define ERROR_FIRST 7          // an error of a write drops what has arrived
#define DROPS_CALLBACK 8       // end of input closes without the callback
#define DESTROYS_UNDER_WAITS 9  // the waits keep the stream that is gone
#define CLOSES_UNSENT 10       // end of input closes before all is sent
#define TIMES_OUT_LATE 11      // a timeout ends a wait that has its result
#define TELLS_UNSENT 12        // a read is told of the end before all is sent
#define CHILD_SENDS_TOO 13     // a forked child sends its copy of the rest
#define COUNTS_DOWN_EARLY 14   // a connection counts as ended before its rest is sent
#define KEEPS_THE_NUMBER 15    // the stream closes the descriptor that its rest has
#define ENDS_UNSENT 16         // the close of the loop drops the rest without a reset

#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef BYTES
#define BYTES 2
#endif
#ifndef HALF_OPEN
#define HALF_OPEN 0
#endif

mtype = { none, waits, granted, failed, timed_out, gone }

// The kernel: what the peer did.
byte sent;            // bytes that the peer has sent
byte kernel;          // of these, not yet read
bool ended, reset;    // after the bytes
bool room = true;     // the peer takes bytes

// The stream.
byte buffer;
bool destroyed, closed, closing, input_ended, error;
bool unsent;          // a byte waits to be sent
bool on_close;        // a close callback is set
bool posted;          // it is on its way
bool busy;            // the stream is in the middle of its own work

// The program.
mtype reader = none, writer = none;   // the states of their waits
bool reader_ready, writer_ready;      // they go on in the next step of the loop
byte taken;           // bytes that reads have given
bool told;            // a read has heard the end
byte called;          // the close callback
bool set;             // it was ever set while the stream was open
byte acts;            // that the program may still do
bool accepted, delivered;  // a write
bool freed;           // the read's task, with its wait
byte dropped;         // bytes that the program has given up by close()
bool cut;             // it gave up the write, too

// The rest that the loop sends, in this process and in a forked child.
bool rest, copied;
bool server = true;   // it counts the connection
bool rest_reset;      // the peer sees a reset instead of an end
bool loop_closed;
byte got;             // how often the peer got the byte of the write
byte closings;        // of the descriptor in this process

inline touch() { assert(!destroyed) }
inline deliver() { delivered = true; got++; assert(got == 1 && !rest_reset) }

inline end_rest() {
  rest = false;
  closings++
}

// Instead of closing the descriptor at once. An error leaves nothing to send.
inline leave_rest() {
  if
  :: unsent && !error && !reset && !loop_closed ->
     rest = true;
#if MUTANT == KEEPS_THE_NUMBER
     closings++
#else
     skip
#endif
  :: else ->
     rest_reset = (unsent -> true : rest_reset);
     closings++
  fi
}

// A task of the program goes on: it may do anything to the stream.
inline program_acts() {
  if
  :: acts > 0 -> acts--;
     if
     :: true -> close_stream(true)
     :: true -> destroy_stream()
     :: true -> cancel_read()
     :: true -> destroy_reader()
     :: skip
     fi
  :: skip
  fi
}

inline complete_reader() {
  assert(!freed);
#if MUTANT == RESUMES_AT_ONCE
  assert(!busy);
#endif
  reader_ready = true
}

inline try_read() {
  if
  :: reader == waits && buffer > 0 ->
     reader = granted;
#if MUTANT == TAKES_AT_GRANT
     buffer--;
#endif
     complete_reader()
#if MUTANT == ENDS_FIRST
  :: reader == waits && (ended || closed) -> reader = failed; complete_reader()
#elif MUTANT == TELLS_UNSENT
  :: reader == waits && buffer == 0 && (input_ended || closed) ->
     reader = failed; complete_reader()
#else
  :: reader == waits && buffer == 0 && ((input_ended && !closing) || closed) ->
     reader = failed; complete_reader()
#endif
  :: else
  fi
}

inline settle_waits() {
  try_read();
  if
  :: writer == waits && !unsent && !closed -> writer = granted; writer_ready = true
  :: writer == waits && closed ->
     writer = (unsent -> failed : granted); writer_ready = true
  :: else
  fi
}

inline close_descriptor() {
  if
  :: !closed ->
     closed = true;
     leave_rest();
     // What it knows of the waits is settled by its caller.
     if
#if MUTANT == CALLS_BACK_AT_ONCE
     :: on_close -> assert(!busy); called++; on_close = false
#else
     :: on_close -> posted = true; on_close = false
#endif
     :: else
     fi
  :: else
  fi
}

// close(): sends what it can once.
inline close_stream(by_program) {
  if
  :: !closed && !destroyed ->
     busy = true;
     if
     :: by_program && unsent && room -> unsent = false; deliver()
     :: else
     fi;
     dropped = dropped + kernel;
     kernel = 0;
     cut = unsent;
     close_descriptor();
#if MUTANT != FORGETS_AT_CLOSE
     settle_waits();
#endif
     busy = false
  :: else
  fi
}

// The waits are told, and know the stream no longer.
inline destroy_stream() {
  if
  :: !destroyed ->
     close_stream(true);
     destroyed = true;
#if MUTANT != DESTROYS_UNDER_WAITS
     if
     :: reader == waits || reader == granted || reader == failed ->
        reader = gone; reader_ready = true
     :: else
     fi;
     if
     :: writer != none -> writer = gone; writer_ready = true
     :: else
     fi
#endif
  :: else
  fi
}

// Its task is destroyed, also with a result: the bytes stay.
inline destroy_reader() {
  if
  :: reader != none -> reader = none; reader_ready = false
  :: else
  fi
}

// A result that has arrived is kept.
inline cancel_read() {
  if
  :: reader == waits && !reader_ready ->
#if MUTANT == KEEPS_THE_WAIT
     freed = true
#else
     reader = none
#endif
  :: else
  fi
}

inline end_input() {
  input_ended = true;
  if
  :: reset -> error = true; close_descriptor()
  :: !reset && !HALF_OPEN ->
     closing = true;
#if MUTANT == CLOSES_UNSENT
     unsent = false;
#endif
#if MUTANT == DROPS_CALLBACK
     on_close = false;
#endif
     if
     :: !unsent -> close_descriptor()
     :: else
     fi
  :: else
  fi
}

inline receive() {
  if
  :: kernel > 0 -> kernel--; buffer++
  :: kernel == 0 && (ended || reset) && !input_ended -> end_input()
  :: else
  fi
}

inline send_queued() {
  if
  :: reset && unsent ->
     error = true;
#if MUTANT != ERROR_FIRST
     buffer = buffer + kernel;  // what has arrived is read first
#endif
     kernel = 0;
     input_ended = true;
     close_descriptor()
  :: !reset && unsent && room ->
     unsent = false; deliver();
     if
     :: closing -> close_descriptor()
     :: else
     fi
  :: else
  fi;
  settle_waits()
}

// A read gives its result, or throws.
inline reader_goes_on() {
  reader_ready = false;
  if
  :: reader == granted -> touch();
#if MUTANT != TAKES_AT_GRANT
     assert(buffer > 0);
     buffer--;
#endif
     assert(!told);
     taken++
  :: reader == failed -> touch();
     // Data first, then the end.
     assert(closed || (buffer == 0 && kernel == 0));
     assert(buffer == 0);
     // Its task may end now, and the stream with it.
     assert(closed || HALF_OPEN);
     told = true
  :: reader == timed_out || reader == gone
  :: else -> assert(false)
  fi;
  reader = none
}

// It has the socket as well. Its copy of the rest ends when its loop sees it.
proctype child() {
  atomic {
#if MUTANT == CHILD_SENDS_TOO
    if
    :: room && !reset -> deliver()
    :: else
    fi
#else
    skip
#endif
  }
}

active proctype peer() {
  do
  :: atomic { sent < BYTES && !ended && !reset && !closed -> sent++; kernel++ }
  :: atomic { !ended && !reset -> ended = true }
  :: atomic { !reset -> reset = true; break }
  :: atomic { room -> room = false }
  :: atomic { !room -> room = true }
  :: break
  od;
  // It takes bytes in the end, and says that it has ended.
  atomic { room = true; ended = (reset -> ended : true) }
}

active proctype loop() {
  acts = 2;
  do
  // The program.
  :: atomic { !destroyed && reader == none && !told -> reader = waits; busy = true; receive(); settle_waits(); busy = false }
  :: atomic { !destroyed && !closed && !closing && !accepted -> accepted = true; unsent = true }
  :: atomic { !destroyed && !closed && accepted && writer == none && !delivered -> writer = waits; settle_waits() }
  :: atomic { !destroyed && !closed && !set -> set = true; on_close = true }
  :: atomic { acts > 0 && !destroyed -> program_acts() }
  // The loop: tasks that go on, and may act.
  :: atomic { reader_ready -> reader_goes_on(); program_acts() }
  :: atomic { writer_ready -> writer_ready = false; assert(writer != granted || delivered || !accepted || !unsent); writer = none; program_acts() }
  :: atomic { posted -> posted = false; called++; assert(closed && called == 1); program_acts() }
  // A timeout of the read.
  :: atomic {
#if MUTANT == TIMES_OUT_LATE
       (reader == waits || reader == granted) && acts > 0 -> acts--;
       assert(!reader_ready);
#else
       reader == waits && !reader_ready && acts > 0 -> acts--;
#endif
       reader = timed_out; reader_ready = true }
  // Events.
  :: atomic { !destroyed && !closed && reader == waits && (kernel > 0 || ((ended || reset) && !input_ended)) ->
       busy = true; receive(); settle_waits(); busy = false }
  :: atomic { !destroyed && !closed && on_close && reader == none && buffer == 0 && (kernel > 0 || ((ended || reset) && !input_ended)) ->
       busy = true; receive(); settle_waits(); busy = false }
  :: atomic { !destroyed && !closed && unsent && (room || reset) -> busy = true; send_queued(); busy = false }
  // The rest is sent, or ends by the reset of the peer. Its limit of time ends it as well.
  :: atomic { rest && room && !reset -> deliver(); end_rest() }
  :: atomic { rest && reset -> rest_reset = true; end_rest() }
  :: atomic { rest && acts > 0 -> acts--; rest_reset = true; end_rest() }
  :: atomic { rest && !copied && acts > 0 -> acts--; copied = true; run child() }
  // The loop closes, and the stream with it.
  :: atomic { acts > 0 && !loop_closed -> acts--; loop_closed = true; destroy_stream();
     if
#if MUTANT == ENDS_UNSENT
     :: rest -> end_rest()
#else
     :: rest -> rest_reset = true; end_rest()
#endif
     :: else
     fi }
  // A server that drains waits for the connection.
#if MUTANT == COUNTS_DOWN_EARLY
  :: atomic { server && closed -> server = false; assert(!rest) }
#else
  :: atomic { server && closed && !rest -> server = false; assert(closings == 1) }
#endif
  :: timeout -> break
  od;
  // Nothing can go on: each wait that could end has ended.
  assert(reader == none || (reader == waits && !closed && !input_ended && !destroyed));
  assert(writer == none || (writer == waits && unsent && !closed));
  assert(called == ((set && closed) -> 1 : 0));
  assert(taken + buffer + kernel + dropped == sent);
  assert(!accepted || delivered || unsent || error || cut);
  // The peer got the byte, or knows that it misses it.
  assert(!closed || !accepted || got == 1 || rest_reset || reset);
  assert(closings == (closed -> 1 : 0) && !rest && server == !closed)
}
