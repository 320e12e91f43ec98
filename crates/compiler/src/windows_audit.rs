//! What the audit says of queries whose rows are shared one by one, to be compared or brought into an order: comparisons with
//! a subquery's value ([`crate::threshold_audit`]), window functions over the rows of several owners, and groups of groups
//! ([`crate::nested_audit`]).

use crate::{
    audit::{Page, counted, kept, names},
    nested_audit::NOT_GROUPED,
    sql::{Joined, Step, Windows},
    stage::Partial,
    threshold_audit::NOT_COMPARED,
};

impl Page<'_> {
    /// What such a query says, and what it keeps.
    pub(crate) fn of_rows(&self) -> Option<Vec<String>> {
        match &self.checked.join {
            Some(Joined::Threshold(threshold)) => Some(self.of_threshold(threshold)),
            Some(Joined::Windows(windows)) => Some(self.of_windows(windows)),
            Some(Joined::Nested(nested)) => Some(self.of_nested(nested)),
            _ => None,
        }
    }

    /// What owners do for it.
    pub(crate) fn rows_at_home(&self, partials: &[Partial]) -> Option<Vec<String>> {
        match &self.checked.join {
            Some(Joined::Threshold(threshold)) => Some(self.compared_at_home(threshold, partials)),
            Some(Joined::Windows(windows)) => Some(self.windows_at_home(windows, partials)),
            Some(Joined::Nested(nested)) => Some(self.nested_at_home(nested, partials)),
            _ => None,
        }
    }

    /// What is not prevented.
    pub(crate) fn beyond_rows(&self) -> Option<Vec<String>> {
        match &self.checked.join {
            Some(Joined::Threshold(threshold)) => Some(self.beyond_threshold(threshold)),
            Some(Joined::Windows(_)) => Some(vec![
                "what a window function gives a row can be another row's value, or tell that there is one: whoever knows the \
                 rows around one, or puts rows of its own around it, learns of it from what is aggregated; floors are on \
                 the rows that are shown and on those of their parts that are not, not on whole parts"
                    .to_owned(),
            ]),
            Some(Joined::Nested(_)) => Some(self.beyond_nested()),
            _ => None,
        }
    }

    /// What compute parties don't learn.
    pub(crate) fn not_learned(&self) -> &'static str {
        match &self.checked.join {
            None => "no value, neither of the data nor of the result",
            Some(Joined::Threshold(_)) => NOT_COMPARED,
            Some(Joined::Windows(_)) => {
                "no value, neither of the data nor of the result; neither in which order rows stand, nor which parts they \
                 make, nor which come out"
            }
            Some(Joined::Nested(_)) => NOT_GROUPED,
            Some(_) => {
                "no value, neither of the data nor of the result; neither which rows match nor how many"
            }
        }
    }

    fn of_windows(&self, windows: &Windows) -> Vec<String> {
        let mut learned = vec![
            "neither in which order the rows of all owners stand, nor what window functions give any of them, nor which rows \
             come out: only what is aggregated over all that do"
                .to_owned(),
        ];
        let table = self.checked.relations.first().and_then(|relation| self.tables.get(relation.table));
        let rows = table.map_or(1, crate::Table::floor_rows).max(self.floor_rows);
        if rows > 1 {
            let least = counted(usize::try_from(rows).unwrap_or(usize::MAX), "row");
            learned.push(format!(
                "nothing is shown unless the rows that windows run over and that are not shown are none or at least {least}"
            ));
            if windows.told.iter().any(|told| told.is_whole) {
                learned.push(format!(
                    "and unless so are the others of each part of the rows of which some are shown, since what window functions \
                     give tells of all of them: {}",
                    names(&windows.told.iter().filter(|told| told.is_whole).map(|told| told.name.clone()).collect::<Vec<_>>())
                ));
            }
            if windows.told.iter().any(|told| told.framed.is_some()) {
                learned.push(format!(
                    "a group is shown only if its rows whose frame is cut off at the beginning of their part are none or at \
                     least {least}"
                ));
            }
            let mut arguments = self.checked.query.aggregates.iter().filter_map(|one| one.argument.as_ref());
            if arguments.any(|argument| argument.nullable && windows.reads(argument)) {
                learned.push(format!(
                    "an aggregate of what window functions give is shown only if the group's rows on which they give nothing \
                     are none or at least {least}"
                ));
            }
        }
        learned
    }

    fn windows_at_home(&self, windows: &Windows, partials: &[Partial]) -> Vec<String> {
        let columns: Vec<String> = windows.shared().into_iter().map(|column| column.name.clone()).collect();
        let made: Vec<String> = windows.columns.iter().map(|column| column.name.clone()).collect();
        let is_window =
            windows.columns.iter().filter(|column| matches!(column.of, Step::Window { .. })).count();
        let partials: Vec<String> = partials.iter().map(Partial::name).collect();
        let filter = self.checked.relations.first().and_then(|relation| relation.filter.as_ref());
        vec![
            format!(
                "shares each of its rows, with {}, to be put among the others' and not opened, filled up with rows without \
                 meaning to as many as were published",
                names(&columns)
            ),
            format!("shares of each row whether it counts: {}", kept(filter)),
            format!(
                "shares of each row, by group, what is to be added up or compared; on shares follow {}: {}; and of the rows \
                 that come out: {}",
                counted(is_window, "window function"),
                names(&made),
                names(&partials)
            ),
        ]
    }
}
