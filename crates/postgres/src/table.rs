//! The table to be read: its columns with their types, and the one statement that reads it.

use tokio_postgres::{
    Client, Column,
    types::{Kind, Type},
};
use vault::Location;

use crate::{PostgresError, cell::Form, error::About};

/// A column that can be computed on.
#[derive(Clone, Debug)]
pub(crate) struct TableColumn {
    pub(crate) name: String,
    pub(crate) form: Form,
}

/// What is read of a table, and how.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) columns: Vec<TableColumn>,
    /// How many of them were asked for; those that follow are read for the order alone.
    pub(crate) shown: usize,
    /// Places of the key's columns among them.
    pub(crate) key: Vec<usize>,
    /// The `COPY` that reads it in order.
    pub(crate) copy: String,
}

impl Table {
    /// Asks the server for the table's columns: those named, or all.
    pub(crate) async fn find(
        session: &Client,
        location: &Location,
        wanted: Option<&[String]>,
        about: &About,
    ) -> Result<Self, PostgresError> {
        let table = &location.table;
        let from = qualified(table)?;
        let list = match wanted {
            Some(names) => {
                let order_only = location.order_by.iter().filter(|column| !names.contains(column));
                names.iter().chain(order_only).map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
            }
            None => "*".to_owned(),
        };
        let described = session.prepare(&format!("SELECT {list} FROM {from}")).await;
        let described = described.map_err(|error| about.opening(&error))?;
        let mut columns = Vec::with_capacity(described.columns().len());
        for column in described.columns() {
            columns.push(TableColumn { name: column.name().to_owned(), form: form(table, column)? });
        }
        let key = key(location, &columns)?;
        let order = key.iter().filter_map(|place| {
            let column = described.columns().get(*place)?;
            Some(ordered(&quoted(column.name()), column.type_()))
        });
        let order = order.collect::<Vec<_>>().join(", ");
        let list = columns.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ");
        let shown = wanted.map_or(columns.len(), <[String]>::len);
        let copy = format!("COPY (SELECT {list} FROM {from} ORDER BY {order}) TO STDOUT (FORMAT binary)");
        Ok(Self { columns, shown, key, copy })
    }
}

/// Finds the key's columns among the table's.
fn key(location: &Location, columns: &[TableColumn]) -> Result<Vec<usize>, PostgresError> {
    let table = || location.table.clone();
    if location.order_by.is_empty() {
        return Err(PostgresError::NoKey { table: table() });
    }
    let place = |name: &String| {
        let place = columns.iter().position(|column| column.name == *name).ok_or_else(|| {
            let known = columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
            PostgresError::UnknownKey { table: table(), column: name.clone(), known }
        })?;
        match columns.get(place).map(|column| column.form) {
            // -0.0 and 0.0 compare as equal.
            Some(Form::Float4 | Form::Float8) | None => {
                Err(PostgresError::KeyType { table: table(), column: name.clone() })
            }
            Some(_) => Ok(place),
        }
    };
    location.order_by.iter().map(place).collect()
}

/// A column to order by. Texts go by their bytes: collations differ between machines, and between releases of the
/// libraries that define them. Names of an enumeration go so too, as their own order may be changed.
fn ordered(column: &str, kind: &Type) -> String {
    match base(kind) {
        (Form::Text | Form::Padded, true) => format!(r#"{column}::text COLLATE "C""#),
        (Form::Text | Form::Padded, false) => format!(r#"{column} COLLATE "C""#),
        _ => column.to_owned(),
    }
}

/// A type's form without a scale, and whether it is an enumeration; anything but text in place of what has no form.
fn base(kind: &Type) -> (Form, bool) {
    match kind.kind() {
        Kind::Enum(_) => (Form::Text, true),
        Kind::Domain(inner) => base(inner),
        _ if [Type::TEXT, Type::VARCHAR, Type::NAME].contains(kind) => (Form::Text, false),
        _ if *kind == Type::BPCHAR => (Form::Padded, false),
        _ => (Form::Boolean, false),
    }
}

fn form(table: &str, column: &Column) -> Result<Form, PostgresError> {
    form_of(column.type_(), column.type_modifier()).ok_or_else(|| PostgresError::ColumnType {
        table: table.to_owned(),
        column: column.name().to_owned(),
        found: column.type_().name().to_owned(),
        advice: advice(column.type_()),
    })
}

fn form_of(kind: &Type, modifier: i32) -> Option<Form> {
    match kind.kind() {
        Kind::Enum(_) => return Some(Form::Text),
        // A domain's own modifier is not told; without it a number has no fixed scale.
        Kind::Domain(inner) => return form_of(inner, -1),
        _ => {}
    }
    Some(match *kind {
        Type::BOOL => Form::Boolean,
        Type::INT2 => Form::Integer2,
        Type::INT4 => Form::Integer4,
        Type::INT8 => Form::Integer8,
        Type::NUMERIC => Form::Numeric(scale(modifier)),
        Type::FLOAT4 => Form::Float4,
        Type::FLOAT8 => Form::Float8,
        Type::TEXT | Type::VARCHAR | Type::NAME => Form::Text,
        Type::BPCHAR => Form::Padded,
        Type::DATE => Form::Date,
        Type::TIMESTAMP => Form::Timestamp,
        _ => return None,
    })
}

/// The scale in a numeric's type modifier (`numerictypmodin`: 11 bits, signed); `None` without one, or when it is
/// beyond what a decimal column has.
fn scale(modifier: i32) -> Option<u8> {
    let bits = modifier.checked_sub(4).filter(|bits| *bits >= 0)? & 0x7ff;
    let scale = (bits ^ 1024) - 1024;
    u8::try_from(scale.max(0)).ok().filter(|scale| *scale <= 18)
}

fn advice(kind: &Type) -> &'static str {
    match *kind {
        Type::TIMESTAMPTZ => {
            "write `… AT TIME ZONE 'UTC'` in a view, which is a timestamp without time zone, and link the view"
        }
        Type::TIME | Type::TIMETZ | Type::INTERVAL => {
            "cast it in a view, for example `extract(epoch FROM …)::bigint` to seconds, and link the view"
        }
        Type::MONEY => "cast it to `numeric(15, 2)` in a view, and link the view",
        Type::UUID | Type::JSON | Type::JSONB | Type::XML | Type::INET | Type::CIDR => {
            "cast it to text in a view, or leave it out there, and link the view"
        }
        _ => {
            "cast it to a boolean, number, text, date or timestamp in a view, or leave it out there, and link the view"
        }
    }
}

/// `schema.table` for a statement.
fn qualified(table: &str) -> Result<String, PostgresError> {
    let parts: Vec<_> = table.split('.').collect();
    match parts.as_slice() {
        [schema, name] if !schema.is_empty() && !name.is_empty() && !table.contains(['"', '\0']) => {
            Ok(format!("{}.{}", quoted(schema), quoted(name)))
        }
        _ => Err(PostgresError::TableName { table: table.chars().take(200).collect() }),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(qualified("clinic.Visits 2024").unwrap(), r#""clinic"."Visits 2024""#);
        assert_eq!(quoted(r#"a"; DROP"#), r#""a""; DROP""#);
        for table in ["visits", "a.b.c", ".b", "a.", "", r#"a."b""#, "a.b\0"] {
            assert!(matches!(qualified(table), Err(PostgresError::TableName { .. })), "{table}");
        }
    }

    #[test]
    fn scales_are_read_from_type_modifiers() {
        let modifier = |precision: i32, scale: i32| ((precision << 16) | (scale & 0x7ff)) + 4;
        assert_eq!(scale(modifier(10, 2)), Some(2));
        assert_eq!(scale(modifier(10, 0)), Some(0));
        assert_eq!(scale(modifier(5, -3)), Some(0), "thousands are integers");
        assert_eq!(scale(modifier(38, 19)), None);
        assert_eq!(scale(-1), None);
    }

    #[test]
    fn texts_are_ordered_by_their_bytes() {
        assert_eq!(ordered(r#""a""#, &Type::VARCHAR), r#""a" COLLATE "C""#);
        assert_eq!(ordered(r#""a""#, &Type::INT4), r#""a""#);
    }
}
