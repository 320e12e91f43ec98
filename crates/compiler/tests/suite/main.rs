//! The compiler from outside: whole queries against plaintext, refusals, column uses, local stages, golden listings.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test should say where"
)]

mod above;
mod buckets;
mod calls;
mod compared;
mod compared_rules;
mod differencing;
mod dominance;
mod examples;
mod factors;
mod golden;
mod home;
mod home_joins;
mod joins;
mod jointly;
mod listed;
mod local_stage;
mod made_up;
mod nested;
mod nested_rules;
mod owners_windows;
mod pairs;
mod parts;
mod payments;
mod place;
mod privacy;
mod random;
mod read_groups;
mod refusals;
mod reports;
mod rereads;
mod revealed;
mod rules;
mod secret_groups;
mod sets;
mod slt;
mod stacked;
mod stacked_answers;
mod support;
mod text_extremes;
mod thresholds;
mod timestamps;
mod tpch;
mod tree;
mod unique_keys;
mod units;
mod uses;
mod views;
mod window_parts;
mod window_sets;
mod windows;
