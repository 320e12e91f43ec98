//! What the audit says of groups of groups.

use crate::{
    audit::{Page, counted, kept, names},
    sql::{Aggregate, Joined, Nested},
    stage::Partial,
};

/// What compute parties don't learn.
pub(crate) const NOT_GROUPED: &str = "no value, neither of the data nor of the result; neither which groups there are, nor how many, nor whose rows they have, \
     nor which of them count";

/// What keys do.
pub(crate) const LINKED: &str =
    "says which rows make a group, whosever they are, without being shown by that";

impl Page<'_> {
    /// Whether what is counted are groups.
    pub(crate) fn is_of_groups(&self) -> bool {
        matches!(self.checked.join, Some(Joined::Nested(_)))
    }

    /// What the floor is on.
    pub(crate) fn what_counts(&self) -> String {
        match &self.checked.join {
            Some(Joined::Nested(nested)) => format!("groups of the subquery, by {}", self.grouped_by(nested)),
            _ => "rows".to_owned(),
        }
    }

    /// Whether a group may be withheld for what does not count in it.
    pub(crate) fn withholds_rests(&self) -> bool {
        matches!(&self.checked.join, Some(Joined::Nested(nested)) if !nested.tests.tests.is_empty())
    }

    pub(crate) fn of_nested(&self, nested: &Nested) -> Vec<String> {
        let keys = self.grouped_by(nested);
        let mut learned = vec![
            format!(
                "what is counted are groups by {keys} of the rows of all owners, not rows: neither which groups there are, nor \
                 what any of them has, nor which of them count is opened, only what is aggregated over all that do"
            ),
            format!(
                "how many groups there are tells whoever knows those of some owners how many of theirs another has, too, as a \
                 count of different values does: {keys}"
            ),
        ];
        let table = self.checked.relations.first().and_then(|relation| self.tables.get(relation.table));
        let rows = table.map_or(1, crate::Table::floor_rows).max(self.floor_rows);
        if rows > 1 {
            let least = counted(usize::try_from(rows).unwrap_or(usize::MAX), "group");
            if !nested.tests.tests.is_empty() {
                learned.push(format!(
                    "nothing is shown at all if in one group of the query the groups by {keys} that do not count, since their \
                     aggregates do not satisfy the conditions, are some, but fewer than {least}: that this is so is one bit"
                ));
            }
            let mut arguments = self.checked.query.aggregates.iter().filter_map(|one| one.argument.as_ref());
            if arguments.any(|argument| argument.nullable) {
                learned.push(format!(
                    "an aggregate of what such groups may lack is shown only if those without a value are none or at least {least}"
                ));
            }
        }
        learned
    }

    pub(crate) fn nested_at_home(&self, nested: &Nested, partials: &[Partial]) -> Vec<String> {
        let filter = self.checked.relations.first().and_then(|relation| relation.filter.as_ref());
        let aggregates: Vec<String> =
            nested.aggregates.iter().map(|(_, aggregate)| Aggregate::shown(aggregate)).collect();
        let partials: Vec<String> = partials.iter().map(Partial::name).collect();
        let mut steps = vec![kept(filter)];
        if let Some(filter) = &nested.groups.filter {
            steps.push(format!("of the groups of these rows: keeps those for which `{filter}` holds"));
        }
        steps.extend([
            format!(
                "computes for each of them, by {}, what these need: {}, and shares these numbers and the keys, to be put \
                 together with those of the same key of other owners and not opened, filled up with rows without meaning to as \
                 many as were published",
                self.grouped_by(nested),
                names(&aggregates)
            ),
            format!("on shares follow, of the groups that count: {}", names(&partials)),
        ]);
        steps
    }

    pub(crate) fn beyond_nested(&self) -> Vec<String> {
        vec![
            "groups are counted whosever their rows are: a provider that puts in rows of keys of its choice decides by them \
             which of another's groups reach a condition, and lifts their number over the floor; who does not trust it with \
             that does not allow `join` of the keys"
                .to_owned(),
            "a group may have one row, whose value its aggregate then is".to_owned(),
        ]
    }

    fn grouped_by(&self, nested: &Nested) -> String {
        names(&nested.keys.iter().map(|(_, column)| column.name.clone()).collect::<Vec<_>>())
    }
}
