pub mod edges_out_of_step;
pub mod output_ladders_differ;
pub mod output_skew;
