//! Operators on columns, each written once for all schemes.
//!
//! Every operator states its source, its rounds, of which calls that follow each other may save some, and the
//! bits that each party sends per row with `rep3`, without the key agreement; all are as secure as the
//! scheme, since they open nothing but orders of rows that were shuffled before, which are uniformly random.

mod argument;
mod bits;
mod borrow;
mod boundaries;
mod columns;
mod compare;
mod comparison_sort;
mod compose;
mod distinct;
mod divide;
mod extremum;
pub mod fixed;
mod group;
mod inverse;
mod join;
mod join_many;
mod magnitude;
mod mantissa;
mod noise;
mod normalise;
mod one_hot;
mod order;
mod partition;
mod quantile;
mod radix;
mod rows;
mod scale;
mod scan;
mod segments;
mod select;
mod sort;
mod square_root;
mod top;
mod truncate;

pub use argument::{Extremum, argmax_blocks, argmin_blocks};
pub use bits::{and, decompose, or, prefix_or};
pub use boundaries::{Boundaries, boundaries};
pub use columns::columns_at_once;
pub use compare::{equal, less_than, less_than_public, negative};
pub use comparison_sort::comparison_sort;
pub use compose::{compose, compose_signed, shift_left};
pub use distinct::distinct;
pub use divide::{DivideRange, divide};
pub use extremum::{max, max_blocks, min, min_blocks};
pub use group::{Groups, group, group_where};
pub use inverse::{InverseRange, inverse_root, reciprocal};
pub use join::{Found, Joined, Side, anti_join, inner_join, lookup, semi_join};
pub use join_many::join_many;
pub use magnitude::{abs, sign};
pub use noise::{Distribution, NoiseScale, draw as draw_noise, noise, noisy_parties};
pub use order::Order;
pub use partition::{Compacted, compact};
pub use quantile::{Between, GroupQuantiles, Quantile, group_quantiles, quantiles};
pub use radix::radix_sort;
pub use rows::public_bits;
pub use scan::{prefix_sum, segmented_max, segmented_min};
pub use segments::Segments;
pub use select::{select, select_bits};
pub use sort::{sort, sortable};
pub use square_root::{RootRange, square_root};
pub use top::{SortKey, sort_by, top_k};
pub use truncate::truncate;
