//! What the audit says of a comparison with a subquery's value.

use crate::{
    Table,
    audit::{Page, counted, kept, names},
    reread::{self, Reread},
    sql::{Partner, Relation, Threshold},
    stage::{self, Partial},
};

/// What compute parties don't learn.
pub(crate) const NOT_COMPARED: &str = "no value, neither of the data, the subquery nor the result; neither which rows compare as is asked nor how many";

impl Page<'_> {
    /// What a comparison with a subquery says, and what it keeps.
    pub(crate) fn of_threshold(&self, threshold: &Threshold) -> Vec<String> {
        let inner = self.checked.relations.last().and_then(|relation| self.tables.get(relation.table));
        let partner = threshold.partner.as_ref().and(self.checked.relations.get(1));
        let rows = inner.map_or(1, Table::floor_rows).max(self.floor_rows);
        let least = counted(usize::try_from(rows).unwrap_or(usize::MAX), "row");
        let (what, few) = match threshold.keys.is_empty() {
            true => ("the subquery's value", format!("nothing is shown if it is over fewer than {least}")),
            false => (
                "any of the subquery's values",
                format!("where one is over fewer than {least}, no row compares with it"),
            ),
        };
        let mut learned = vec![
            format!(
                "neither {what}, nor which rows satisfy `{}`: only what is aggregated over all rows that do",
                threshold.text
            ),
            format!("of the rows that the subquery's value is over as many are asked for, too: {few}"),
        ];
        if reread::of(self.tables, self.checked) == Reread::Whole && rows > 1 {
            learned.push(format!(
                "the subquery is over the same rows: nothing is shown unless those of them that are not shown are none or at \
                 least {least}"
            ));
        }
        if let Some((partner, Partner { is_absent, .. })) = partner.zip(threshold.partner.as_ref()) {
            let floor = self.tables.get(partner.table).map_or(1, Table::floor_rows);
            let asked = if floor > 1 {
                format!("; {floor} of these rows must be met in each group")
            } else {
                String::new()
            };
            let counted = if *is_absent { "with which" } else { "without which" };
            learned.push(format!(
                "nor which rows meet one of `{}`, {counted} they do not count{asked}",
                partner.called
            ));
        }
        learned
    }

    /// The sizes that compute parties see, where the subquery has no key.
    pub(crate) fn compared_sizes(&self, groups: &str) -> String {
        let rows = |relation: Option<&Relation>| {
            let table = relation.and_then(|one| self.tables.get(one.table));
            let rows = table.into_iter().flat_map(|table| &table.datasets).map(|one| one.rows.to_string());
            rows.collect::<Vec<_>>()
        };
        let (inner, others) = match self.checked.relations.split_last() {
            Some((inner, others)) => (rows(Some(inner)), others),
            None => (Vec::new(), [].as_slice()),
        };
        let own: Vec<String> = others.iter().flat_map(|relation| rows(Some(relation))).collect();
        format!(
            "{} of the query, as many rows of each as it was published with ({}), {groups}; {} of the subquery, \
             one row of each",
            counted(own.len(), "dataset"),
            own.join(", "),
            counted(inner.len(), "dataset"),
        )
    }

    /// What owners do for a comparison with a subquery.
    pub(crate) fn compared_at_home(&self, threshold: &Threshold, partials: &[Partial]) -> Vec<String> {
        let keys = |side: usize| {
            let keys = threshold.keys.iter().filter_map(|pair| pair.get(side));
            keys.map(|key| key.name.clone()).collect::<Vec<_>>()
        };
        let last = self.checked.relations.len().saturating_sub(1);
        let filter =
            |place: usize| kept(self.checked.relations.get(place).and_then(|one| one.filter.as_ref()));
        let table = |place: usize| {
            let table = self.checked.relations.get(place).and_then(|one| self.tables.get(one.table));
            table.map_or("", |table| table.name.as_str())
        };
        let own: Vec<String> = partials.iter().map(Partial::name).collect();
        let inner = stage::partials(std::slice::from_ref(&threshold.aggregate));
        let inner: Vec<String> = inner.iter().map(Partial::name).collect();
        let (by, each, filled) = match threshold.keys.is_empty() {
            true => (String::new(), String::new(), ""),
            false => (
                format!(" and of {}", names(&keys(0))),
                format!(" for each value of {}, which it shares, too", names(&keys(1))),
                ", filled up with rows without meaning to as many as were published",
            ),
        };
        let by = match &threshold.partner {
            None => by,
            Some(partner) => {
                let keys: Vec<String> = partner.keys.iter().map(|[own, _]| own.name.clone()).collect();
                format!("{by} and of {}", names(&keys))
            }
        };
        let met = threshold.partner.as_ref().map(|partner| {
            let keys: Vec<String> = partner.keys.iter().map(|[_, theirs]| theirs.name.clone()).collect();
            let which = if partner.is_absent { "none" } else { "one" };
            let once = match partner.is_once {
                true => "; looks whether each stands in one row, as was declared, and shares nothing if not",
                false => "",
            };
            format!(
                "of `{}`, of which rows must meet {which}: {}, and shares each value of {}, filled up with rows without \
                 meaning to as many as were published{once}",
                table(1),
                filter(1),
                names(&keys),
            )
        });
        let mut steps = vec![
            format!(
                "of `{}`: {}, and shares for each value of `{}`{by}, with these values, by group: {}, filled up with rows \
                 without meaning to as many as were published",
                table(0),
                filter(0),
                threshold.compared.shown,
                names(&own),
            ),
            format!(
                "of `{}`, for the subquery: {}, and shares{each}: {}{filled}",
                table(last),
                filter(last),
                names(&inner),
            ),
        ];
        steps.extend(met);
        steps
    }

    /// Whether a column that is compared is read by what owners decide at home as well; said too often rather than too
    /// rarely.
    pub(crate) fn decides_at_home(&self, table: &str, column: &str) -> bool {
        let compared = self.checked.comparisons.get(table).and_then(|columns| columns.get(column));
        let relations = self.checked.relations.iter();
        let own = relations.filter(|one| self.tables.get(one.table).is_some_and(|of| of.name == table));
        let mut filters = own.filter_map(|relation| relation.filter.as_ref());
        compared.is_some_and(|compared| !compared.constants.is_empty())
            || filters.any(|filter| filter.contains(column))
    }

    /// What is not prevented.
    pub(crate) fn beyond_threshold(&self, threshold: &Threshold) -> Vec<String> {
        let mut beyond = Vec::new();
        beyond.push(
            "the result says how many rows lie on one side of a value that is not told: whoever chooses the conditions of \
             the subquery, or puts rows into its table, moves that value, and learns with each answer how the rows lie"
                .to_owned(),
        );
        beyond.push(
            "whoever knows the rows that are compared, as a provider of them does, finds the subquery's value from how many \
             of them compare: take it as told"
                .to_owned(),
        );
        if threshold.aggregate.function.is_extreme() {
            beyond.push("the subquery's least or greatest value is the value of one row".to_owned());
        }
        beyond
    }
}
