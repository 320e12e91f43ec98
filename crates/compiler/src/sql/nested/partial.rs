//! Whether a query over groups may tell about few of them by itself. Of one set of groups beside those that count it is asked
//! on shares how far the two are apart ([`crate::nested`]); what is left of that is one bit, that the rest is none or enough.
//! It should be about all groups alike, and not about one that the query chooses; nor should what is told of all differ in
//! few rows.

use std::collections::BTreeSet;

use super::{
    super::{
        query::{Aggregate, Function, Query},
        row_test::RowTest,
    },
    Nested, is_chosen,
};

impl Nested {
    /// Whether that is left to the owners' `overlaps_max`.
    pub(crate) fn is_partial(&self, query: &Query) -> bool {
        self.has_parts(query)
            || self.tells_ends(query)
            || self.tests.tests.iter().any(|one| self.chooses(one))
    }

    /// Of several sets of groups, sums and differences could be about few.
    fn has_parts(&self, query: &Query) -> bool {
        let arguments = query.aggregates.iter().filter_map(|one| one.argument.as_ref());
        let parts = arguments.filter(|argument| argument.nullable).map(|argument| &argument.presence);
        parts.collect::<BTreeSet<_>>().len() > 1
    }

    /// Whether the least or greatest values of groups are told beside each other or sums over one column: what they differ
    /// in are the other rows of groups, which may be one.
    fn tells_ends(&self, query: &Query) -> bool {
        let told = self.told(query);
        let of_values = || told.iter().filter(|one| one.function != Function::Count).enumerate();
        let ends = of_values().filter(|(_, one)| matches!(one.function, Function::Min | Function::Max));
        let mut pairs = ends.flat_map(|end| of_values().map(move |other| (end, other)));
        pairs.any(|((place, end), (other, beside))| {
            place != other && !columns(end).is_disjoint(&columns(beside))
        })
    }

    /// Whether a condition may hold of all groups but a few of the query's choice, whatever these have: which ones, a key
    /// says, a condition within an aggregate, or an aggregate of another column.
    fn chooses(&self, test: &RowTest) -> bool {
        if let RowTest::All(parts) = test {
            return parts.iter().any(|part| self.chooses(part));
        }
        let mut at_home = Vec::new();
        test.at_home(&mut at_home);
        let mut places = BTreeSet::new();
        test.places(&mut places);
        let names = places.into_iter().filter_map(|place| self.tests.columns.get(place));
        let mut read = BTreeSet::new();
        let mut is_choice = !at_home.is_empty();
        for name in names {
            let aggregate = self.aggregate(name);
            let argument = aggregate.and_then(|aggregate| aggregate.argument.as_ref());
            is_choice |= aggregate.is_none() || argument.is_some_and(is_chosen);
            read.extend(aggregate.map(columns).unwrap_or_default());
        }
        is_choice || read.len() > 1
    }
}

/// The columns that an aggregate takes.
fn columns(aggregate: &Aggregate) -> BTreeSet<&String> {
    aggregate.argument.iter().flat_map(|argument| &argument.columns).collect()
}
