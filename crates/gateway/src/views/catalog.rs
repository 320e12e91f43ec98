//! What the system tables say: a schema with the views in it, their columns and types, one database, one role.

use std::sync::Arc;

use api::types::contracts::DescribedColumn;
use arrow::{
    array::{ArrayRef, BooleanArray, Int64Array, StringArray},
    datatypes::{DataType, Field, Schema},
    error::ArrowError,
    record_batch::RecordBatch,
};

use super::{
    SCHEMA, View,
    functions::{Known, SCHEMAS, system_number},
    system::{Kind, System},
};
use crate::{rows::kind, settings::SETTINGS, wire::Type};

/// The one role, which owns everything.
const OWNER: i64 = 10;
/// The access method that materialized views have.
const HEAP: i64 = 2;

/// A type as `pg_type` has it.
pub(super) struct KnownType {
    pub(super) oid: i64,
    pub(super) name: &'static str,
    /// As SQL calls it.
    pub(super) shown: &'static str,
    /// In bytes; −1 for one that varies.
    length: i64,
    category: &'static str,
}

#[rustfmt::skip]
pub(super) const TYPES: [KnownType; 18] = [
    KnownType { oid: 16, name: "bool", shown: "boolean", length: 1, category: "B" },
    KnownType { oid: 17, name: "bytea", shown: "bytea", length: -1, category: "U" },
    KnownType { oid: 18, name: "char", shown: "\"char\"", length: 1, category: "Z" },
    KnownType { oid: 19, name: "name", shown: "name", length: 64, category: "S" },
    KnownType { oid: 20, name: "int8", shown: "bigint", length: 8, category: "N" },
    KnownType { oid: 21, name: "int2", shown: "smallint", length: 2, category: "N" },
    KnownType { oid: 23, name: "int4", shown: "integer", length: 4, category: "N" },
    KnownType { oid: 25, name: "text", shown: "text", length: -1, category: "S" },
    KnownType { oid: 26, name: "oid", shown: "oid", length: 4, category: "N" },
    KnownType { oid: 700, name: "float4", shown: "real", length: 4, category: "N" },
    KnownType { oid: 701, name: "float8", shown: "double precision", length: 8, category: "N" },
    KnownType { oid: 1042, name: "bpchar", shown: "character", length: -1, category: "S" },
    KnownType { oid: 1043, name: "varchar", shown: "character varying", length: -1, category: "S" },
    KnownType { oid: 1082, name: "date", shown: "date", length: 4, category: "D" },
    KnownType { oid: 1083, name: "time", shown: "time without time zone", length: 8, category: "D" },
    KnownType { oid: 1114, name: "timestamp", shown: "timestamp without time zone", length: 8, category: "D" },
    KnownType { oid: 1184, name: "timestamptz", shown: "timestamp with time zone", length: 8, category: "D" },
    KnownType { oid: 1700, name: "numeric", shown: "numeric", length: -1, category: "N" },
];

/// A value of a system table.
enum Cell {
    Number(i64),
    Truth(bool),
    Text(String),
}

/// The columns that a row does not leave as they are: 0, false and NULL.
type Row = Vec<(&'static str, Cell)>;

fn number(name: &'static str, value: i64) -> (&'static str, Cell) {
    (name, Cell::Number(value))
}

fn truth(name: &'static str, value: bool) -> (&'static str, Cell) {
    (name, Cell::Truth(value))
}

fn text(name: &'static str, value: impl Into<String>) -> (&'static str, Cell) {
    (name, Cell::Text(value.into()))
}

/// Whether a system table tells of the columns of views.
pub(super) fn needs_columns(table: &System) -> bool {
    matches!(table.name, "pg_attribute" | "pg_class" | "pg_description")
}

/// A system table's rows; `columns` are those of the views, in their order, where they are needed.
pub(super) fn batch(
    table: &System,
    known: &Known,
    columns: &[Vec<DescribedColumn>],
) -> Result<RecordBatch, ArrowError> {
    let rows = if table.is_empty { Vec::new() } else { rows(table.name, known, columns) };
    let mut fields = Vec::new();
    let mut arrays = Vec::<ArrayRef>::new();
    for (name, kind) in table.columns() {
        let cells =
            rows.iter().map(|row| row.iter().find(|(column, _)| *column == name).map(|(_, cell)| cell));
        let (data_type, array): (_, ArrayRef) = match kind {
            Kind::Number => {
                let number = |cell: Option<&Cell>| match cell {
                    Some(Cell::Number(number)) => *number,
                    _ => 0,
                };
                (DataType::Int64, Arc::new(Int64Array::from_iter_values(cells.map(number))))
            }
            Kind::Truth => {
                let truth = |cell: Option<&Cell>| Some(matches!(cell, Some(Cell::Truth(true))));
                (DataType::Boolean, Arc::new(cells.map(truth).collect::<BooleanArray>()))
            }
            Kind::Text => {
                let text = |cell: Option<&Cell>| match cell {
                    Some(Cell::Text(text)) => Some(text.clone()),
                    _ => None,
                };
                (DataType::Utf8, Arc::new(cells.map(text).collect::<StringArray>()))
            }
        };
        fields.push(Field::new(name, data_type, true));
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

fn rows(table: &str, known: &Known, columns: &[Vec<DescribedColumn>]) -> Vec<Row> {
    let views = || known.views.iter();
    let described = || known.views.iter().zip(columns);
    match table {
        "pg_am" => vec![vec![number("oid", HEAP), text("amname", "heap"), text("amtype", "t")]],
        "pg_attribute" => described().flat_map(|(view, columns)| attributes(view, columns)).collect(),
        "pg_class" => described().map(|(view, columns)| class(view, columns.len())).collect(),
        "pg_database" => vec![database(&known.database)],
        "pg_description" => {
            let class = system_number("pg_class").unwrap_or_default();
            let of_view = |view: &View| {
                let about = [number("objoid", view.oid), number("classoid", class), number("objsubid", 0)];
                about.into_iter().chain([text("description", view.comment())]).collect()
            };
            views().map(of_view).collect()
        }
        "pg_matviews" => views().map(|view| materialized(view, &known.member)).collect(),
        "pg_namespace" => {
            let row = |(oid, name): &(i64, &str)| {
                vec![number("oid", *oid), text("nspname", *name), number("nspowner", OWNER)]
            };
            SCHEMAS.iter().map(row).collect()
        }
        "schemata" => {
            let row = |(_, name): &(i64, &str)| {
                vec![
                    text("catalog_name", known.database.as_str()),
                    text("schema_name", *name),
                    text("schema_owner", known.member.as_str()),
                ]
            };
            SCHEMAS.iter().map(row).collect()
        }
        "pg_roles" => vec![vec![
            number("oid", OWNER),
            text("rolname", known.member.as_str()),
            truth("rolinherit", true),
            truth("rolcanlogin", true),
            number("rolconnlimit", -1),
        ]],
        "pg_user" => vec![vec![text("usename", known.member.as_str()), number("usesysid", OWNER)]],
        "pg_settings" => {
            let row = |(name, value): &(&'static str, &'static str)| {
                vec![text("name", *name), text("setting", *value), text("vartype", "string")]
            };
            SETTINGS.iter().map(row).collect()
        }
        "pg_tablespace" => {
            vec![vec![number("oid", 1663), text("spcname", "pg_default"), number("spcowner", OWNER)]]
        }
        "pg_type" => TYPES.iter().map(type_row).collect(),
        _ => Vec::new(),
    }
}

fn class(view: &View, columns: usize) -> Row {
    vec![
        number("oid", view.oid),
        text("relname", view.name.as_str()),
        number("relnamespace", 2200),
        number("relowner", OWNER),
        number("relam", HEAP),
        number("reltuples", -1),
        text("relpersistence", "p"),
        text("relkind", "m"),
        number("relnatts", i64::try_from(columns).unwrap_or(i64::MAX)),
        truth("relhasrules", true),
        truth("relispopulated", view.contract.last_completed.is_some()),
        text("relreplident", "d"),
    ]
}

fn materialized(view: &View, member: &str) -> Row {
    vec![
        text("schemaname", SCHEMA),
        text("matviewname", view.name.as_str()),
        text("matviewowner", member),
        truth("ispopulated", view.contract.last_completed.is_some()),
        text("definition", view.contract.contract.computation.sql.as_str()),
    ]
}

fn attributes(view: &View, columns: &[DescribedColumn]) -> Vec<Row> {
    let attribute = |(place, column): (usize, &DescribedColumn)| {
        let kind = kind(&column.kind, column.is_wide);
        let (oid, length) = kind.code();
        let storage = match kind {
            Type::Text => "x",
            Type::Numeric => "m",
            _ => "p",
        };
        vec![
            number("attrelid", view.oid),
            text("attname", column.name.as_str()),
            number("atttypid", i64::from(oid)),
            number("attlen", i64::from(length)),
            number("attnum", i64::try_from(place).unwrap_or(i64::MAX - 1) + 1),
            number("attcacheoff", -1),
            number("atttypmod", -1),
            truth("attbyval", length > 0),
            text("attalign", if length == 8 { "d" } else { "i" }),
            text("attstorage", storage),
            text("attcompression", ""),
            text("attidentity", ""),
            text("attgenerated", ""),
            truth("attislocal", true),
            number("attstattarget", -1),
            number("attcollation", if kind == Type::Text { 100 } else { 0 }),
        ]
    };
    columns.iter().enumerate().map(attribute).collect()
}

fn database(name: &str) -> Row {
    vec![
        number("oid", 5),
        text("datname", name),
        number("datdba", OWNER),
        number("encoding", 6),
        text("datlocprovider", "c"),
        truth("datallowconn", true),
        number("datconnlimit", -1),
        number("dattablespace", 1663),
        text("datcollate", "C"),
        text("datctype", "C"),
    ]
}

fn type_row(kind: &KnownType) -> Row {
    let is_text = kind.category == "S";
    vec![
        number("oid", kind.oid),
        text("typname", kind.name),
        number("typnamespace", 11),
        number("typowner", OWNER),
        number("typlen", kind.length),
        truth("typbyval", (1..=8).contains(&kind.length)),
        text("typtype", "b"),
        text("typcategory", kind.category),
        truth("typisdefined", true),
        text("typdelim", ","),
        text("typinput", format!("{}in", kind.name)),
        text("typoutput", format!("{}out", kind.name)),
        text("typalign", if kind.length == 8 { "d" } else { "i" }),
        text("typstorage", if kind.length == -1 { "x" } else { "p" }),
        number("typtypmod", -1),
        number("typcollation", if is_text { 100 } else { 0 }),
    ]
}
