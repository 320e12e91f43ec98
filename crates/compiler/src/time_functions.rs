//! The functions of dates and timestamps that stages have: each takes either, by the type of the column that it is given.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Date32Array, Int64Array, TimestampMicrosecondArray},
    datatypes::{DataType, Date32Type, Int64Type, TimestampMicrosecondType},
};
use datafusion::{
    common::exec_err,
    error::DataFusionError,
    logical_expr::{
        ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
    },
};

use crate::{
    calendar::{self, Part, Period},
    moments,
    rows::TIMESTAMP,
};

/// Which function; all of these are NULL of NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Function {
    /// `day_part(part, time)`: EXTRACT.
    Part,
    /// `first_day(period, time)`: DATE_TRUNC, which keeps the type.
    First,
    /// `day_shifted(months, days, time)`: a time and an interval of days.
    ShiftedByDays,
    /// `moment_shifted(months, days, microseconds, timestamp)`: a timestamp and any interval.
    Shifted,
    /// `day_of(timestamp)`: the date in which it lies.
    Day,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Self::Part => "day_part",
            Self::First => "first_day",
            Self::ShiftedByDays => "day_shifted",
            Self::Shifted => "moment_shifted",
            Self::Day => "day_of",
        }
    }

    /// The types of its arguments before the last one.
    fn constants(self) -> &'static [DataType] {
        match self {
            Self::Part | Self::First => &[DataType::Utf8],
            Self::ShiftedByDays => &[DataType::Int64, DataType::Int64],
            Self::Shifted => &[DataType::Int64, DataType::Int64, DataType::Int64],
            Self::Day => &[],
        }
    }
}

/// EXTRACT, as a stage writes it.
pub(crate) fn part_sql(part: Part, of: &str) -> String {
    format!("{}('{}', {of})", Function::Part.name(), part.name())
}

/// DATE_TRUNC, as a stage writes it.
pub(crate) fn first_sql(period: Period, of: &str) -> String {
    format!("{}('{}', {of})", Function::First.name(), period.name())
}

/// A time and an interval, as a stage writes it.
pub(crate) fn shifted_sql(months: i32, days: i32, micros: i64, of: &str) -> String {
    match micros {
        0 => format!("{}({months}, {days}, {of})", Function::ShiftedByDays.name()),
        _ => format!("{}({months}, {days}, {micros}, {of})", Function::Shifted.name()),
    }
}

/// A timestamp's date, as a stage writes it.
pub(crate) fn day_sql(of: &str) -> String {
    format!("{}({of})", Function::Day.name())
}

/// Whether a function of stages gives a date of a date, and a timestamp of a timestamp.
pub(crate) fn keeps_type(name: &str) -> bool {
    let kept = [Function::First, Function::ShiftedByDays, Function::Shifted];
    kept.into_iter().any(|function| function.name() == name)
}

/// The functions of stages, to be registered.
pub(crate) fn functions() -> [ScalarUDF; 5] {
    use Function::{Day, First, Part, Shifted, ShiftedByDays};
    [Part, First, ShiftedByDays, Shifted, Day].map(|function| ScalarUDF::from(OfTime::new(function)))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OfTime {
    function: Function,
    signature: Signature,
}

impl OfTime {
    fn new(function: Function) -> Self {
        let of = |time: DataType| TypeSignature::Exact([function.constants(), &[time]].concat());
        let signature = Signature::one_of(vec![of(DataType::Date32), of(TIMESTAMP)], Volatility::Immutable);
        Self { function, signature }
    }
}

impl ScalarUDFImpl for OfTime {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        match (self.function, arguments.last()) {
            (Function::Part, _) => Ok(DataType::Int64),
            (Function::Day, _) => Ok(DataType::Date32),
            (_, Some(time)) => Ok(time.clone()),
            (_, None) => exec_err!("`{}` takes a date or a timestamp", self.name()),
        }
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let arrays = ColumnarValue::values_to_arrays(&call.args)?;
        let Some((time, constants)) = arrays.split_last() else {
            return exec_err!("`{}` takes a date or a timestamp", self.name());
        };
        let found = match time.data_type() {
            DataType::Date32 => {
                let days = time.as_primitive::<Date32Type>();
                let each = (0..days.len()).map(|row| (row, days.is_valid(row).then(|| days.value(row))));
                of_days(self.function, constants, each)
            }
            _ => {
                let micros = time.as_primitive::<TimestampMicrosecondType>();
                let each =
                    (0..micros.len()).map(|row| (row, micros.is_valid(row).then(|| micros.value(row))));
                of_moments(self.function, constants, each)
            }
        };
        match found {
            Some(array) => Ok(ColumnarValue::Array(array)),
            None => exec_err!("`{}` takes other constants", self.name()),
        }
    }
}

fn of_days(
    function: Function,
    constants: &[ArrayRef],
    rows: impl Iterator<Item = (usize, Option<i32>)>,
) -> Option<ArrayRef> {
    Some(match function {
        Function::Part => {
            let name = text(constants)?;
            let part = |(row, day): (usize, Option<i32>)| Some(Part::named(name(row))?.of(day?).into());
            Arc::new(rows.map(part).collect::<Int64Array>())
        }
        Function::First => {
            let name = text(constants)?;
            let first = |(row, day): (usize, Option<i32>)| Some(Period::named(name(row))?.first(day?));
            Arc::new(rows.map(first).collect::<Date32Array>())
        }
        Function::ShiftedByDays => {
            let by = numbers::<2>(constants)?;
            let shifted = |(row, day): (usize, Option<i32>)| {
                let [months, days] = by(row);
                calendar::shifted(months.try_into().ok()?, days.try_into().ok()?, day?)
            };
            Arc::new(rows.map(shifted).collect::<Date32Array>())
        }
        Function::Day => Arc::new(rows.map(|(_, day)| day).collect::<Date32Array>()),
        // A date has no time of day to be moved.
        Function::Shifted => return None,
    })
}

fn of_moments(
    function: Function,
    constants: &[ArrayRef],
    rows: impl Iterator<Item = (usize, Option<i64>)>,
) -> Option<ArrayRef> {
    Some(match function {
        Function::Part => {
            let name = text(constants)?;
            let part =
                |(row, at): (usize, Option<i64>)| Some(moments::part(Part::named(name(row))?, at?).into());
            Arc::new(rows.map(part).collect::<Int64Array>())
        }
        Function::First => {
            let name = text(constants)?;
            let first =
                |(row, at): (usize, Option<i64>)| Some(moments::first(Period::named(name(row))?, at?));
            Arc::new(rows.map(first).collect::<TimestampMicrosecondArray>())
        }
        Function::ShiftedByDays => {
            let by = numbers::<2>(constants)?;
            let shifted = |(row, at): (usize, Option<i64>)| {
                let [months, days] = by(row);
                moments::shifted(months.try_into().ok()?, days.try_into().ok()?, 0, at?)
            };
            Arc::new(rows.map(shifted).collect::<TimestampMicrosecondArray>())
        }
        Function::Shifted => {
            let by = numbers::<3>(constants)?;
            let shifted = |(row, at): (usize, Option<i64>)| {
                let [months, days, micros] = by(row);
                moments::shifted(months.try_into().ok()?, days.try_into().ok()?, micros, at?)
            };
            Arc::new(rows.map(shifted).collect::<TimestampMicrosecondArray>())
        }
        Function::Day => Arc::new(rows.map(|(_, at)| Some(moments::split(at?).0)).collect::<Date32Array>()),
    })
}

/// The name in each row; an empty one is none of anything.
fn text<'a>(constants: &'a [ArrayRef]) -> Option<impl Fn(usize) -> &'a str> {
    let [names] = constants else { return None };
    let names = names.as_string_opt::<i32>()?;
    Some(move |row| if row < names.len() && names.is_valid(row) { names.value(row) } else { "" })
}

/// The numbers in each row.
fn numbers<const N: usize>(constants: &[ArrayRef]) -> Option<impl Fn(usize) -> [i64; N]> {
    let columns: Vec<&Int64Array> =
        constants.iter().map(|column| column.as_primitive_opt::<Int64Type>()).collect::<Option<_>>()?;
    let columns: [&Int64Array; N] = columns.try_into().ok()?;
    Some(move |row| columns.map(|column| column.value(row)))
}
