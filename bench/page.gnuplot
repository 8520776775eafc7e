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
columns(name) = int(system("head -n 1 ".data(name)." | grep -o '\"' | wc -l")) / 2
present(name) = int(system("test -s ".data(name)." && echo 1 || echo 0"))
blocks(name) = int(system("grep -c '^\"' ".data(name)." || true"))

set multiplot layout 3,3 margins 0.05,0.985,0.045,0.955 spacing 0.055,0.075
set grid ytics linecolor rgb '#dddddd'
set key top left font ',9' samplen 2 noenhanced
set tics nomirror font ',10'
set border 3
set style data linespoints
set linetype 1 linecolor rgb '#d62728' linewidth 3 pointtype 7
set linetype 2 linecolor rgb '#555555' linewidth 1.5
set linetype 3 linecolor rgb '#1f77b4' linewidth 1.5
set linetype 4 linecolor rgb '#2ca02c' linewidth 1.5
set linetype 5 linecolor rgb '#9467bd' linewidth 1.5
set linetype 6 linecolor rgb '#ff7f0e' linewidth 1.5
set linetype 7 linecolor rgb '#17becf' linewidth 1.5
set linetype 8 linecolor rgb '#bcbd22' linewidth 1.5

# How many in a thousand are slower, from left to right.
set logscale xy
set xtics ('50 %%' 2, '90 %%' 10, '99 %%' 100, '99.9 %%' 1000, '99.99 %%' 10000)
set xlabel 'percentile'
do for [name in "wake_same wake_other post_idle"] {
  set title name eq 'wake_same' ? 'Wake there and back, same core, us' : name eq 'wake_other' ? 'Wake there and back, other core, us' : 'Post to a sleeping loop, other core, us'
  if (present(name)) {
    plot for [i = 0:blocks(name) - 1] data(name) index i using (100 / (100 - $1)):2 title columnheader(1)
  } else { set multiplot next }
}

unset logscale
set title 'Posts, millions per second (higher is better)'
set xlabel 'producers'
set xtics (1, 2, 4)
set yrange [0:*]
if (present('post')) {
  plot for [i = 2:columns('post') + 1] data('post') using 1:i title columnheader(i)
} else { set multiplot next }

set title 'Pipes, 100 busy: ns of processor per event'
set xlabel 'pipes'
set logscale x
set xtics (100, 1000, 5000, 9000)
if (present('pipes')) {
  plot for [i = 2:columns('pipes') + 1] data('pipes') using 1:i title columnheader(i)
} else { set multiplot next }
unset logscale
set xlabel

set style data histograms
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9 relative
set xtics auto norangelimit
set key top right
set auto x

set title 'Timers, 1000000: ns of processor each'
set logscale y
set yrange [1:*]
if (present('timers')) {
  plot for [i = 2:columns('timers') + 1] data('timers') using i:xticlabels(1) title columnheader(i)
} else { set multiplot next }
unset logscale
set yrange [0:*]

set title 'A callback adds the next: ns of processor'
if (present('turn')) {
  plot for [i = 2:columns('turn') + 1] data('turn') using i:xticlabels(1) title columnheader(i)
} else { set multiplot next }

set title 'Memory, bytes each'
if (present('memory')) {
  plot for [i = 2:columns('memory') + 1] data('memory') using i:xticlabels(1) title columnheader(i)
} else { set multiplot next }

set title 'Echo: ns of the server''s processor per message'
if (present('echo')) {
  plot for [i = 2:columns('echo') + 1] data('echo') using i:xticlabels(1) title columnheader(i)
} else { set multiplot next }
unset multiplot
