//! The words around the figures.

pub const HEAD: &str = "# Performance

Written by `make bench`; each run replaces the whole page. Measured on 2 cores, x86-64, over loopback: the origin
(`crates/testbed`) runs as a process of its own on the same two cores.

How to read it: absolute times belong to this machine, ratios travel. The download beside the probe is reqwest with keep-alive
that throws the bodies away, and asks for the same URLs in the same order of dependence: master, then all playlists at
once, then of each the newest segment and one byte of the oldest. Both wait for the same origin, whose work is part of
both times; the CPU ratio counts this process alone, and so is the stricter one.
";

pub const LIMITS: &str = "## What limits these figures

* **Wall time on loopback: above the aim of 1.10.** Loopback is a copy in memory: it brings bytes about as fast as the
  inspection reads them, and the inspection has no wait to hide behind. The column for 1 Gbit/s gives an idea of a
  network, without its round trips, which both pay alike. All renditions of a probe are inspected in one task, on one
  core; that keeps the line simple and other cores free for other probes.
* **CPU.** Above the download's own cost (system calls and copies of the kernel) setup the inspection at the rate above, and
  for each probe the parsing of its playlists, the checks, the exposition and the text kept for the page. That text is
  made at once on purpose: made later it would need the whole report kept, which is larger than the text.
* **Inspection of transport streams.** Each packet of 188 bytes has its header, counter and clock read, so two of its three cache lines are
  touched. Start codes are searched for up to the first slice of a picture, which is all that is asked for; only of a stream
  that puts several pictures into one PES packet every byte is searched (`container/ts/habit.rs`). More than half
  of the time is the walk over those headers, and their way from memory. CMAF needs the boxes and the first 2 KB of each fragment: the bytes
  between aren't touched, so from a file its speed is that of the reading.
* **Memory in flight.** Nothing grows with the size of a segment. What a request in flight holds is its connection's read
  buffer, which hyper lets grow with what arrives at once, and the inspection's state of a few kB.
* **Memory of the history.** It is the segments inspected within `hold`: it grows with renditions × hold ÷ segment
  duration. Segments of 6 s take a third of what is shown here; a template with `segments: {mode: newest}` takes one
  segment a scrape.
* **Connections.** 16 idle ones are kept for each host. More probes of one host at the same time open new ones, a round trip and
  with https a handshake each.
";
