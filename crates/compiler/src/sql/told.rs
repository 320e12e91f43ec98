//! What a query tells of windows over rows: which of them its aggregates, HAVING or groups read. Those that only its
//! conditions read choose rows, and tell nothing else.
//!
//! What a window gives is of rows of a part that need not come out. Who is shown it beside the rows that do takes these away
//! from it, and finds what the others have: of a sum over a part of which all rows but one are shown, that one. So rows of a
//! part that are shown, of which group, and that are not, are held apart by the floor: on shares by [`crate::windows`], at
//! home by [`crate::answers`].

use std::collections::BTreeSet;

use super::{
    join::OwnersColumn,
    query::Query,
    windowed::{Frame, WindowFunction, Windowed},
};

/// A window that something is computed by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Told {
    /// The column that it makes.
    pub(crate) name: String,
    /// The columns in which rows of one part are equal.
    pub(crate) parts: BTreeSet<String>,
    /// Whether it gives all rows of a part the same.
    pub(crate) is_whole: bool,
    /// Of `ROWS n PRECEDING`, how many rows of a part have a frame that begins before the part, and the condition, as SQL of
    /// a stage, that a row's does not. As LAG has no value there, such a frame is of fewer rows: sums over it and over all
    /// rows differ by the part's last ones.
    pub(crate) framed: Option<(u32, String)>,
}

impl Told {
    pub(super) fn of(window: &Windowed, ties: &[String]) -> Self {
        let is_whole = match (&window.function, window.frame) {
            (WindowFunction::FirstValue, Frame::Rows(Some(_))) => false,
            (WindowFunction::FirstValue, _) => true,
            (function, frame) => frame == Frame::Whole && function.has_frame(),
        };
        Self {
            name: window.name(),
            parts: window.rows_name().into_iter().chain(window.parts().cloned()).collect(),
            is_whole,
            framed: window.cut().map(|rows| (rows, window.reaches_sql(rows, ties))),
        }
    }
}

/// Those that a query tells of, given what is computed of its table.
pub(crate) fn told<'c>(computed: &'c [OwnersColumn], query: &Query) -> BTreeSet<&'c Told> {
    let aggregates = query.aggregates.iter();
    let mut arguments: Vec<_> = aggregates.flat_map(|one| one.argument.iter().chain(&one.second)).collect();
    let behind: Vec<_> = arguments.iter().filter_map(|argument| argument.behind.as_deref()).collect();
    arguments.extend(behind);
    let keys = query.keys.iter().map(|key| &key.column.name);
    let read: BTreeSet<&String> =
        arguments.into_iter().flat_map(|argument| &argument.columns).chain(keys).collect();
    computed.iter().filter(|column| read.contains(&column.name)).flat_map(|column| &column.told).collect()
}

/// Whether what is told of parts of several owners' rows hangs on more than how many rows of each are not shown, which is
/// counted on shares. So it is unless
/// - all rows that go in come out, or each window gives a part's rows the same: of a running sum, a neighbour or a number,
///   what is told of the rows that are left out is no sum over them;
/// - groups are made of whole parts: else a group's rows in a part can be taken away from it;
/// - all windows have the same parts: else these can be taken away from each other.
pub(super) fn is_loose(told: &BTreeSet<Told>, query: &Query, all_come_out: bool) -> bool {
    let parts: BTreeSet<&BTreeSet<String>> = told.iter().map(|one| &one.parts).collect();
    let splits = |name: &String| parts.iter().any(|parts| !parts.contains(name));
    parts.len() > 1
        || !all_come_out && told.iter().any(|one| !one.is_whole)
        || query.keys.iter().any(|key| splits(&key.column.name))
}
