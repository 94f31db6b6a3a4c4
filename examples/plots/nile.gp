# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The Nile's flow and its smoothed level: nile.tsv has a year a line, the flow
# and the level.
set terminal pngcairo size 1100,450 font "Sans,11"
set output "nile.png"
set title "exponential\\_smoothing ({/Symbol a} = 0.267) of the Nile's annual flow at Aswan"
set grid lt 1 lc rgb "#e4e4e4"
set xlabel "year"
set ylabel "10^8 m^3"
plot "nile.tsv" using ($0+1871):1 with linespoints pt 7 ps 0.5 lc rgb "#b0b0b0" title "flow x", \
     "nile.tsv" using ($0+1871):2 with lines lw 2 lc rgb "#1f5fa8" title "level"
