//! A run's result as a table.

use api::types::runs::{ResultColumn, RunResult};
use serde_json::Value;

use super::table;

/// The result's rows, then what the floor held back.
pub(crate) fn result_table(result: &RunResult) -> String {
    let heads: Vec<String> = result
        .columns
        .iter()
        .map(|column| match column.unit.as_str() {
            "" => column.name.clone(),
            unit => format!("{} [{unit}]", column.name),
        })
        .collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let rows = result.rows.iter().map(|row| row.iter().map(cell_text).collect::<Vec<_>>());
    let mut text = table(&heads, rows);
    let rounded: Vec<String> = result.columns.iter().filter_map(rounded).collect();
    if !rounded.is_empty() {
        text.push_str(&format!("\nrounded: {}", rounded.join("; ")));
    }
    if !result.suppressed.is_empty() {
        let groups: Vec<_> = result.suppressed.iter().map(|key| group_text(key)).collect();
        text.push_str(&format!(
            "\nnot opened, because they cover fewer than {} rows: {}",
            result.floor_rows,
            groups.join("; ")
        ));
    }
    text
}

/// How far a column's cells can be from exact ones.
fn rounded(column: &ResultColumn) -> Option<String> {
    let error = column.error?;
    let relative =
        Some(error.relative).filter(|part| *part > 0.0).map(|part| format!("{part:.1e} of its value"));
    let parts: Vec<String> = relative.into_iter().chain([format!("{:.1e}", error.absolute)]).collect();
    Some(format!("`{}` within {}", column.name, parts.join(" and ")))
}

/// One cell as people read it; approximate numbers with six significant digits or two decimals, whichever is more.
fn cell_text(cell: &Value) -> String {
    match cell {
        Value::Null => "NULL".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => integer.to_string(),
            (None, Some(real)) => real_text(real),
            (None, None) => number.to_string(),
        },
        Value::Object(_) | Value::Array(_) => "withheld".to_owned(),
    }
}

fn real_text(real: f64) -> String {
    let magnitude = if real == 0.0 { 0.0 } else { real.abs().log10().floor() };
    let decimals = (5.0 - magnitude).clamp(2.0, 12.0) as usize;
    format!("{real:.decimals$}")
}

fn group_text(key: &[Option<String>]) -> String {
    let parts: Vec<_> = key.iter().map(|part| part.as_deref().unwrap_or("NULL")).collect();
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_read_well() {
        let cells = [
            json!(null),
            json!(3),
            json!("12.50"),
            json!(113706.51234),
            json!(0.004512345),
            json!({"withheld": true}),
        ];
        let texts: Vec<_> = cells.iter().map(cell_text).collect();
        assert_eq!(texts, ["NULL", "3", "12.50", "113706.51", "0.00451235", "withheld"]);
    }
}
