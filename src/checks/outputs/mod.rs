pub mod output_ladders_differ;
pub mod output_skew;
