//! What a compiled query reveals, in plain language, for those who sign.

use std::collections::BTreeSet;

use contract::{
    audit::{Audit, ColumnAudit},
    disclosure::DisclosureRule,
    terms::Use,
};

use crate::{
    ResultColumn, ResultKind, Rule, Table, attacks,
    groups::Groups,
    joined_audit, nested_audit,
    noise::Noisy,
    products,
    sql::{Aggregate, Checked, Function, Item, Joined, Key, Relation, SetJoin, SetKind, Tree},
    stage::Partial,
};

/// Writes the audit of a lowered query.
pub(crate) fn audit(
    tables: &[Table],
    checked: &Checked,
    groups: &Groups,
    partials: &[Partial],
    columns: &[ResultColumn],
    noise: &[Noisy],
    rule: &Rule,
) -> Audit {
    let floor_rows = rule.floor_rows;
    let page = Page { tables, checked, groups, noise, floor_rows, disclosure: &rule.disclosure };
    Audit {
        to_receivers: page.to_receivers(columns),
        columns: page.columns(columns),
        to_compute_parties: page.to_compute_parties(partials),
        at_home: page.at_home(partials),
        uses: page.uses(),
        beyond: page.beyond(),
        attacks: attacks::on(tables, checked, groups, noise, floor_rows),
    }
}

/// Draws that three compute parties add up.
const DRAWS: u32 = 2;

/// Three digits are enough to judge noise by.
fn rounded(number: f64) -> String {
    let digits = [100.0, 10.0, 1.0, 0.1, 0.01, 0.001].iter().position(|least| number >= *least).unwrap_or(6);
    format!("{number:.digits$}")
}

pub(crate) struct Page<'a> {
    pub(crate) tables: &'a [Table],
    pub(crate) checked: &'a Checked,
    groups: &'a Groups,
    noise: &'a [Noisy],
    pub(crate) floor_rows: u64,
    disclosure: &'a DisclosureRule,
}

impl Page<'_> {
    fn to_receivers(&self, columns: &[ResultColumn]) -> Vec<String> {
        let floor = self.floor_rows;
        let rows = self.what_counts();
        let which = match self.groups.columns.as_slice() {
            keys if self.checked.query.cut.is_some() => format!(
                "of the groups by {} that have at least {floor} {rows}, those that LIMIT and OFFSET let through, {} at \
                 most: their keys{}",
                names(&keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>()),
                self.rows_max(),
                match self.checked.query.has_public_groups {
                    true => "; the groups themselves are public",
                    false => "; that these values occur so often was not public",
                },
            ),
            [] => format!("whether all {rows} together that satisfy the condition number at least {floor}"),
            keys => format!(
                "which of the {} groups by {} have at least {floor} {}; the groups themselves are public",
                self.groups.keys.len(),
                names(&keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>()),
                if floor == 1 && rows == "rows" { "row" } else { &rows },
            ),
        };
        let values = self.opened(columns);
        let grouped = !self.groups.columns.is_empty();
        let (each, others) = if grouped {
            (
                "for each of those groups",
                match (&self.checked.query.having, self.checked.query.cut, self.disclosure.contributors_min) {
                    (None, None, 0 | 1) if !self.withholds_rests() => {
                        "nothing about any other group but that it has fewer rows: its values are never opened"
                    }
                    _ => {
                        "nothing about any other group, nor why it is not shown: its values are never opened"
                    }
                },
            )
        } else {
            ("if so", "if not, nothing else: no value is opened")
        };
        let mut learned = vec![which];
        learned.extend(self.held_to());
        if self.checked.query.having.is_some() {
            learned.push(
                "that HAVING holds of each group that is shown; what it compares is opened only where a column shows it"
                    .to_owned(),
            );
        }
        if !values.is_empty() {
            learned.push(format!("{each}, over the rows of all datasets together: {}", names(&values)));
        }
        let is_computed = |column: &&ResultColumn| matches!(column.kind, ResultKind::Computed { .. });
        let computed: Vec<String> =
            columns.iter().filter(is_computed).map(|column| column.name.clone()).collect();
        if !computed.is_empty() {
            learned.push(format!("what they compute from these values themselves: {}", names(&computed)));
        }
        learned.extend(self.noise.iter().map(|noisy| {
            let deviation = rounded(noisy.deviation(DRAWS));
            format!(
                "`{}` only with {} noise that nobody knows: with three compute parties its standard deviation is \
                 {deviation}; which groups reach the floor is told by noisy numbers, too",
                noisy.name,
                noisy.mechanism.name()
            )
        }));
        let has_mean = self.checked.query.aggregates.iter().any(|one| one.function == Function::Avg);
        if has_mean && !self.noise.is_empty() {
            learned.push(
                "means as quotients of a noisy sum and a noisy count, held to the column's declared range"
                    .to_owned(),
            );
        }
        if columns.iter().any(|column| validity(column).is_some()) {
            learned.push(
                "for each of those columns that may lack values, whether it has enough of them; if not, that \
                 cell is withheld"
                    .to_owned(),
            );
        }
        learned.push(others.to_owned());
        if let Some(set) = self.checked.shown_set() {
            learned.extend(self.of_set(set));
        } else if let Some(of_rows) = self.of_rows() {
            learned.extend(of_rows);
        } else if self.checked.join.is_some() {
            learned.push("neither which rows of the tables match nor any key that is no group".to_owned());
            learned.extend(self.of_compared());
            let tables = self.checked.relations.iter().filter_map(|relation| {
                let table = self.tables.get(relation.table)?;
                let floor = table.datasets.iter().map(|source| source.floor_rows).max()?;
                (floor > 1).then(|| format!("{floor} of `{}`", relation.called))
            });
            let tables: Vec<String> = tables.collect();
            if !tables.is_empty() {
                learned.push(format!(
                    "groups, and cells of columns that may lack values, are shown only if that many rows of each table \
                     are behind them, too: {}",
                    tables.join(", ")
                ));
            }
        }
        learned.push("no provider's part by itself".to_owned());
        learned
    }

    /// What values that are shown of a set say of each table.
    fn of_set(&self, set: &SetJoin) -> [String; 2] {
        let rows = self.checked.relations.iter().map(|relation| {
            let table = self.tables.get(relation.table);
            let rows = table.map_or(1, Table::floor_rows).max(self.floor_rows);
            let rows = counted(usize::try_from(rows).unwrap_or(usize::MAX), "row");
            format!("{rows} of `{}`", relation.called)
        });
        let rows: Vec<String> = rows.collect();
        let (count, first) = (rows.len(), rows.first().cloned().unwrap_or_default());
        match set.kind {
            SetKind::Union => [
                format!(
                    "of each value that is shown that one of the {} tables has it, but not which",
                    if count == 2 { "two".to_owned() } else { count.to_string() }
                ),
                format!("values are shown only if at least {}, have them", rows.join(", or at least ")),
            ],
            SetKind::Intersect => [
                match count {
                    2 => "of each value that is shown that both tables have it; whoever knows one table's values learns \
                          which of them the other has"
                        .to_owned(),
                    _ => format!(
                        "of each value that is shown that all {count} tables have it; whoever knows the others' values \
                         learns which of those that these have in common a table has"
                    ),
                },
                format!("values are shown only if at least {}, have them", rows.join(", and at least ")),
            ],
            SetKind::Except => [
                "of each value that is shown that the second table has it not; whoever knows the first table's values \
                 learns which of them the second has, also of one row"
                    .to_owned(),
                format!("values are shown only if at least {first} have them"),
            ],
        }
    }

    /// What is asked of groups and values besides rows.
    fn held_to(&self) -> impl Iterator<Item = String> {
        let least = self.disclosure.contributors_min;
        let members = (least > 1).then(|| {
            format!("groups are shown, and values of them, only where {least} members have rows of them, too")
        });
        let share = self.disclosure.dominance_percent_max.map(|percent| {
            format!("sums and means only where neither a member nor a row makes up more than {percent} %")
        });
        members.into_iter().chain(share)
    }

    fn columns(&self, columns: &[ResultColumn]) -> Vec<ColumnAudit> {
        let query = &self.checked.query;
        let describe = |(column, item): (&ResultColumn, Item)| {
            let (from, how) = match item {
                Item::Key(index) => {
                    let from = query.keys.get(index).map(|key| key.column.name.clone()).into_iter().collect();
                    let how = match query.has_public_groups {
                        false => "group key, opened for the groups that are shown",
                        true => "group key; its possible values are public",
                    };
                    (from, how.to_owned())
                }
                Item::Aggregate(index) => match query.aggregates.get(index) {
                    Some(aggregate) => {
                        (sources(aggregate), how(aggregate, column, self.floor_rows, &self.what_counts()))
                    }
                    None => (Vec::new(), String::new()),
                },
                Item::Computed(of) => self.computed(of),
            };
            ColumnAudit { name: column.name.clone(), from, how }
        };
        columns.iter().zip(query.select.iter().map(|selected| selected.item)).map(describe).collect()
    }

    /// How many rows the result has at most.
    fn rows_max(&self) -> u32 {
        let rows = self.checked.query.cut.and_then(|cut| cut.rows);
        rows.unwrap_or(self.groups.keys.len() as u32)
    }

    /// The values that are opened: those that columns show, and those from which receivers compute others.
    fn opened(&self, columns: &[ResultColumn]) -> Vec<String> {
        let query = &self.checked.query;
        if query.finish.is_none() {
            let is_key = |column: &&ResultColumn| matches!(column.kind, ResultKind::Key { .. });
            return columns
                .iter()
                .filter(|column| !is_key(column))
                .map(|column| column.name.clone())
                .collect();
        }
        let opened = query.aggregates.iter().enumerate().filter(|(index, _)| query.opens(*index));
        opened.map(|(_, aggregate)| aggregate.shown()).collect()
    }

    /// Of a column that receivers compute, what it is made of.
    fn computed(&self, column: usize) -> (Vec<String>, String) {
        let query = &self.checked.query;
        let Some(finish) = &query.finish else { return (Vec::new(), String::new()) };
        let (mut from, mut of) = (Vec::new(), Vec::new());
        let inputs = finish.flows.get(column).into_iter().flat_map(|flow| &flow.from);
        for item in inputs.filter_map(|input| finish.inputs.get(*input)) {
            match item {
                Item::Key(key) => {
                    let name = query.keys.get(*key).map(|key| key.column.name.clone());
                    from.extend(name.clone());
                    of.extend(name);
                }
                Item::Aggregate(aggregate) => {
                    let aggregate = query.aggregates.get(*aggregate);
                    from.extend(aggregate.into_iter().flat_map(sources));
                    of.extend(aggregate.map(Aggregate::shown));
                }
                Item::Computed(_) => {}
            }
        }
        from.sort();
        from.dedup();
        (from, format!("computed by the receivers from what is opened: {}", names(&of)))
    }

    fn to_compute_parties(&self, partials: &[Partial]) -> Vec<String> {
        let datasets = self.tables.iter().map(|table| table.datasets.len()).sum();
        let groups = match self.checked.query.has_public_groups {
            false => format!("{} groups at most", self.rows_max()),
            true => counted(self.groups.keys.len(), "group"),
        };
        let sizes = match &self.checked.join {
            Some(Joined::Threshold(threshold)) if threshold.keys.is_empty() => self.compared_sizes(&groups),
            Some(Joined::Home) if self.checked.query.has_public_groups => {
                let read = self.checked.relations.iter().flat_map(|relation| &relation.home);
                let read = counted(read.map(|joined| joined.reads().len()).sum(), "dataset");
                format!(
                    "{read}, joined at home, {groups}, {} for each group",
                    counted(partials.len(), "number")
                )
            }
            None if self.checked.query.has_public_groups => {
                let numbers = counted(partials.len(), "number");
                format!("{}, {groups}, {numbers} for each group and dataset", counted(datasets, "dataset"))
            }
            _ => format!(
                "{}, as many rows of each as it was published with ({}), {groups}",
                counted(datasets, "dataset"),
                self.sources().map(|source| source.rows.to_string()).collect::<Vec<_>>().join(", "),
            ),
        };
        vec![
            format!("sizes that the contract states: {sizes}"),
            "the size and time of messages, which depend on those sizes alone".to_owned(),
            self.not_learned().to_owned(),
        ]
    }

    fn sources(&self) -> impl Iterator<Item = &crate::Source> {
        let relations = self.checked.relations.iter();
        relations.filter_map(|relation| self.tables.get(relation.table)).flat_map(|table| &table.datasets)
    }

    fn at_home(&self, partials: &[Partial]) -> Vec<String> {
        let Some(join) = self.checked.join.as_ref().filter(|join| !matches!(join, Joined::Home)) else {
            let filter = self.checked.relations.first().and_then(|relation| relation.filter.as_ref());
            let partials: Vec<String> = partials.iter().map(Partial::name).collect();
            let aggregates = &self.checked.query.aggregates;
            let mut steps: Vec<String> =
                self.checked.relations.iter().flat_map(Relation::first_steps).collect();
            steps.extend([
                kept(filter),
                format!("computes for each group: {}", names(&partials)),
                "shares these numbers among the compute parties; the rows themselves stay".to_owned(),
            ]);
            if self.sources().count() > 1 && self.checked.query.has_public_groups {
                let counted = aggregates.iter().filter(|one| one.function == Function::CountDistinct);
                steps.extend(counted.flat_map(sources).map(|column| {
                    format!(
                        "shares each value of `{column}` once, to be counted beside the others' and never opened, filled \
                         up with rows without meaning to as many as were published"
                    )
                }));
            }
            let ranked = aggregates.iter().filter(|one| matches!(one.function, Function::Quantile(_)));
            steps.extend(ranked.filter_map(|one| one.argument.as_ref()).map(|argument| {
                format!(
                    "shares each value of `{}` with how many rows of each group have it, to be sorted among the others' \
                     and not opened, filled up with rows without meaning to as many as were published",
                    argument.shown
                )
            }));
            return steps;
        };
        if let Some(steps) = self.rows_at_home(partials) {
            return steps;
        }
        let mut steps = Vec::new();
        for (side, relation) in self.checked.relations.iter().enumerate() {
            steps.extend(relation.first_steps());
            let mut keys: Vec<String> = join.keys(side).into_iter().map(|key| key.name.clone()).collect();
            keys.extend(joined_audit::compared(join, side));
            let datasets = self.tables.get(relation.table).map_or(1, |table| table.datasets.len());
            let each = match join {
                Joined::Tree(tree) if !tree.is_merged(side, datasets) => "of its rows, with ".to_owned(),
                _ => "value of ".to_owned(),
            } + &names(&keys);
            let by = match join {
                Joined::Tree(Tree { circle: Some(circle), .. }) => {
                    let end = circle.ends.iter().find(|(end, _)| *end == side);
                    end.map_or("group".to_owned(), |(_, column)| {
                        format!("group and value of `{}`", column.name)
                    })
                }
                _ => "group".to_owned(),
            };
            let once = join.once(side);
            let grouped = match join {
                Joined::Tree(tree) => columns_of(&tree.secret, side),
                _ => Vec::new(),
            };
            let each = match self.checked.shown_set() {
                Some(_) => format!("different value of {}", names(&keys)),
                None => each,
            };
            let grouped = match grouped.as_slice() {
                [] => String::new(),
                grouped => format!(" and the group columns {}", names(grouped)),
            };
            steps.push(format!(
                "of `{}`: {}, computes for each {each}, by {by}{}: {}, and shares these numbers and the keys{grouped}, \
                 filled up with rows without meaning to as many as were published",
                relation.called,
                kept(relation.filter.as_ref()),
                joined_audit::apart(join, side),
                names(&products::names(partials, side)),
            ));
            if !once.is_empty() {
                steps.push(format!(
                    "of `{}`: looks whether each value of {} stands in one row, as was declared, and shares nothing if not",
                    relation.called,
                    names(&once),
                ));
            }
        }
        steps
    }

    fn uses(&self) -> Vec<String> {
        let compared = self.compared();
        let several = self.checked.uses.len() > 1;
        let all = self.checked.uses.iter();
        let columns =
            all.flat_map(|(table, columns)| columns.iter().map(move |(column, uses)| (table, column, uses)));
        let sentence = |(table, column, uses): (&String, &String, &std::collections::BTreeSet<Use>)| {
            let is_compared = compared.contains(&(table.clone(), column.clone()));
            // Some of its conditions may be with constants, beside the comparison on shares.
            let words = |r#use: &Use| match r#use {
                Use::Join if self.is_of_groups() => [Some(nested_audit::LINKED), None],
                Use::Filter if is_compared => {
                    let at_home = self.decides_at_home(table, column).then(|| word(Use::Filter));
                    [Some("decides which rows take part, compared on shares"), at_home]
                }
                other => [Some(word(*other)), None],
            };
            let uses: Vec<&str> = uses.iter().flat_map(words).flatten().collect();
            let column = if several { format!("{table}.{column}") } else { column.clone() };
            format!("`{column}` {}", uses.join(", and "))
        };
        let mut sentences: Vec<String> = columns.map(sentence).collect();
        if sentences.is_empty() {
            sentences.push("no column is used; only rows are counted".to_owned());
        }
        sentences
    }

    fn beyond(&self) -> Vec<String> {
        let mut beyond = vec![
            "a provider can put in wrong data, also wrong numbers of rows, which lift a group over the floor; what it \
             put in is committed to, and can be audited"
                .to_owned(),
            "two results over nearly the same rows can be subtracted from each other; \
             the number of runs and the conditions of other contracts matter"
                .to_owned(),
        ];
        if self.sources().count() > 1 {
            beyond.push(
                "a receiver that is a provider too can take its own rows out of a count or sum, and then knows the \
                 others' total; if few rows are the others', the floor does not protect them from it"
                    .to_owned(),
            );
        }
        if let Some(of_rows) = self.beyond_rows() {
            beyond.extend(of_rows);
        } else if self.checked.join.as_ref().is_some_and(|join| !matches!(join, Joined::Home)) {
            beyond.push(
                "a provider chooses the keys that it puts in: with rows for keys of its choice it asks who of the other \
                 table's has such a key; floors bound what it learns from a result, and a result of zero says that nobody has"
                    .to_owned(),
            );
            beyond.extend(self.beyond_compared());
        }
        let aggregates = &self.checked.query.aggregates;
        let is_quotient = |aggregate: &Aggregate| {
            use Function::{Avg, Deviation, DeviationPop, Pair, Variance, VariancePop};
            matches!(aggregate.function, Avg | Variance | Deviation | VariancePop | DeviationPop | Pair(_))
        };
        if aggregates.iter().any(is_quotient) {
            beyond.push(
                "from a mean or variance the count and the sums behind it can be found by trying: results are precise"
                    .to_owned(),
            );
        }
        if aggregates.iter().any(|aggregate| matches!(aggregate.function, Function::Quantile(_))) {
            beyond.push(
                "a median or percentile is the value of one row, or lies between those of two".to_owned(),
            );
        }
        if aggregates.iter().any(|aggregate| aggregate.function.is_extreme()) {
            beyond.push("a least or greatest value is the value of one row".to_owned());
        }
        if aggregates.iter().any(|a| a.argument.as_ref().is_some_and(|argument| argument.nullable)) {
            beyond.push(
                "where rows and values are both counted, their difference tells how many values are missing"
                    .to_owned(),
            );
        }
        if self.checked.query.having.is_some() {
            beyond.push(
                "whoever chooses the constants of HAVING can narrow down what it compares, query by query"
                    .to_owned(),
            );
        }
        if self.floor_rows < FLOOR_ADVISED {
            beyond.push(format!(
                "a floor of {} lets results through that concern very few rows; {FLOOR_ADVISED} or more is usual",
                self.floor_rows
            ));
        }
        beyond
    }
}

/// Statistical offices rarely publish cells of fewer contributors (Hundepool et al., *Statistical Disclosure
/// Control*, 2012, §4.2: thresholds of 3 and above).
const FLOOR_ADVISED: u64 = 3;

pub(crate) fn kept(filter: Option<&String>) -> String {
    match filter {
        Some(filter) => format!("keeps its rows for which `{filter}` holds"),
        None => "takes all its rows".to_owned(),
    }
}

fn columns_of(keys: &[Key], side: usize) -> Vec<String> {
    keys.iter().filter(|key| key.side == side).map(|key| key.column.name.clone()).collect()
}

/// `1 group`, `6 groups`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn validity(column: &ResultColumn) -> Option<usize> {
    column.kind.opened().and_then(|opened| opened.valid)
}

fn sources(aggregate: &Aggregate) -> Vec<String> {
    let both = aggregate.argument.iter().chain(&aggregate.second);
    let all: BTreeSet<String> = both.flat_map(|argument| argument.columns.iter().cloned()).collect();
    all.into_iter().collect()
}

fn how(aggregate: &Aggregate, column: &ResultColumn, floor: u64, rows: &str) -> String {
    let of = aggregate.argument.as_ref().map_or("rows", |argument| argument.shown.as_str());
    let what = match aggregate.function {
        Function::Count if aggregate.argument.is_none() => format!("number of {rows}"),
        Function::Count => format!("number of values of {of}"),
        Function::CountDistinct => format!("number of different values of {of}"),
        Function::VariancePop => {
            format!("population variance of {of}; neither sums nor count are opened for it")
        }
        Function::DeviationPop => {
            format!("population standard deviation of {of}; neither sums nor count are opened for it")
        }
        Function::Quantile(quantile) => {
            let (name, place) = (quantile.name(), quantile.shown());
            format!("{name} of {of}{place}, which is one row's value or lies between two")
        }
        Function::Pair(pair) => {
            let with = aggregate.second.as_ref().map_or("", |second| second.shown.as_str());
            format!("{} of {of} and {with}; neither sums nor count are opened for it", pair.what())
        }
        Function::Sum => format!("sum of {of}"),
        Function::Avg => format!("mean of {of}; neither sum nor count is opened for it"),
        Function::Min => format!("least {of}, which is one row's value"),
        Function::Max => format!("greatest {of}, which is one row's value"),
        Function::Variance => format!("sample variance of {of}; neither sums nor count are opened for it"),
        Function::Deviation => {
            format!("sample standard deviation of {of}; neither sums nor count are opened for it")
        }
    };
    let precision = match column.error {
        Some(error) => format!("; rounded, {error}"),
        None => "; exact".to_owned(),
    };
    let least = floor.max(aggregate.function.values_min());
    match validity(column) {
        Some(_) => format!("{what}{precision}; withheld where it covers fewer than {least} values"),
        None => format!("{what}{precision}"),
    }
}

fn word(r#use: Use) -> &'static str {
    match r#use {
        Use::Filter => "decides at home which rows take part",
        Use::Group => "names groups",
        Use::Aggregate => "goes into an aggregate",
        Use::Extreme => "shows its least or greatest value",
        Use::Join => "is matched with another table's rows, without showing which match",
        Use::Product => "is multiplied by another column",
    }
}

pub(crate) fn names(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
