pub(crate) mod ad_breaks;
pub(crate) mod bitstream;
pub(in crate::checks) mod date_offset;
pub(in crate::checks) mod decoded;
pub(crate) mod dolby_vision;
pub(in crate::checks) mod language;
pub(crate) mod live_edge_age;
pub(crate) mod mpd_step;
pub(crate) mod playlist_step;
pub(crate) mod representations;
pub(crate) mod select;
pub(crate) mod terms;

/// What a finding says of an answer that came with the second request, made after as long as players wait.
pub(in crate::checks) const CAME_WITH_SECOND_REQUEST: &str = "it came with a second request 1 s later";
