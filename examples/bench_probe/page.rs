//! The words around the figures.

pub const HEAD: &str = "# Performance

Written by `make bench`; each run replaces the whole page. Measured on 2 cores, x86-64, over loopback: the origin
(`examples/live_origin`) runs as a process of its own on the same two cores.

How to read it: absolute times belong to this machine, ratios travel. The download beside the probe is reqwest with keep-alive
that throws the bodies away, and asks for the same URLs in the same order of dependence: master, then all playlists at
once, then of each the newest segment and one byte of the oldest. Both wait for the same origin, whose work is part of
both times; the CPU ratio counts this process alone, and so is the stricter one.
";

pub const LIMITS: &str = "## What limits these figures

";
