//! Text around the figures in docs/performance.md.

/// Beginning of docs/performance.md.
pub(super) const HEAD: &str = "# Performance

`make bench` writes this page; each run replaces all of it. Measured on 2 cores, x86-64, over loopback: the origin
(`crates/testbed`) runs as a process of its own on the same two cores.

Absolute times belong to this machine; ratios are comparable between machines. The download that a probe is compared with
uses reqwest with keep-alive, discards the bodies, and requests the same URLs in the same order: the multivariant playlist,
then all media playlists at once, then the newest segment and one byte of the oldest segment of each. Both wait for the same
origin, whose work is part of both times. The CPU ratio counts only this process, so it is the stricter of the two.
";

/// End of docs/performance.md: it says what limits the figures.
pub(super) const LIMITS: &str = "## What limits these figures

* **Wall time on loopback: above the target of 1.10.** Loopback is a copy in memory: it delivers bytes about as fast as the
  inspection reads them, so the inspection can't overlap with waiting. The column for 1 Gbit/s is an estimate for a network,
  without round trips, which both need alike. All renditions of a probe are inspected in one task on one core; this keeps
  the code simple and leaves other cores for other probes.
* **CPU.** In addition to the download's own cost (system calls and copies in the kernel) a probe pays for the inspection, at
  the rate above, for parsing its playlists, for the checks, for the exposition, and for the text that the page keeps. That
  text is made at once on purpose: to make it later the whole report would have to be kept, which is larger than the text.
* **Inspection of transport streams.** Header, counter and clock of every packet of 188 bytes are read, so two of its three
  cache lines are touched. Start codes are searched up to the first slice of a picture, which is all that the checks need;
  only when a stream has several pictures in one PES packet is every byte searched. More than half of the time goes into
  reading these headers from memory. CMAF needs the boxes and the first 2 KB of each fragment: the bytes between aren't
  touched, so the speed with a file is that of reading it.
* **Large MPDs: above the target of 50 ms.** An MPD of a thousand Periods, or of a day with an `S` for each segment, takes longer.
  Most of that time is reading: parsing the whole MPD, and computing the segments of the moment.
* **Memory in flight: above the target of 100 MB with 200 probes.** Nothing grows with the size of a segment. A connection has
  16 kB of fixed buffers and a read buffer of 8 to 64 kB, which hyper enlarges for bytes that arrive at once. Each rendition
  adds the state of its requests and a few kB of the inspection's state.
* **Memory of the history.** The history holds the segments inspected and the playlist states seen within `hold`: it grows
  with renditions × hold ÷ segment duration. Of consecutive segments it keeps one whole, 3 kB, and of the others what differs.
  Segments of 6 s need about a third of the memory shown here; a template with `segments: {mode: newest}` keeps one segment
  for each scrape. A segment with defects needs some hundred bytes more for each of them.
* **Connections.** 16 idle connections are kept for each host. More probes of one host at the same time open new ones, which
  costs a round trip and, with https, a handshake each.
";
