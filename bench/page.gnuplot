# SPDX-License-Identifier: Apache-2.0
# Called by `plot` with `results` and `kind`.
if (kind eq 'svg') {
  set terminal svg size 1500,1500 font 'Helvetica,12' background 'white'
} else {
  set terminal pngcairo size 1500,1500 font 'Helvetica,11'
}
set output results.'/report.'.kind
set datafile missing '?'
data(name) = results.'/plot/'.name.'.dat'
columns(name) = words(table_names(name))
present(name) = int(system("test -s ".data(name)." && echo 1 || echo 0"))
blocks(name) = words(curve_names(name))

set multiplot layout 3,3
set grid ytics linecolor rgb '#dddddd'
set key below center horizontal font ',9' samplen 1.5 noenhanced
set tics nomirror font ',10'
set border 3
set style data linespoints
# The names of what was measured, and one colour for each library in all pictures.
table_names(name) = system("head -n 1 ".data(name)." | cut -d ' ' -f 2-")
curve_names(name) = system("grep '^\"' ".data(name)." | tr '\n' ' '")
begins(name, start) = strstrt(name, start) == 1
colour(name) = begins(name, 'tornado, ') ? 0xff9896 \
  : begins(name, "tornado's") ? 0x8c564b \
  : begins(name, 'tornado') ? 0xd62728 \
  : begins(name, 'libuv') ? 0x1f77b4 \
  : begins(name, 'libevent, event_base_once') ? 0x98df8a \
  : begins(name, 'libevent, bufferevent') ? 0x98df8a \
  : begins(name, 'libevent') ? 0x2ca02c \
  : begins(name, 'libev') ? 0x9467bd \
  : begins(name, 'asio') ? 0xff7f0e \
  : strstrt(name, 'level') || strstrt(name, 'deque') ? 0xbbbbbb : 0x555555
width(name) = begins(name, 'tornado') ? 3 : 1.5

# From left to right ever fewer are slower: one in two, ten, a hundred...
set logscale xy
set xtics ('50 %%' 2, '90 %%' 10, '99 %%' 100, '99.9 %%' 1000, '99.99 %%' 10000)
set xlabel 'percentile'
do for [name in "wake_same wake_other post_idle"] {
  set title name eq 'wake_same' ? 'Wake there and back, same core, us' : name eq 'wake_other' ? 'Wake there and back, other core, us' : 'Post to a sleeping loop, other core, us'
  if (present(name)) {
    names = curve_names(name)
    plot for [i = 0:blocks(name) - 1] data(name) index i using (100 / (100 - $1)):2 title columnheader(1) linecolor rgb colour(word(names, i + 1)) linewidth width(word(names, i + 1)) pointtype 7 pointsize 0.5
  } else { set multiplot next }
}

unset logscale
set title 'Posts, millions per second (higher is better)'
set xlabel 'producers'
set xtics (1, 2, 4)
set yrange [0:*]
if (present('post')) {
  names = table_names('post')
  plot for [i = 2:columns('post') + 1] data('post') using 1:i title columnheader(i) linecolor rgb colour(word(names, i - 1)) linewidth width(word(names, i - 1)) pointtype 7 pointsize 0.7
} else { set multiplot next }

set title 'Pipes, 100 busy: ns of processor per event'
set xlabel 'pipes'
set logscale x
set xtics (100, 1000, 5000, 9000)
if (present('pipes')) {
  names = table_names('pipes')
  plot for [i = 2:columns('pipes') + 1] data('pipes') using 1:i title columnheader(i) linecolor rgb colour(word(names, i - 1)) linewidth width(word(names, i - 1)) pointtype 7 pointsize 0.7
} else { set multiplot next }
unset logscale
set xlabel

set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9 relative
set xtics auto norangelimit
set auto x

set title 'Timers, 1000000: ns of processor each'
set logscale y
set yrange [1:*]
if (present('timers')) {
  names = table_names('timers')
  plot for [i = 2:columns('timers') + 1] data('timers') using i:xticlabels(1) title columnheader(i) linecolor rgb colour(word(names, i - 1))
} else { set multiplot next }
unset logscale
set yrange [0:*]

set title 'A callback adds the next: ns of processor'
if (present('turn')) {
  names = table_names('turn')
  plot for [i = 2:columns('turn') + 1] data('turn') using i:xticlabels(1) title columnheader(i) linecolor rgb colour(word(names, i - 1))
} else { set multiplot next }

set title 'Memory, bytes each'
if (present('memory')) {
  names = table_names('memory')
  plot for [i = 2:columns('memory') + 1] data('memory') using i:xticlabels(1) title columnheader(i) linecolor rgb colour(word(names, i - 1))
} else { set multiplot next }

set title 'Echo: ns of the server''s processor per message'
if (present('echo')) {
  names = table_names('echo')
  plot for [i = 2:columns('echo') + 1] data('echo') using i:xticlabels(1) title columnheader(i) linecolor rgb colour(word(names, i - 1))
} else { set multiplot next }
unset multiplot
