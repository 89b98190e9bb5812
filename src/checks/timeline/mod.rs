pub mod discontinuity_excess;
pub mod live_edge_slow;
pub mod live_latency_high;
pub mod rendition_skew;
pub mod segment_duration_off_target;
pub mod segment_rewritten;
