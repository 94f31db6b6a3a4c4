# Part of Recur, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The recording before and after the low-pass: voice.tsv has a sample a line,
# its input and its output; 48,000 samples are one second. The lower panel is where
# the "s" of "center" ends: the filter has taken the hiss out.
set terminal pngcairo size 1100,700 font "Sans,11"
set output "voice.png"
set multiplot layout 2,1 title "rc\\_filter: 1 k{/Symbol W}, 0.33 {/Symbol m}F (482 Hz) on Debian's Front\\_Center.wav"
set grid lt 1 lc rgb "#e4e4e4"
set autoscale xfix
set ylabel "amplitude"
set xlabel "time, s"
plot "voice.tsv" using ($0/48000):1 with lines lc rgb "#b0b0b0" title "input x", \
     "voice.tsv" using ($0/48000):2 with lines lc rgb "#1f5fa8" title "output y"
set xlabel "time, ms"
from = 43700
set key right top
set title "the end of the s of \"center\""
plot "voice.tsv" every ::from::from+960 using (($0+from)/48):1 with lines lc rgb "#909090" title "input x", \
     "voice.tsv" every ::from::from+960 using (($0+from)/48):2 with lines lw 2 lc rgb "#1f5fa8" title "output y"
unset multiplot
