//! Tables for people.

use comfy_table::{Attribute, Cell, CellAlignment, LineStyle, Table, TableStyle};

/// Nothing but a line under the heads.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table without borders; a column that holds only numbers is aligned to the right.
pub(crate) fn table<R: IntoIterator<Item = String>>(
    heads: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.into_iter().collect()).collect();
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(heads.iter().map(|head| Cell::new(head).add_attribute(Attribute::Bold)));
    let is_numeric = |column: usize| {
        let mut cells =
            rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.trim_end_matches('%').parse::<f64>().is_ok())
    };
    let numeric: Vec<bool> = (0..heads.len()).map(is_numeric).collect();
    for (column, _) in numeric.iter().enumerate().filter(|(_, numeric)| **numeric) {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.add_rows(rows);
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_the_right() {
        let text =
            table(&["name", "n"], [["a".to_owned(), "5".to_owned()], ["bcd".to_owned(), "123".to_owned()]]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.iter().any(|line| line.trim_end().ends_with("  5")), "{text}");
        assert!(lines.iter().any(|line| line.contains("bcd")), "{text}");
    }
}
