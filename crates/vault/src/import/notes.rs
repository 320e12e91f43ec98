//! What import tells the owner about each column, and suggests to declare. It tells about the data: for the owner
//! alone, never published or logged.

use contract::{Column, ColumnType, Range};

use super::{
    plan::Planned,
    survey::{Because, Survey},
};
use crate::{Declaration, flag, type_name, value::number::Decimal};

/// About one column, for its owner's eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnNote {
    /// Name in the schema.
    pub column: String,
    /// Name in the file.
    pub header: String,
    /// The column's type.
    pub kind: ColumnType,
    /// Where the type comes from, as a phrase: `declared`, `every value is one`, …
    pub because: String,
    /// How many values are missing.
    pub missing: u64,
    /// How many distinct texts there are, if few.
    pub distinct: Option<usize>,
    /// What the owner may want to declare and has not; check what it says about the data before publishing it.
    pub suggestion: Option<Declaration>,
}

impl ColumnNote {
    /// The flag that declares what is suggested.
    pub fn suggested_flag(&self) -> Option<String> {
        self.suggestion.as_ref().map(|declaration| flag(&self.column, declaration))
    }
}

/// The note on a column after its last value.
pub(crate) fn note(
    planned: &Planned,
    column: &Column,
    because: Option<Because>,
    survey: &Survey,
) -> ColumnNote {
    let suggestion = suggest(planned, column, because, survey);
    ColumnNote {
        column: column.name.clone(),
        header: planned.header.clone(),
        kind: column.kind,
        because: match because {
            _ if planned.declared.kind.is_some() => "declared".to_owned(),
            Some(because) => reason(because),
            None => "as in the file".to_owned(),
        },
        missing: survey.missing(),
        distinct: survey.distinct().map(std::collections::BTreeSet::len),
        suggestion: (suggestion != Declaration::default()).then_some(suggestion),
    }
}

fn reason(because: Because) -> String {
    match because {
        Because::Empty => "no row has a value".to_owned(),
        Because::All => "every value is one".to_owned(),
        Because::NotANumber { line } => format!("the value on line {line} is of no other type"),
        Because::LeadingZero { line } => format!("the number on line {line} starts with 0, as codes do"),
        Because::TooLarge { line } => format!("the number on line {line} is too large to be kept exactly"),
        Because::Inexact => "numbers with exponents or with more than 18 digits".to_owned(),
        Because::Marked { marker, otherwise } => format!(
            "because of `{}` on line {}; it would be {} if that is declared to mean a missing value",
            marker.text,
            marker.line,
            type_name(otherwise)
        ),
    }
}

fn suggest(planned: &Planned, column: &Column, because: Option<Because>, survey: &Survey) -> Declaration {
    let declared = &planned.declared;
    if let (None, Some(Because::Marked { marker, .. })) = (declared.kind, because) {
        // With the marker missing the type is another one, and so is all else.
        return Declaration { null_as: vec![marker.text.to_owned()], ..Declaration::default() };
    }
    let values = match column.kind {
        ColumnType::Text if declared.values.is_none() => survey.distinct(),
        _ => None,
    };
    let range = if declared.range.is_none() { suggest_range(column.kind, survey) } else { None };
    Declaration {
        nullable: (declared.nullable.is_none() && survey.missing() == 0).then_some(false),
        values: values.map(|set| set.iter().map(|text| text.to_string()).collect()),
        range,
        ..Declaration::default()
    }
}

/// A range around the data with bounds of one or two digits, so that it doesn't give away the extremes.
fn suggest_range(kind: ColumnType, survey: &Survey) -> Option<Range> {
    let scale = match kind {
        ColumnType::Integer => 0,
        ColumnType::Decimal { scale } | ColumnType::Float { scale } => scale,
        ColumnType::Boolean | ColumnType::Text | ColumnType::Date | ColumnType::Timestamp => return None,
    };
    let (low, high) = survey.extremes()?;
    let width = if high > low { high - low } else { high.abs().max(1.0) };
    let exponent = (width.log10().floor() as i32).clamp(-i32::from(scale), 17);
    let step = 10_f64.powi(exponent);
    let bound = |steps: f64| {
        // Beyond 18 digits there is no bound to write.
        if (steps * step).abs() >= 1e17 {
            return None;
        }
        let unscaled = steps as i128;
        let text = match u8::try_from(-exponent) {
            Ok(scale) => Decimal { unscaled, scale }.shortest().to_string(),
            Err(_) => Decimal::integer(unscaled * 10_i128.checked_pow(exponent.unsigned_abs())?).to_string(),
        };
        Some(text)
    };
    Some(Range { min: bound((low / step).floor())?, max: bound((high / step).ceil())? })
}
