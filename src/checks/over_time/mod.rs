pub mod ad_break_stuck;
pub mod origin_switched;
pub mod origins_out_of_step;
pub mod packager_restarted;
