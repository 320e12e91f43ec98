//! From a cell to the type of its column. Exactly, or not at all: `None` means that the value is not of the type.

use std::borrow::Cow;

use arrow::datatypes::TimeUnit;

use super::{
    Value, date,
    number::{Decimal, Numeral},
    timestamp,
};

/// Doubles hold every integer up to here.
const FLOAT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// `true` or `false`, also as `True`, `TRUE`, `False`, `FALSE`.
pub(crate) fn to_boolean(value: Value<'_>) -> Option<bool> {
    match value {
        Value::Boolean(value) => Some(value),
        Value::Text(text) => match text.trim() {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        },
        Value::Missing | Value::Number(_) | Value::Float(_) | Value::Date(_) | Value::Timestamp(..) => None,
    }
}

/// A whole number in 64 bits, whatever it is written as.
pub(crate) fn to_integer(value: Value<'_>) -> Option<i64> {
    if let Value::Float(float) = value {
        // The cast is exact: a whole number of at most 2^53.
        return (float.fract() == 0.0 && float.abs() <= FLOAT_INTEGER_MAX).then_some(float as i64);
    }
    i64::try_from(to_number(value)?.at_scale(0)?).ok()
}

/// The unscaled value of a decimal column.
pub(crate) fn to_decimal(value: Value<'_>, scale: u8) -> Option<i128> {
    to_number(value)?.in_column(scale)
}

/// A finite double; text and exact numbers are rounded to the nearest one.
pub(crate) fn to_float(value: Value<'_>) -> Option<f64> {
    let float: f64 = match value {
        Value::Float(float) => float,
        Value::Number(number) => number.to_string().parse().ok()?,
        Value::Text(text) => {
            let text = text.trim();
            // Rust reads `inf` and `nan` as well, a numeral is neither.
            Numeral::parse(text)?;
            text.parse().ok()?
        }
        Value::Missing | Value::Boolean(_) | Value::Date(_) | Value::Timestamp(..) => return None,
    };
    float.is_finite().then_some(float)
}

/// Days since 1970-01-01; a timestamp is one at midnight.
pub(crate) fn to_date(value: Value<'_>) -> Option<i32> {
    match value {
        Value::Date(days) => Some(days),
        Value::Text(text) => date::parse(text.trim()),
        Value::Timestamp(..) => {
            let micros = to_timestamp(value)?;
            let days = i32::try_from(micros.div_euclid(timestamp::DAY)).ok()?;
            (micros.rem_euclid(timestamp::DAY) == 0).then_some(days)
        }
        Value::Missing | Value::Boolean(_) | Value::Number(_) | Value::Float(_) => None,
    }
}

/// Microseconds since 1970-01-01T00:00:00, in years 0001 to 9999; a day is its midnight.
pub(crate) fn to_timestamp(value: Value<'_>) -> Option<i64> {
    let micros = match value {
        Value::Timestamp(count, unit) => match unit {
            TimeUnit::Second => count.checked_mul(1_000_000)?,
            TimeUnit::Millisecond => count.checked_mul(1_000)?,
            TimeUnit::Microsecond => count,
            TimeUnit::Nanosecond => (count % 1_000 == 0).then_some(count / 1_000)?,
        },
        Value::Date(days) => i64::from(days).checked_mul(timestamp::DAY)?,
        Value::Text(text) => timestamp::parse(text.trim())?,
        Value::Missing | Value::Boolean(_) | Value::Number(_) | Value::Float(_) => return None,
    };
    (timestamp::FIRST..=timestamp::LAST).contains(&micros).then_some(micros)
}

/// Text as it is, other values in their canonical form; a double has none.
pub(crate) fn to_text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Boolean(value) => Some(Cow::Borrowed(if value { "true" } else { "false" })),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Date(days) => Some(Cow::Owned(date::format(days))),
        Value::Timestamp(..) => to_timestamp(value).map(|micros| Cow::Owned(timestamp::format(micros))),
        Value::Missing | Value::Float(_) => None,
    }
}

/// A double stands for the shortest decimal that reads back as the same double: 17.77, not 17.7699999….
fn to_number(value: Value<'_>) -> Option<Decimal> {
    match value {
        Value::Number(number) => Some(number),
        Value::Text(text) => Numeral::parse(text.trim())?.value,
        Value::Float(float) => Numeral::parse(&float.to_string())?.value,
        Value::Missing | Value::Boolean(_) | Value::Date(_) | Value::Timestamp(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_rounded_on_the_way_to_an_exact_type() {
        assert_eq!(to_integer(Value::Text("12.0")), Some(12));
        assert_eq!(to_integer(Value::Text("12.5")), None);
        assert_eq!(to_integer(Value::Text("9223372036854775808")), None);
        assert_eq!(to_integer(Value::Float(1e300)), None);
        assert_eq!(to_decimal(Value::Float(17.77), 2), Some(1777));
        assert_eq!(to_decimal(Value::Float(17.77), 1), None);
        assert_eq!(to_decimal(Value::Text(" 1.5 "), 2), Some(150));
    }

    #[test]
    fn points_in_time_are_whole_microseconds_or_none() {
        use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
        let read = |count, unit| to_timestamp(Value::Timestamp(count, unit));
        assert_eq!(read(-1, Second), Some(-1_000_000));
        assert_eq!(read(-1, Millisecond), Some(-1_000));
        assert_eq!(read(-1, Microsecond), Some(-1));
        assert_eq!(read(-1_000, Nanosecond), Some(-1));
        assert_eq!(read(-1, Nanosecond), None, "nothing is rounded");
        assert_eq!(read(i64::MAX, Second), None);
        assert_eq!(read(timestamp::LAST + 1, Microsecond), None);
        assert_eq!(to_timestamp(Value::Date(-1)), Some(-timestamp::DAY));
        assert_eq!(to_date(Value::Timestamp(-86_400, Second)), Some(-1));
        assert_eq!(to_date(Value::Timestamp(-86_399, Second)), None);
        assert_eq!(to_text(Value::Timestamp(90, Second)), Some(Cow::Borrowed("1970-01-01T00:01:30")));
    }

    #[test]
    fn what_is_not_finite_is_not_a_number() {
        for text in ["inf", "nan", "NaN", "infinity", "1e999"] {
            assert_eq!(to_float(Value::Text(text)), None, "{text}");
        }
        assert_eq!(to_float(Value::Float(f64::NAN)), None);
        assert_eq!(to_decimal(Value::Float(f64::INFINITY), 2), None);
        assert_eq!(to_integer(Value::Float(f64::NAN)), None);
    }

    proptest! {
        #[test]
        fn a_double_written_as_text_is_the_same_double(bits in any::<u64>()) {
            let float = f64::from_bits(bits);
            prop_assume!(float.is_finite());
            let text = format!("{float:e}");
            prop_assert_eq!(to_float(Value::Text(&text)).map(f64::to_bits), Some(bits));
        }

        #[test]
        fn any_text_converts_or_does_not(text in ".{0,40}") {
            let value = Value::Text(&text);
            let _ = (to_boolean(value), to_integer(value), to_decimal(value, 6), to_float(value), to_date(value), to_timestamp(value));
            prop_assert_eq!(to_text(value), Some(Cow::Borrowed(text.as_str())));
        }
    }
}
