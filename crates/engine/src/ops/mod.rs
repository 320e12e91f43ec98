//! Operators on columns, each written once for all schemes.
//!
//! Every operator states its source, its rounds and the bits that each party sends per row with `rep3`, without the
//! key agreement; all are as secure as the scheme, since they open nothing but orders of rows that were shuffled before,
//! which are uniformly random.

mod bits;
mod borrow;
mod compare;
mod divide;
mod extremum;
pub mod fixed;
mod group;
mod join;
mod normalise;
mod order;
mod scan;
mod select;
mod sort;
mod square_root;
mod truncate;

pub use bits::{and, decompose, or, prefix_or};
pub use compare::{equal, less_than, less_than_public, negative};
pub use divide::{DivideRange, divide};
pub use extremum::{max, max_blocks, min, min_blocks};
pub use group::{Groups, group};
pub use join::{Found, lookup};
pub use order::Order;
pub use scan::{prefix_sum, segmented_max, segmented_min};
pub use select::{select, select_bits};
pub use sort::{sort, sortable};
pub use square_root::{RootRange, square_root};
pub use truncate::truncate;
