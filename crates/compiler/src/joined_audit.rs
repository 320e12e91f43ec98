//! What the audit says of a join of two tables: conditions over both, and columns that are compared.

use std::collections::BTreeSet;

use crate::{
    audit::{Page, names},
    sql::{Join, Joined, RowComparison},
};

/// What tells apart a joined table's rows with one key, beside groups: conditions of ON and OR.
pub(crate) fn apart(join: &Joined, side: usize) -> String {
    let Joined::Two(join) = join else { return String::new() };
    let mut all = String::new();
    if let Some(condition) = join.matchable.as_ref().filter(|_| side == 0) {
        all.push_str(&format!(", apart for rows that have no partner because `{condition}` does not hold"));
    }
    let terms: Vec<String> = join.terms.iter().filter_map(|term| term.get(side)?.clone()).collect();
    if !terms.is_empty() {
        all.push_str(&format!(", apart for rows for which each of these holds: {}", names(&terms)));
    }
    all
}

/// The columns of a table that are compared with the other's.
pub(crate) fn compared(join: &Joined, side: usize) -> Vec<String> {
    let Some(compared) = of(join) else { return Vec::new() };
    compared.columns(side).into_iter().cloned().collect()
}

fn of(join: &Joined) -> Option<&RowComparison> {
    match join {
        Joined::Two(Join { compared, .. }) => compared.as_ref(),
        _ => None,
    }
}

impl Page<'_> {
    /// What comparisons of both tables' columns say.
    pub(crate) fn of_compared(&self) -> Option<String> {
        let compared = of(self.checked.join.as_ref()?)?;
        let conditions: Vec<String> = compared.conditions.iter().map(|one| one.text.clone()).collect();
        Some(format!(
            "nor which rows satisfy {}: rows are compared on shares, and only what is aggregated over them is opened",
            names(&conditions)
        ))
    }

    /// What is not prevented.
    pub(crate) fn beyond_compared(&self) -> Option<String> {
        of(self.checked.join.as_ref()?)?;
        let first = self.checked.relations.first()?;
        let has_floor = self.tables.get(first.table).is_some_and(|table| table.floor_rows() > 1);
        let weights = match has_floor {
            true => String::new(),
            false => format!(
                "; since the owners of `{}` ask for no floor, a sum over the other table's column may tell that one's owner of \
                 many of its rows at once which compare",
                first.called
            ),
        };
        Some(format!(
            "rows are compared with single rows of the other table: a provider that puts in rows with keys and values of its \
             choice can narrow down what another's row holds, by one answer if it puts in many; who does not trust it with \
             constants of its choice does not allow `filter` of the compared column{weights}"
        ))
    }

    /// The columns that are compared on shares, each with its table; what owners compute, by what it is computed of, too.
    pub(crate) fn compared(&self) -> BTreeSet<(String, String)> {
        match &self.checked.join {
            Some(Joined::Threshold(threshold)) => self.stemming(0, &threshold.compared.columns),
            Some(Joined::Windows(windows)) => {
                let own = windows.shared().into_iter().map(|column| column.name.clone());
                let computed = self.checked.relations.iter().flat_map(|relation| &relation.computed);
                self.stemming(0, &computed.map(|column| column.name.clone()).chain(own).collect())
            }
            Some(Joined::Nested(nested)) => self.stemming(0, &nested.compared()),
            Some(join) => {
                let of = |side: usize| self.stemming(side, &compared(join, side).into_iter().collect());
                of(0).into_iter().chain(of(1)).collect()
            }
            None => BTreeSet::new(),
        }
    }

    /// Columns of a relation, and those of tables that they stem from.
    fn stemming(&self, relation: usize, columns: &BTreeSet<String>) -> BTreeSet<(String, String)> {
        let Some(relation) = self.checked.relations.get(relation) else { return BTreeSet::new() };
        let computed = relation.computed.iter().filter(|column| columns.contains(&column.name));
        let columns: BTreeSet<&String> =
            columns.iter().chain(computed.flat_map(|column| &column.of)).collect();
        let table = self.tables.get(relation.table).map_or("", |table| table.name.as_str());
        let own = columns.iter().map(|column| (table.to_owned(), (*column).clone()));
        let branches = relation.stacked.iter().flat_map(|stacked| &stacked.branches);
        let below = branches.flat_map(|branch| {
            let items = branch.items.iter().filter(|item| columns.contains(&item.name));
            items.flat_map(|item| item.columns.iter().map(|column| (branch.table.clone(), column.clone())))
        });
        own.chain(below).collect()
    }
}
