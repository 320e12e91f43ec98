//! Functions of PostgreSQL's catalog, and which of DataFusion's own a statement may call.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, BooleanArray, Int64Array, StringArray},
    datatypes::DataType,
};
use datafusion::{
    common::Result,
    error::DataFusionError,
    execution::SessionStateDefaults,
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
    },
};

use super::{SCHEMA, View, exact, results, system};
use crate::settings;

/// `||`, of which PostgreSQL has one for every type.
pub(super) const CONCAT: &str = "textcat";
/// A pattern with another letter before what stands for itself, as one with a backslash.
pub(super) const LIKE_PATTERN: &str = "like_pattern";
/// A cast to text, as PostgreSQL writes values.
pub(super) const AS_TEXT: &str = "as_text";
/// What a cast of a relation's number to text says.
pub(super) const RELATION_NAME: &str = "relation_name";
/// The same for a schema's.
pub(super) const SCHEMA_NAME: &str = "schema_name";

/// Bytes of a column that one call makes at most: texts that are put together can grow without end.
const COLUMN_BYTES_MAX: usize = 16 << 20;

/// What the catalog's functions know.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) database: String,
    /// The member's name: user, role, and owner of everything.
    pub(super) member: String,
    pub(super) views: Arc<Vec<View>>,
}

/// DataFusion's functions that a statement may call: none that reads anything but its arguments, and none that makes a long
/// text of a short one (`repeat`, `lpad`, `replace`).
const OFFERED: &[&str] = &[
    "abs",
    "acos",
    "ascii",
    "asin",
    "atan",
    "atan2",
    "bit_length",
    "btrim",
    "cbrt",
    "ceil",
    "character_length",
    "chr",
    "coalesce",
    "contains",
    "cos",
    "cosh",
    "cot",
    "current_date",
    "current_time",
    "date_bin",
    "date_part",
    "date_trunc",
    "degrees",
    "ends_with",
    "exp",
    "factorial",
    "floor",
    "gcd",
    "greatest",
    "initcap",
    "isnan",
    "iszero",
    "lcm",
    "least",
    "left",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "make_date",
    "nanvl",
    "now",
    "nullif",
    "nvl",
    "nvl2",
    "octet_length",
    "pi",
    "power",
    "radians",
    "random",
    "regexp_count",
    "regexp_like",
    "reverse",
    "right",
    "round",
    "rtrim",
    "signum",
    "sin",
    "sinh",
    "split_part",
    "sqrt",
    "starts_with",
    "strpos",
    "substr",
    "tan",
    "tanh",
    "to_date",
    "to_timestamp",
    "translate",
    "trunc",
    "upper",
];

/// All functions that a statement may call.
pub(super) fn offered(known: &Known) -> Vec<Arc<ScalarUDF>> {
    let own = SessionStateDefaults::default_scalar_functions();
    let mut functions: Vec<_> =
        own.into_iter().filter(|function| OFFERED.contains(&function.name())).collect();
    functions.extend(catalog(known).into_iter().map(Arc::new));
    functions.extend(exact::functions().map(Arc::new));
    functions
}

/// What an argument or a result is.
type Cell = Option<String>;
type Work = Arc<dyn Fn(&[Option<&str>]) -> Cell + Send + Sync>;

/// A function of texts that is called for each row.
struct Catalog {
    name: &'static str,
    returns: DataType,
    signature: Signature,
    work: Work,
}

fn catalog(known: &Known) -> Vec<ScalarUDF> {
    let mut all = Vec::new();
    let mut add = |names: &[&'static str], returns: &DataType, work: Work| {
        let signature = Signature::one_of(
            vec![TypeSignature::Nullary, TypeSignature::VariadicAny],
            // Never folded beside others' arguments; a statement's own views are all that is known.
            Volatility::Stable,
        );
        for name in names {
            let function = Catalog {
                name,
                returns: returns.clone(),
                signature: signature.clone(),
                work: Arc::clone(&work),
            };
            all.push(ScalarUDF::from(function));
        }
    };
    let (text, number, truth) = (DataType::Utf8, DataType::Int64, DataType::Boolean);
    let fixed = |value: &str| -> Work {
        let value = value.to_owned();
        Arc::new(move |_: &[Option<&str>]| Some(value.clone()))
    };
    let nothing: Work = Arc::new(|_: &[Option<&str>]| None);
    let first: Work = Arc::new(|cells: &[Option<&str>]| argument(cells, 0).map(str::to_owned));

    add(&["current_user", "session_user", "user", "current_role"], &text, fixed(&known.member));
    add(&["pg_get_userbyid"], &text, fixed(&known.member));
    add(&["current_database", "current_catalog"], &text, fixed(&known.database));
    add(&["current_schema"], &text, fixed(SCHEMA));
    add(&["version"], &text, fixed(&format!("PostgreSQL {}", settings::VERSION)));
    add(&["pg_encoding_to_char"], &text, fixed("UTF8"));
    add(&["pg_size_pretty"], &text, fixed("0 bytes"));
    add(
        &[
            "pg_table_size",
            "pg_relation_size",
            "pg_total_relation_size",
            "pg_indexes_size",
            "pg_my_temp_schema",
        ],
        &number,
        fixed("0"),
    );
    add(&["pg_backend_pid"], &number, fixed("1"));
    add(
        &["pg_table_is_visible", "pg_type_is_visible", "pg_function_is_visible", "pg_collation_is_visible"],
        &truth,
        fixed("t"),
    );
    // Who is let in may read all that is listed.
    add(
        &[
            "has_schema_privilege",
            "has_database_privilege",
            "has_table_privilege",
            "has_any_column_privilege",
            "has_column_privilege",
            "has_function_privilege",
            "pg_has_role",
        ],
        &truth,
        fixed("t"),
    );
    add(&["pg_is_in_recovery", "pg_relation_is_publishable", "pg_is_other_temp_schema"], &truth, fixed("f"));
    add(
        &[
            "pg_get_expr",
            "pg_get_constraintdef",
            "pg_get_indexdef",
            "pg_get_ruledef",
            "pg_get_triggerdef",
            "pg_get_partkeydef",
            "pg_get_partition_constraintdef",
            "pg_get_serial_sequence",
            "pg_get_functiondef",
            "pg_get_function_arguments",
            "pg_get_function_result",
            "shobj_description",
            "pg_tablespace_location",
            "pg_get_statisticsobjdef_columns",
        ],
        &text,
        nothing,
    );
    // Of arrays, which are all NULL; of other values their text.
    add(&["array_to_string", "array_remove", AS_TEXT], &text, Arc::clone(&first));
    add(&["array_upper", "array_lower", "array_length"], &number, Arc::new(|_: &[Option<&str>]| None));
    add(&["set_config"], &text, Arc::new(|cells: &[Option<&str>]| argument(cells, 1).map(str::to_owned)));
    add(&["quote_ident"], &text, Arc::new(|cells: &[Option<&str>]| argument(cells, 0).map(quoted)));
    add(
        &["current_setting"],
        &text,
        Arc::new(|cells: &[Option<&str>]| {
            settings::setting(argument(cells, 0)?).map(|(_, value)| value.to_owned())
        }),
    );
    add(
        &["format_type"],
        &text,
        Arc::new(|cells: &[Option<&str>]| {
            let oid = argument(cells, 0)?.parse().ok()?;
            Some(type_name(oid).unwrap_or("???").to_owned())
        }),
    );
    add(
        &["concat"],
        &text,
        Arc::new(|cells: &[Option<&str>]| Some(cells.iter().flatten().copied().collect())),
    );
    add(
        &[CONCAT],
        &text,
        Arc::new(|cells: &[Option<&str>]| Some(format!("{}{}", argument(cells, 0)?, argument(cells, 1)?))),
    );
    add(
        &["replace"],
        &text,
        Arc::new(|cells: &[Option<&str>]| {
            Some(replaced(argument(cells, 0)?, argument(cells, 1)?, argument(cells, 2)?))
        }),
    );
    add(
        &[LIKE_PATTERN],
        &text,
        Arc::new(|cells: &[Option<&str>]| Some(escaped(argument(cells, 0)?, argument(cells, 1)?))),
    );
    add(
        &[SCHEMA_NAME],
        &text,
        Arc::new(|cells: &[Option<&str>]| {
            let oid: i64 = argument(cells, 0)?.parse().ok()?;
            SCHEMAS.iter().find(|(number, _)| *number == oid).map(|(_, name)| (*name).to_owned())
        }),
    );
    add(
        &["to_regtype"],
        &number,
        Arc::new(|cells: &[Option<&str>]| type_number(argument(cells, 0)?).map(|oid| oid.to_string())),
    );
    let views = Arc::clone(&known.views);
    add(
        &["to_regclass"],
        &number,
        Arc::new(move |cells: &[Option<&str>]| {
            let name = argument(cells, 0)?;
            let name = name.strip_prefix("public.").unwrap_or(name);
            let view = views.iter().find(|view| view.name == name).map(|view| view.oid);
            view.or_else(|| system_number(name)).map(|oid| oid.to_string())
        }),
    );
    let of_view = |what: fn(&View) -> String| -> Work {
        let views = Arc::clone(&known.views);
        Arc::new(move |cells: &[Option<&str>]| {
            let oid: i64 = argument(cells, 0)?.parse().ok()?;
            views.iter().find(|view| view.oid == oid).map(what)
        })
    };
    add(&["pg_get_viewdef"], &text, of_view(|view| view.contract.contract.computation.sql.clone()));
    add(&[RELATION_NAME], &text, of_view(|view| view.name.clone()));
    add(&["obj_description"], &text, of_view(View::comment));
    add(&["col_description"], &text, Arc::new(|_: &[Option<&str>]| None));
    all
}

fn argument<'a>(cells: &[Option<&'a str>], place: usize) -> Option<&'a str> {
    cells.get(place).copied().flatten()
}

/// Ends where it is longer than a column may be, which is refused.
fn replaced(text: &str, from: &str, to: &str) -> String {
    if from.is_empty() {
        return text.to_owned();
    }
    let mut result = String::new();
    for (place, part) in text.split(from).enumerate() {
        if place > 0 {
            result.push_str(to);
        }
        result.push_str(part);
        if result.len() > COLUMN_BYTES_MAX {
            break;
        }
    }
    result
}

fn escaped(pattern: &str, escape: &str) -> String {
    let mut result = String::with_capacity(pattern.len() + 1);
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        let stands_for_itself = escape.starts_with(letter);
        let letter = if stands_for_itself { letters.next().unwrap_or(letter) } else { letter };
        // A backslash means nothing where another letter does.
        if stands_for_itself || letter == '\\' {
            result.push('\\');
        }
        result.push(letter);
    }
    result
}

/// A name as PostgreSQL's `quote_ident` writes it.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match name.chars().next() {
        Some(first) if !first.is_ascii_digit() && name.chars().all(is_plain) => name.to_owned(),
        _ => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// Schemas by number.
pub(super) const SCHEMAS: [(i64, &str); 3] =
    [(11, system::PG_CATALOG), (2200, SCHEMA), (13_000, system::INFORMATION_SCHEMA)];

/// The number of a schema; none for others.
pub(super) fn schema_number(name: &str) -> Option<i64> {
    SCHEMAS.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
}

/// The number that PostgreSQL gives one of its own tables, by which comments say what they are about.
pub(super) fn system_number(name: &str) -> Option<i64> {
    Some(match name {
        "pg_attrdef" => 2604,
        "pg_attribute" => 1249,
        "pg_class" => 1259,
        "pg_collation" => 3456,
        "pg_constraint" => 2606,
        "pg_database" => 1262,
        "pg_extension" => 3079,
        "pg_index" => 2610,
        "pg_namespace" => 2615,
        "pg_proc" => 1255,
        "pg_rewrite" => 2618,
        "pg_trigger" => 2620,
        "pg_type" => 1247,
        _ => return None,
    })
}

/// The number of a type by one of its names.
pub(super) fn type_number(name: &str) -> Option<i64> {
    let name = name.trim_start_matches("pg_catalog.");
    super::catalog::TYPES.iter().find(|kind| kind.name == name || kind.shown == name).map(|kind| kind.oid)
}

/// As PostgreSQL's `format_type` calls a type.
fn type_name(oid: i64) -> Option<&'static str> {
    super::catalog::TYPES.iter().find(|kind| kind.oid == oid).map(|kind| kind.shown)
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Catalog {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Catalog {}

impl Hash for Catalog {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Catalog {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut texts = Vec::with_capacity(arguments.args.len());
        for argument in &arguments.args {
            let array = argument.to_array(arguments.number_rows)?;
            texts.push(results::texts(&array, ["false", "true"])?);
        }
        let mut results = Vec::<Cell>::with_capacity(arguments.number_rows);
        let (mut row, mut bytes) = (Vec::with_capacity(texts.len()), 0);
        for place in 0..arguments.number_rows {
            row.clear();
            row.extend(texts.iter().map(|column| column.get(place).and_then(Option::as_deref)));
            let result = (self.work)(&row);
            bytes += result.as_ref().map_or(0, String::len);
            if bytes > COLUMN_BYTES_MAX {
                let message = format!("`{}` makes texts of more than {COLUMN_BYTES_MAX} bytes", self.name);
                return Err(DataFusionError::ResourcesExhausted(message));
            }
            results.push(result);
        }
        let array: ArrayRef = match self.returns {
            DataType::Int64 => Arc::new(Int64Array::from_iter(
                results.iter().map(|cell| cell.as_deref().and_then(|cell| cell.parse::<i64>().ok())),
            )),
            DataType::Boolean => Arc::new(
                results.iter().map(|cell| cell.as_deref().map(|cell| cell == "t")).collect::<BooleanArray>(),
            ),
            _ => Arc::new(StringArray::from_iter(results)),
        };
        Ok(ColumnarValue::Array(array))
    }
}
