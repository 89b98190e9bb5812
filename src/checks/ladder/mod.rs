pub mod bandwidth_exceeded;
pub mod bitrate_collapsed;
pub mod hdr_mismatch;
pub mod ladder_attributes_invalid;
pub mod ladder_changed;
pub mod ladder_groups_invalid;
pub mod ladder_incomplete;
pub mod ladder_spacing_uneven;
