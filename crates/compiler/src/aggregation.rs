//! The aggregation within a local stage, as SQL: keys and values computed row by row, each distinct one once and under
//! a name of its own, and then aggregated by key.
//!
//! Aggregates of plain columns of different names stay different, whatever an optimiser makes of them; aggregates of
//! expressions can be rewritten to one name (`COUNT(x)` and `COUNT(CAST(x AS …))`), which DataFusion then refuses.

use crate::sql::identifier;

/// An aggregate as a stage takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) function: &'static str,
    /// The value, as SQL over a row; `None` for all rows.
    pub(crate) of: Option<String>,
    /// Whether each value counts once.
    pub(crate) is_distinct: bool,
}

/// `SELECT keys, aggregates FROM … WHERE … GROUP BY keys`.
pub(crate) struct Aggregation {
    /// `table AS alias`, as SQL.
    pub(crate) from: String,
    /// Conditions that all must hold, as SQL.
    pub(crate) filters: Vec<String>,
    /// Name and SQL over a row.
    pub(crate) keys: Vec<(String, String)>,
    /// Name and what is taken.
    pub(crate) calls: Vec<(String, Call)>,
}

impl Aggregation {
    /// As SQL.
    pub(crate) fn sql(&self) -> String {
        let mut values: Vec<&str> = Vec::new();
        let mut outer: Vec<String> = self.keys.iter().map(|(name, _)| identifier(name)).collect();
        let by = outer.join(", ");
        for (name, Call { function, of, is_distinct }) in &self.calls {
            let of = of.as_deref().map(|of| match values.iter().position(|known| *known == of) {
                Some(place) => value(place),
                None => {
                    values.push(of);
                    value(values.len() - 1)
                }
            });
            let distinct = if *is_distinct { "DISTINCT " } else { "" };
            let of = of.as_deref().unwrap_or("*");
            outer.push(format!("{function}({distinct}{of}) AS {}", identifier(name)));
        }
        let keys = self.keys.iter().map(|(name, sql)| format!("{sql} AS {}", identifier(name)));
        let values = values.iter().enumerate().map(|(place, sql)| format!("{sql} AS {}", value(place)));
        let mut inner: Vec<String> = keys.chain(values).collect();
        if inner.is_empty() {
            // Rows that are only counted.
            inner.push("1 AS \"row\"".to_owned());
        }
        let mut sql = format!(
            "    SELECT\n      {}\n    FROM (\n      SELECT\n        {}\n      FROM {}",
            outer.join(",\n      "),
            inner.join(",\n        "),
            self.from
        );
        if !self.filters.is_empty() {
            sql.push_str(&format!("\n      WHERE {}", self.filters.join(" AND ")));
        }
        sql.push_str("\n    ) AS r");
        if !by.is_empty() {
            sql.push_str(&format!("\n    GROUP BY {by}"));
        }
        sql
    }
}

fn value(place: usize) -> String {
    identifier(&format!("value {}", place + 1))
}
