//! The one catalog query that is answered: psql asks by it for `\\gdesc` what the types of described columns are called
//! (`DescribeQuery` in its `common.c`). All that it says comes from the question itself.

use crate::{rows::Table, wire::Type};

/// Columns that PostgreSQL has in a result at most.
const COLUMNS_MAX: usize = 1664;

/// Names of columns with their types' OIDs, and the titles that the answer is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypeNames {
    titles: [String; 2],
    columns: Vec<(String, u32)>,
}

impl TypeNames {
    /// Reads the query, blanks aside; `None` when it is another.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut rest = Rest(text);
        rest.is("SELECT name AS")?;
        let name = rest.quoted('"')?;
        rest.is(", pg_catalog.format_type(tp, tpm) AS")?;
        let kind = rest.quoted('"')?;
        rest.is("FROM (VALUES")?;
        let mut columns = Vec::new();
        loop {
            rest.is("(")?;
            let name = rest.quoted('\'')?;
            rest.is(",")?;
            let oid = rest.quoted('\'')?.parse().ok()?;
            rest.is("::pg_catalog.oid, -1)")?;
            columns.push((name, oid));
            if columns.len() > COLUMNS_MAX {
                return None;
            }
            if rest.is(",").is_none() {
                break;
            }
        }
        rest.is(") s(name, tp, tpm)")?;
        rest.is(";");
        rest.0.trim().is_empty().then_some(Self { titles: [name, kind], columns })
    }

    pub(crate) fn table(&self) -> Table {
        let columns = self.titles.iter().map(|title| (title.clone(), Type::Text));
        let row = |(name, oid): &(String, u32)| vec![Some(name.clone()), Some(type_name(*oid).to_owned())];
        Table { columns: columns.collect(), rows: self.columns.iter().map(row).collect() }
    }
}

/// As PostgreSQL's `format_type` calls the types that results have.
fn type_name(oid: u32) -> &'static str {
    match oid {
        16 => "boolean",
        20 => "bigint",
        25 => "text",
        701 => "double precision",
        1082 => "date",
        1114 => "timestamp without time zone",
        1700 => "numeric",
        _ => "???",
    }
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// Takes these signs and words, between which blanks may stand.
    fn is(&mut self, expected: &str) -> Option<()> {
        let mut rest = self.0;
        for sign in expected.chars().filter(|sign| !sign.is_whitespace()) {
            rest = rest.trim_start().strip_prefix(sign)?;
        }
        self.0 = rest;
        Some(())
    }

    /// Takes a text in quotes, in which a quote is doubled.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut rest = self.0.trim_start().strip_prefix(quote)?;
        let mut text = String::new();
        loop {
            let (part, after) = rest.split_once(quote)?;
            text.push_str(part);
            match after.strip_prefix(quote) {
                Some(after) => {
                    text.push(quote);
                    rest = after;
                }
                None => {
                    self.0 = after;
                    return Some(text);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psql_is_told_what_types_are_called() {
        let asked = "SELECT name AS \"Column\", pg_catalog.format_type(tp, tpm) AS \"Type\"\nFROM (VALUES ('it''s','25'::pg_catalog.oid, -1),('n','20'::pg_catalog.oid, -1)) s(name, tp, tpm)";
        let table = TypeNames::read(asked).unwrap().table();
        let row = |cells: [&str; 2]| cells.map(|cell| Some(cell.to_owned())).to_vec();
        assert_eq!(table.rows, [row(["it's", "text"]), row(["n", "bigint"])]);
        assert_eq!(table.columns[1].0, "Type");
        for other in [
            asked.replace("format_type", "pg_get_expr"),
            asked.replace("s(name", "s(other"),
            asked.replace("-1)) s", "-1)) s WHERE true"),
            format!("{asked} UNION SELECT 1"),
            asked.replace("'25'", "'x'"),
            asked[..asked.len() - 30].to_owned(),
        ] {
            assert_eq!(TypeNames::read(&other), None, "{other}");
        }
    }
}
