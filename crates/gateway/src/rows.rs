//! Results as rows of PostgreSQL's text format.

use api::types::contracts::ContractView;
use api::types::runs::RunResult;
use serde_json::Value;

use crate::{
    ask::receives,
    refusal::{FAILED, NOT_SUPPORTED, Refusal},
    wire::Type,
};

/// Columns by name and type.
pub(crate) type Columns = Vec<(String, Type)>;
/// A row of texts; `None` is NULL.
pub(crate) type Row = Vec<Option<String>>;

/// A table of texts with the types of its columns.
pub(crate) struct Table {
    pub(crate) columns: Columns,
    pub(crate) rows: Vec<Row>,
}

/// The type of a result column from its word in the API; integers that need more than 64 bits are numerics.
pub(crate) fn kind(word: &str, is_wide: bool) -> Type {
    match word {
        "boolean" => Type::Boolean,
        "integer" if !is_wide => Type::Integer,
        "integer" | "decimal" => Type::Numeric,
        "real" => Type::Float,
        "date" => Type::Date,
        "timestamp" => Type::Timestamp,
        _ => Type::Text,
    }
}

impl Table {
    /// A run's result. What a floor held back is NULL; [`held_back`] says so.
    pub(crate) fn of_result(result: &RunResult) -> Self {
        let columns = result.columns.iter().enumerate().map(|(place, column)| {
            let cells = || result.rows.iter().filter_map(|row| row.get(place));
            (column.name.clone(), kind(&column.kind, !cells().all(fits)))
        });
        let columns: Columns = columns.collect();
        let text = |(place, value): (usize, &Value)| match columns.get(place) {
            // As PostgreSQL's DateStyle ISO has it.
            Some((_, Type::Timestamp)) => cell(value).map(|text| text.replacen('T', " ", 1)),
            _ => cell(value),
        };
        let rows = result.rows.iter().map(|row| row.iter().enumerate().map(text).collect()).collect();
        Self { columns, rows }
    }

    /// With the columns that were described before it ran: an integer that happens to fit is still of the type that was told.
    pub(crate) fn held_to(self, columns: &Columns) -> Result<Self, Refusal> {
        let is_so = |((name, found), (described, kind)): (&(String, Type), &(String, Type))| {
            name == described && (found == kind || (*found == Type::Integer && *kind == Type::Numeric))
        };
        if self.columns.len() == columns.len() && self.columns.iter().zip(columns).all(is_so) {
            return Ok(Self { columns: columns.clone(), ..self });
        }
        let message = "the result has other columns than its contract describes";
        Err(Refusal::new(FAILED, message, "is the node of the same release as this gateway?"))
    }

    /// A SELECT's rows with the columns that it was described to have. Every value can be told as text, an integer as a
    /// number.
    pub(crate) fn described_as(self, columns: &Columns) -> Result<Self, Refusal> {
        let is_so = |((name, found), (described, kind)): (&(String, Type), &(String, Type))| {
            let is_wider = *kind == Type::Text || (*found == Type::Integer && *kind == Type::Numeric);
            name == described && (found == kind || is_wider)
        };
        if self.columns.len() == columns.len() && self.columns.iter().zip(columns).all(is_so) {
            return Ok(Self { columns: columns.clone(), ..self });
        }
        Err(plan_changed())
    }

    /// One row of one text.
    pub(crate) fn of_setting(name: &str, value: &str) -> Self {
        Self { columns: vec![(name.to_owned(), Type::Text)], rows: vec![vec![Some(value.to_owned())]] }
    }

    /// What may be asked: the contracts that name this member as receiver.
    pub(crate) fn of_contracts(contracts: &[ContractView], member: &str) -> Self {
        let columns = [
            ("contract", Type::Text),
            ("title", Type::Text),
            ("state", Type::Text),
            ("uses_left", Type::Integer),
            ("sql", Type::Text),
        ];
        let received = contracts.iter().filter(|view| receives(view, member));
        let rows = received.map(|view| {
            let left = view.contract.limits.runs.saturating_sub(view.runs_taken);
            let cells = [
                view.id.clone(),
                view.contract.title.clone(),
                view.state.clone(),
                left.to_string(),
                view.contract.computation.sql.clone(),
            ];
            cells.into_iter().map(Some).collect()
        });
        Self { columns: columns.map(|(name, kind)| (name.to_owned(), kind)).to_vec(), rows: rows.collect() }
    }
}

/// PostgreSQL's own words and routine, by which drivers know that they have to prepare a statement again.
pub(crate) fn plan_changed() -> Refusal {
    let message = "cached plan must not change result type";
    Refusal::new(NOT_SUPPORTED, message, "prepare the statement again").of_routine("RevalidateCachedQuery")
}

/// What the floor held back, in words.
pub(crate) fn held_back(result: &RunResult) -> Option<String> {
    let cells = result.rows.iter().flatten().filter(|cell| cell.is_object()).count();
    let mut parts = Vec::new();
    if !result.suppressed.is_empty() {
        let group = |key: &Vec<Option<String>>| {
            key.iter().map(|part| part.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join(" · ")
        };
        let groups: Vec<_> = result.suppressed.iter().map(group).collect();
        parts.push(format!(
            "not opened, because they cover fewer than {} rows: {}",
            result.floor_rows,
            groups.join("; ")
        ));
    }
    if cells > 0 {
        parts.push(format!(
            "{cells} cells are NULL because they cover fewer than {} values",
            result.floor_rows
        ));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn fits(cell: &Value) -> bool {
    match cell {
        Value::String(text) => text.parse::<i64>().is_ok(),
        Value::Number(number) => number.is_i64(),
        _ => true,
    }
}

/// A value in text; what was held back is NULL.
pub(crate) fn cell(cell: &Value) -> Option<String> {
    match cell {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(if *value { "t" } else { "f" }.to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
