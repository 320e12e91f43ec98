//! Which rows a query's answers are about, so that answers can be compared with each other before another one is given.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use arrow::{
    array::{Array, AsArray, BooleanArray, StringArray},
    datatypes::DataType,
    record_batch::RecordBatch,
};
use contract::Schema;
use sha2::{Digest, Sha256};

use crate::{
    Membership, Table, deep,
    groups::Groups,
    home_joined::HomeJoined,
    local::{self, Batches, LocalError},
    reread::{self, Reread},
    sql::{Checked, Join, Joined, OwnersColumn, Relation, identifier},
};

mod selectors;
mod stacks;
mod windows;

pub(crate) use selectors::carries;
use selectors::{CARRIED, selectors};

/// How a query reads the rows of all its tables.
#[derive(Clone, Copy)]
struct Rows {
    uncountable: Option<&'static str>,
    rereads: bool,
}

/// What a query answers over the rows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// The table's name in the query.
    pub table: String,
    /// The datasets that make it up.
    pub datasets: Vec<String>,
    /// Why what is answered cannot be told from these rows alone, if so.
    pub uncountable: Option<&'static str>,
    /// Whether the query reads these rows twice, by a join, a subquery or windows, so that one answer less another may be
    /// about few of them.
    rereads: bool,
    /// Whether rows of other tables stand below these (UNION ALL).
    pub is_stacked: bool,
    /// Why it cannot be compared with other answers though its own rows can be counted, if so.
    pub incomparable: Option<&'static str>,
    sql: String,
    /// Of a stack's table: which of its rows take part, whatever their group.
    own: Option<String>,
    condition: String,
    /// Lists the groups, where they are public and there are keys.
    groups: Option<String>,
    keys: Vec<String>,
    selectors: Vec<Selector>,
    /// The rows that have a part in what window functions give others, though they may not be selected; by no group.
    behind: Vec<Selector>,
}

/// Which of a group's rows an aggregate covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selector {
    /// All of them.
    Whole,
    /// Those for which CASE has a value.
    Case(String),
    /// Those that have a value; who asks for a column's sum learns nothing about rows without it.
    Present(String),
    /// The same rows, of which it is told how many they are: unlike sums, counts of different columns can be subtracted
    /// from each other and from that of all rows.
    Counted(String),
    /// Those of which a window's frame has all of its rows. Of these, too, it can be told however few they are, by group:
    /// what two frames give is the same on all others.
    Framed(String),
    /// Those that satisfy a condition and so have a part in what a window function gives others. Of these it can be told
    /// however few they are: no floor is held over them.
    Under(String),
}

/// Rows that an answer is about: those of one group that one selector takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selection {
    /// Group columns with the group's value, `None` for NULL.
    pub group: Vec<(String, Option<String>)>,
    /// Which of its rows.
    pub selector: Selector,
}

/// The answers of a checked query, one for each relation.
pub(crate) fn of(tables: &[Table], checked: &Checked, groups: &Groups) -> Vec<Answers> {
    let uncountable = checked.join.as_ref().map(|join| match join {
        Joined::Threshold(_) => {
            "which of its rows compare with a subquery's secret value as is asked is secret"
        }
        Joined::Two(Join { compared: Some(_), .. }) => {
            "which of its rows meet another table's and compare with it as is asked is secret"
        }
        Joined::Windows(_) => "where its rows stand among those of other owners is secret",
        Joined::Nested(_) => {
            "which groups its rows make with those of other owners, and which of these count, is secret"
        }
        Joined::Two(_) | Joined::Tree(_) | Joined::Set(_) => {
            "which of its rows match another table's is secret"
        }
        Joined::Home => "its rows are joined with another table's",
    });
    let rereads = rereads(tables, checked);
    let relations =
        checked.relations.iter().filter_map(|relation| Some((relation, tables.get(relation.table)?)));
    relations
        .flat_map(|(relation, table)| {
            if let (Some(joined), Some(reason)) = (&relation.home, uncountable) {
                return home(joined, checked, reason, rereads);
            }
            if let Some(stacked) = &relation.stacked {
                return stacks::of(table, relation, stacked, checked, groups, Rows { uncountable, rereads });
            }
            let keys: Vec<String> = checked.query.keys.iter().map(|key| key.column.name.clone()).collect();
            let selectors = selectors(checked, None);
            let behind = windows::behind(checked, table, relation, &keys);
            vec![Answers {
                table: table.name.clone(),
                datasets: table.datasets.iter().map(|source| source.reference.clone()).collect(),
                uncountable,
                rereads,
                is_stacked: false,
                incomparable: carries(checked).then_some(CARRIED),
                sql: if uncountable.is_none() {
                    let all = selectors.iter().chain(&behind).cloned().collect();
                    windows::sql(checked, table, relation, &keys, &all)
                } else {
                    String::new()
                },
                own: None,
                condition: relation.filter.clone().unwrap_or_default(),
                groups: match uncountable.is_none() && checked.query.has_public_groups && !keys.is_empty() {
                    true => Some(listed(groups, keys.len())),
                    false => None,
                },
                keys: keys.into_iter().map(|key| place(key, table, relation)).collect(),
                selectors: selectors.into_iter().map(|(selector, _)| selector).collect(),
                behind: behind.into_iter().map(|(selector, _)| selector).collect(),
            }]
        })
        .collect()
}

/// Of tables that are joined at home, about each of them: as nobody compares what is told of joined rows, their owner does
/// not, either.
fn home(joined: &HomeJoined, checked: &Checked, reason: &'static str, rereads: bool) -> Vec<Answers> {
    let selectors = selectors(checked, None).into_iter().map(|(selector, _)| selector);
    let selectors: Vec<Selector> = selectors.collect();
    let answers = |(table, dataset): (&str, &str)| Answers {
        table: table.to_owned(),
        datasets: vec![dataset.to_owned()],
        uncountable: Some(reason),
        rereads,
        is_stacked: false,
        incomparable: None,
        sql: String::new(),
        own: None,
        condition: String::new(),
        groups: None,
        keys: Vec::new(),
        selectors: selectors.clone(),
        behind: Vec::new(),
    };
    joined.reads().into_iter().map(answers).collect()
}

/// Whether a query asks about rows within others that it asks about, by CASE or by counting values.
pub(crate) fn has_parts(checked: &Checked) -> bool {
    selectors(checked, None).iter().any(|(selector, _)| selector.is_part())
}

/// Whether a query by itself may tell about few rows, which nobody can count where which rows take part is secret.
pub(crate) fn is_partial(tables: &[Table], checked: &Checked) -> bool {
    let selectors: Vec<Selector> =
        selectors(checked, None).into_iter().map(|(selector, _)| selector).collect();
    rereads(tables, checked) || are_partial(&selectors)
}

/// Whether other sets of the same rows than those that are shown are told of, in a way that is not asked about on shares.
fn rereads(tables: &[Table], checked: &Checked) -> bool {
    match &checked.join {
        Some(Joined::Windows(windows)) => windows.is_partial(&checked.query.aggregates),
        Some(Joined::Nested(nested)) => nested.is_partial(&checked.query),
        _ => reread::of(tables, checked) == Reread::Otherwise,
    }
}

/// Whether some rows can be subtracted from others.
fn are_partial(selectors: &[Selector]) -> bool {
    selectors.iter().any(|selector| match selector {
        Selector::Case(_) | Selector::Framed(_) => true,
        Selector::Counted(columns) => selectors.iter().any(|other| match other {
            Selector::Present(same) | Selector::Counted(same) => same != columns,
            Selector::Whole | Selector::Case(_) | Selector::Framed(_) | Selector::Under(_) => true,
        }),
        Selector::Whole | Selector::Present(_) | Selector::Under(_) => false,
    })
}

impl Selector {
    /// Whether what it takes is compared with what others take, of the same query as well.
    fn is_part(&self) -> bool {
        matches!(self, Self::Case(_) | Self::Framed(_) | Self::Counted(_))
    }
}

/// What a group column is called among selections. Where a row stands is another place in another version of its dataset,
/// so that two such places are no groups that have no row in common.
fn place(key: String, table: &Table, relation: &Relation) -> String {
    let is_across = |column: &OwnersColumn| column.name == key && !column.across.is_empty();
    match (relation.computed.iter().any(is_across), table.datasets.first()) {
        (true, Some(source)) => format!("{key} in {}", source.reference),
        _ => key,
    }
}

/// A row for each of FROM, in any order.
fn listed_rows(
    from: &str,
    condition: &str,
    keys: &[String],
    selectors: &[(Selector, Option<String>)],
) -> String {
    let truth = |condition: &str| format!("CASE WHEN {condition} THEN TRUE ELSE FALSE END");
    let mut columns = vec![format!("{} AS \"in\"", truth(condition))];
    let keys = keys.iter().enumerate();
    columns.extend(keys.map(|(n, key)| format!("CAST({} AS VARCHAR) AS \"key {n}\"", identifier(key))));
    let taken = selectors.iter().enumerate().map(|(n, (_, condition))| {
        format!("{} AS \"selector {n}\"", truth(condition.as_deref().unwrap_or("TRUE")))
    });
    columns.extend(taken);
    format!("SELECT {} FROM {from}", columns.join(", "))
}

/// Names each row by what it says, so that a row is found again in another version: 16 bytes of SHA-256 over all
/// columns, for the owner's own use.
///
/// # Errors
/// As [`local::run`].
pub async fn identities(
    dataset: &str,
    schema: &Schema,
    open: impl Fn() -> Batches + Send + Sync + 'static,
) -> Result<Vec<[u8; 16]>, LocalError> {
    let (name, schema) = (dataset.to_owned(), schema.clone());
    let work = move || async move {
        let columns: Vec<String> = schema
            .columns
            .iter()
            .enumerate()
            .map(|(n, column)| format!("CAST({} AS VARCHAR) AS c{n}", identifier(&column.name)))
            .collect();
        let sql = format!("SELECT {} FROM rows", columns.join(", "));
        let mut found = Vec::new();
        local::each_batch(&sql, "rows", &name, schema, open, |batch| {
            found.extend(names(batch));
            Ok(())
        })
        .await?;
        Ok(found)
    };
    let dataset = dataset.to_owned();
    deep::run(work).await.map_err(|reason| LocalError::NoThread { dataset, reason })?
}

fn names(batch: &RecordBatch) -> Vec<[u8; 16]> {
    let mut hashes = vec![Sha256::new(); batch.num_rows()];
    for column in batch.columns() {
        let Ok(texts) = arrow::compute::cast(column, &DataType::Utf8) else { continue };
        let texts: &StringArray = texts.as_string();
        for (hash, text) in hashes.iter_mut().zip(texts) {
            // Lengths keep neighbours apart, and tell NULL from an empty text.
            hash.update(text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
            hash.update(text.unwrap_or_default());
        }
    }
    let name = |hash: Sha256| {
        let digest: [u8; 32] = hash.finalize().into();
        let mut name = [0; 16];
        name.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        name
    };
    hashes.into_iter().map(name).collect()
}

/// The public groups' keys, cast as those of the rows are.
fn listed(groups: &Groups, keys: usize) -> String {
    let cast: Vec<String> = (0..keys).map(|n| format!("CAST(k{n} AS VARCHAR) AS \"key {n}\"")).collect();
    let names: Vec<String> = (0..keys).map(|n| format!("k{n}")).collect();
    format!("SELECT {} FROM (VALUES {}) AS g(n, {})", cast.join(", "), groups.values_list(), names.join(", "))
}

impl Answers {
    /// Whether its owner's SQL is of a depth that its parser reads.
    pub(crate) fn is_readable(&self) -> bool {
        self.uncountable.is_some() || local::is_readable(&self.sql)
    }

    /// Whether it may tell about few rows by itself: aggregates are over a part of a group that CASE chooses; values are
    /// counted beside other rows; or it reads the same rows twice. Where rows are countable, that is compared
    /// ([`Answers::compares_within`]); where they are not, nobody can tell.
    pub fn is_partial(&self) -> bool {
        self.rereads || are_partial(&self.selectors)
    }

    /// Whether some of what is asked is about rows within others that the same query asks about, so that it is to be
    /// compared even if nothing was answered before.
    pub fn compares_within(&self) -> bool {
        !self.behind.is_empty() || self.selectors.iter().any(Selector::is_part)
    }

    /// Sorts a dataset's rows at its owner's: the selections, and for each row, in the dataset's order,
    /// to which of them it belongs.
    ///
    /// # Errors
    /// As [`local::run`]; for the owner's own eyes.
    pub async fn select(
        &self,
        dataset: &str,
        schema: &Schema,
        open: impl Fn() -> Batches + Send + Sync + 'static,
    ) -> Result<Selected, LocalError> {
        let (answers, name, schema) = (self.clone(), dataset.to_owned(), schema.clone());
        let work = move || async move {
            let open = Arc::new(open);
            let mut selected = Selected { condition: answers.condition.clone(), ..Selected::default() };
            let mut places = BTreeMap::new();
            let shape = |batch: &RecordBatch| LocalError::Shape {
                dataset: name.clone(),
                column: 0,
                expected: "booleans and texts".to_owned(),
                found: batch.schema().to_string(),
            };
            if let Some(sql) = &answers.groups {
                let open = Arc::clone(&open);
                let groups = local::rows(sql, &answers.table, &name, schema.clone(), move || open()).await?;
                for batch in &groups {
                    answers.enter(batch, &mut selected, &mut places).ok_or_else(|| shape(batch))?;
                }
            } else if answers.keys.is_empty() {
                answers.enter_group(&[], &mut selected, &mut places);
            } else {
                selected.open_keys = Some(answers.keys.clone());
            }
            for selector in &answers.behind {
                let whole = Selection { group: Vec::new(), selector: selector.clone() };
                selected.place(whole, &mut places);
            }
            let read = |batch: &RecordBatch| {
                answers.read(batch, &mut selected, &mut places).ok_or_else(|| shape(batch))
            };
            local::each_batch(&answers.sql, &answers.table, &name, schema, move || open(), read).await?;
            Ok(selected)
        };
        let dataset = dataset.to_owned();
        deep::run(work).await.map_err(|reason| LocalError::NoThread { dataset, reason })?
    }

    /// Of a table that others stand below (UNION ALL): how many rows of a dataset the query takes in all groups together,
    /// for the selector of which that is fewest, but not none. Absent if it takes none, or nothing stands below.
    ///
    /// # Errors
    /// As [`local::run`]; for the owner's own eyes.
    pub async fn fewest(
        &self,
        dataset: &str,
        schema: &Schema,
        open: impl Fn() -> Batches + Send + Sync + 'static,
    ) -> Result<Option<u64>, LocalError> {
        let Some(sql) = self.own.clone() else { return Ok(None) };
        let (table, name, schema) = (self.table.clone(), dataset.to_owned(), schema.clone());
        let work = move || async move {
            let mut counts: Vec<u64> = Vec::new();
            let read = |batch: &RecordBatch| {
                counts.resize(batch.num_columns(), 0);
                for (place, column) in batch.columns().iter().enumerate() {
                    let rows = column.as_boolean_opt().map(BooleanArray::true_count);
                    let rows = rows.ok_or_else(|| LocalError::Shape {
                        dataset: name.clone(),
                        column: place as u16,
                        expected: "booleans".to_owned(),
                        found: column.data_type().to_string(),
                    })?;
                    if let Some(count) = counts.get_mut(place) {
                        *count += rows as u64;
                    }
                }
                Ok(())
            };
            local::each_batch(&sql, &table, &name, schema, open, read).await?;
            Ok(counts.into_iter().filter(|count| *count > 0).min())
        };
        let dataset = dataset.to_owned();
        deep::run(work).await.map_err(|reason| LocalError::NoThread { dataset, reason })?
    }

    /// Enters the groups that are listed, with or without rows.
    fn enter(
        &self,
        batch: &RecordBatch,
        selected: &mut Selected,
        known: &mut BTreeMap<Selection, u32>,
    ) -> Option<()> {
        let texts = texts(batch, 0..self.keys.len())?;
        for row in 0..batch.num_rows() {
            self.enter_group(&self.group(&texts, row), selected, known);
        }
        Some(())
    }

    fn enter_group(
        &self,
        group: &[(String, Option<String>)],
        selected: &mut Selected,
        known: &mut BTreeMap<Selection, u32>,
    ) {
        for selector in &self.selectors {
            selected.place(Selection { group: group.to_vec(), selector: selector.clone() }, known);
        }
    }

    fn group(&self, texts: &[StringArray], row: usize) -> Vec<(String, Option<String>)> {
        let value = |text: &StringArray| text.is_valid(row).then(|| text.value(row).to_owned());
        self.keys.iter().zip(texts).map(|(key, text)| (key.clone(), value(text))).collect()
    }

    fn read(
        &self,
        batch: &RecordBatch,
        selected: &mut Selected,
        known: &mut BTreeMap<Selection, u32>,
    ) -> Option<()> {
        let column = |place: usize| batch.columns().get(place).map(Arc::as_ref);
        let taken: &BooleanArray = column(0)?.as_boolean_opt()?;
        let texts = texts(batch, 1..1 + self.keys.len())?;
        let selectors: Vec<&BooleanArray> = (0..self.selectors.len() + self.behind.len())
            .map(|n| column(1 + self.keys.len() + n)?.as_boolean_opt())
            .collect::<Option<_>>()?;
        for row in 0..batch.num_rows() {
            let mut places = Vec::new();
            let parts = self.behind.iter().zip(selectors.iter().skip(self.selectors.len()));
            for (selector, _) in parts.filter(|(_, has_part)| has_part.value(row)) {
                let whole = Selection { group: Vec::new(), selector: selector.clone() };
                places.push(selected.place(whole, known));
            }
            if taken.value(row) {
                let group = self.group(&texts, row);
                for (selector, is_taken) in self.selectors.iter().zip(&selectors) {
                    if is_taken.value(row) {
                        places.push(
                            selected
                                .place(Selection { group: group.clone(), selector: selector.clone() }, known),
                        );
                    }
                }
            }
            selected.rows.push(places);
        }
        Some(())
    }
}

/// Columns of a batch as texts.
fn texts(batch: &RecordBatch, columns: Range<usize>) -> Option<Vec<StringArray>> {
    let text = |column: &Arc<dyn Array>| {
        Some(arrow::compute::cast(column, &DataType::Utf8).ok()?.as_string_opt()?.clone())
    };
    batch.columns().get(columns)?.iter().map(text).collect()
}

/// A dataset's rows, sorted into selections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// All selections where groups are public; those that have rows, where they are not.
    pub selections: Vec<Selection>,
    /// The group columns, where other owners may have groups that are not among the selections.
    pub open_keys: Option<Vec<String>>,
    /// For each row the selections that it belongs to.
    pub rows: Membership,
    /// The condition that rows must satisfy, as each owner evaluates it: with it, a selection is the same one over any
    /// owner's rows.
    pub condition: String,
}

impl Selected {
    fn place(&mut self, selection: Selection, places: &mut BTreeMap<Selection, u32>) -> u32 {
        // A dataset has fewer than 2^32 rows, and no more selections than rows times selectors are ever made.
        let next = self.selections.len() as u32;
        let place = *places.entry(selection.clone()).or_insert(next);
        if place == next {
            self.selections.push(selection);
        }
        place
    }
}
