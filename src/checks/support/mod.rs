pub(crate) mod ad_breaks;
pub(crate) mod bitstream;
pub(crate) mod dolby_vision;
pub(crate) mod live_edge_age;
pub(crate) mod mpd_step;
pub(crate) mod playlist_step;
pub(crate) mod representations;
pub(crate) mod select;
