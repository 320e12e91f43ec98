//! WIDTH_BUCKET: into which of some equally wide parts of a range a number falls. Bounds are decimals, and so is every number
//! that is compared: what lies on the edge of two parts is in the upper one, exactly. A binary float counts as the shortest
//! decimal that reads back as the same float, as import takes it.

use std::sync::Arc;

use arrow::{
    array::{Array, AsArray, Int64Array},
    datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, i256},
};
use datafusion::{
    common::exec_err,
    error::DataFusionError,
    logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility},
};

use crate::number;

/// `low` and `high` with `count` parts between them; from above, if `low` is the higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buckets {
    low: Decimal,
    high: Decimal,
    pub(crate) count: u32,
}

/// `unscaled / 10^scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    unscaled: i128,
    scale: u8,
}

/// No number that is compared has more digits after the point: an edge that is not 0 is further from it than what these
/// leave, for it is a part of 1/4096 of a multiple of 10^-18.
const SCALE_MAX: u8 = 40;
/// Bounds have at most 18 digits; a float from here on is beyond them.
const BEYOND: f64 = 1e20;

/// `bucket(low, high, count, number)`.
const BUCKET: &str = "bucket";

impl Buckets {
    /// Nothing for bounds that are no decimals of at most 18 digits.
    pub(crate) fn new(low: &str, high: &str, count: u32) -> Option<Self> {
        Some(Self { low: Decimal::read(low)?, high: Decimal::read(high)?, count })
    }

    /// Whether there is nothing between the bounds.
    pub(crate) fn is_empty(self) -> bool {
        let [low, high] = [self.low, self.high].map(|bound| bound.at(SCALE_MAX));
        low == high
    }

    /// As SQL calls it.
    pub(crate) fn call(self, of: &str) -> String {
        format!("width_bucket({of}, {}, {}, {})", self.low.text(), self.high.text(), self.count)
    }

    /// As a stage writes it.
    pub(crate) fn sql(self, of: &str) -> String {
        format!("{BUCKET}('{}', '{}', {}, {of})", self.low.text(), self.high.text(), self.count)
    }

    /// 0 before the first part, from 1 on within, and one more than there are after the last, which has its end no more.
    fn of(self, number: Decimal) -> Option<i64> {
        let scale = number.scale.max(self.low.scale).max(self.high.scale);
        let [low, high, number] = [self.low, self.high, number].map(|decimal| decimal.at(scale));
        // Seen from below.
        let (low, high, number) = match low? < high? {
            true => (low?, high?, number?),
            false => (low?.checked_neg()?, high?.checked_neg()?, number?.checked_neg()?),
        };
        if number < low {
            return Some(0);
        }
        if number >= high {
            return Some(i64::from(self.count) + 1);
        }
        let count = i256::from_i128(self.count.into());
        let parts = number.checked_sub(low)?.checked_mul(count)?.checked_div(high.checked_sub(low)?)?;
        i64::try_from(parts.to_i128()?).ok()?.checked_add(1)
    }

    fn of_float(self, number: f64) -> Option<i64> {
        let decimal = match number {
            // As PostgreSQL orders it.
            _ if number.is_nan() || number >= BEYOND => Decimal { unscaled: BEYOND as i128, scale: 0 },
            _ if number <= -BEYOND => Decimal { unscaled: -(BEYOND as i128), scale: 0 },
            _ => Decimal::of_float(number)?,
        };
        self.of(decimal)
    }
}

impl Decimal {
    fn read(text: &str) -> Option<Self> {
        let digits = text.split_once('.').map_or(0, |(_, digits)| digits.len());
        let scale = u8::try_from(digits).ok().filter(|scale| usize::from(*scale) <= number::DIGITS_MAX)?;
        Some(Self { unscaled: number::parse_scaled(text, scale).ok()?, scale })
    }

    /// The shortest one that reads back as the float, whose magnitude is below [`BEYOND`].
    fn of_float(float: f64) -> Option<Self> {
        let written = format!("{float:e}");
        let (mantissa, exponent) = written.split_once('e')?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
        let scale = i32::try_from(fraction.len()).ok()? - exponent.parse::<i32>().ok()?;
        Some(match u8::try_from(scale) {
            Ok(scale) if scale <= SCALE_MAX => Self { unscaled, scale },
            _ if scale > 0 => Self { unscaled: unscaled.signum(), scale: SCALE_MAX },
            _ => {
                Self { unscaled: unscaled.checked_mul(10_i128.checked_pow(scale.unsigned_abs())?)?, scale: 0 }
            }
        })
    }

    fn text(self) -> String {
        number::format_scaled(self.unscaled, self.scale)
    }

    /// The unscaled integer with more digits after the point.
    fn at(self, scale: u8) -> Option<i256> {
        let power = i256::from_i128(10).checked_pow(scale.checked_sub(self.scale)?.into())?;
        i256::from_i128(self.unscaled).checked_mul(power)
    }
}

/// [`BUCKET`], to be registered.
pub(crate) fn function() -> ScalarUDF {
    ScalarUDF::from(Bucket { signature: Signature::any(4, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bucket {
    signature: Signature,
}

impl ScalarUDFImpl for Bucket {
    fn name(&self) -> &str {
        BUCKET
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let arrays = ColumnarValue::values_to_arrays(&call.args)?;
        let [low, high, count, numbers] = arrays.as_slice() else {
            return exec_err!("`{BUCKET}` takes two bounds, a count and a number");
        };
        let bounds = [low, high].map(|bound| bound.as_string_opt::<i32>());
        let ([Some(low), Some(high)], Some(count)) = (bounds, count.as_primitive_opt::<Int64Type>()) else {
            return exec_err!("`{BUCKET}` takes two bounds as texts and a count");
        };
        // They are constants, and so the same in all rows.
        let read = || Buckets::new(low.value(0), high.value(0), u32::try_from(count.value(0)).ok()?);
        let buckets = if numbers.is_empty() { None } else { read() };
        let rows = 0..numbers.len();
        let present = |row: &usize| numbers.is_valid(*row);
        let of: Box<dyn Fn(usize) -> Option<i64>> = match numbers.data_type() {
            DataType::Int64 => {
                let numbers = numbers.as_primitive::<Int64Type>();
                Box::new(move |row| buckets?.of(Decimal { unscaled: numbers.value(row).into(), scale: 0 }))
            }
            DataType::Decimal128(_, scale) => {
                let scale = scale.unsigned_abs();
                let numbers = numbers.as_primitive::<Decimal128Type>();
                Box::new(move |row| buckets?.of(Decimal { unscaled: numbers.value(row), scale }))
            }
            DataType::Float64 => {
                let numbers = numbers.as_primitive::<Float64Type>();
                Box::new(move |row| buckets?.of_float(numbers.value(row)))
            }
            other => return exec_err!("`{BUCKET}` takes no {other}"),
        };
        let found = rows.map(|row| Some(row).filter(present).and_then(&of));
        Ok(ColumnarValue::Array(Arc::new(found.collect::<Int64Array>())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(number: &str, low: &str, high: &str, count: u32) -> i64 {
        Buckets::new(low, high, count).unwrap().of(Decimal::read(number).unwrap()).unwrap()
    }

    /// As `SELECT width_bucket(…)` of PostgreSQL 15 has them, of numerics.
    #[test]
    fn as_postgresql_has_it() {
        for (number, low, high, count, bucket) in [
            ("5.35", "0.024", "10.06", 5, 3),
            ("-0.01", "0", "100", 10, 0),
            ("0", "0", "100", 10, 1),
            ("9.99", "0", "100", 10, 1),
            ("10", "0", "100", 10, 2),
            ("99.99", "0", "100", 10, 10),
            ("100", "0", "100", 10, 11),
            ("0.3", "0", "1", 10, 4),
            ("0.7", "0", "1", 10, 8),
            ("100.01", "100", "0", 10, 0),
            ("100", "100", "0", 10, 1),
            ("90", "100", "0", 10, 2),
            ("0.01", "100", "0", 10, 10),
            ("0", "100", "0", 10, 11),
            ("33.33", "0", "100", 3, 1),
            ("33.34", "0", "100", 3, 2),
        ] {
            assert_eq!(of(number, low, high, count), bucket, "{number} {low} {high} {count}");
        }
    }

    #[test]
    fn floats_count_as_the_decimals_that_they_were_written_as() {
        let tenths = Buckets::new("0", "1", 10).unwrap();
        for tenth in 0..10_i64 {
            // 0.1 * 3 is a little more, and 0.3 a little less, than three tenths.
            let float: f64 = format!("0.{tenth}").parse().unwrap();
            assert_eq!(tenths.of_float(float), Some(tenth + 1));
        }
        for (float, bucket) in [
            (f64::INFINITY, 11),
            (f64::NAN, 11),
            (1e300, 11),
            (f64::NEG_INFINITY, 0),
            (-1e300, 0),
            (5e-324, 1),
            (-5e-324, 0),
            (0.0, 1),
            (-0.0, 1),
            (1e-30, 1),
            (1e19, 11),
        ] {
            assert_eq!(tenths.of_float(float), Some(bucket), "{float}");
        }
    }

    #[test]
    fn bounds_are_decimals_and_differ() {
        assert!(Buckets::new("1.50", "1.5", 3).unwrap().is_empty());
        assert!(!Buckets::new("1.5", "-1.5", 3).unwrap().is_empty());
        for bound in ["1e3", "", "x", "0.1234567890123456789", "1234567890123456789"] {
            assert_eq!(Buckets::new(bound, "0", 3), None, "{bound}");
        }
    }

    proptest! {
        /// A number is in a part if it is between the part's edges: `low + n·(high − low)/count`.
        #[test]
        fn a_number_is_between_its_edges(number in -3000_i128..3000, low in -2000_i128..2000, width in 1_i128..2000, count in 1_u32..50) {
            let texts = [number, low, low + width].map(|value| number::format_scaled(value, 2));
            let bucket = of(&texts[0], &texts[1], &texts[2], count);
            let parts = i128::from(count);
            // Times the number of parts, so that edges are integers.
            let edge = |n: i128| low * parts + n * width;
            match i128::from(bucket) {
                0 => prop_assert!(number < low),
                n if n == parts + 1 => prop_assert!(number >= low + width),
                n => prop_assert!(edge(n - 1) <= number * parts && number * parts < edge(n)),
            }
            let negated = [-number, -low, -low - width].map(|value| number::format_scaled(value, 2));
            prop_assert_eq!(of(&negated[0], &negated[1], &negated[2], count), bucket);
        }

        #[test]
        fn every_float_has_a_bucket(bits in any::<u64>(), count in 1_u32..4094) {
            let buckets = Buckets::new("-999999999999999999", "0.000000000000000001", count).unwrap();
            let bucket = buckets.of_float(f64::from_bits(bits)).unwrap();
            prop_assert!((0..=i64::from(count) + 1).contains(&bucket));
        }
    }
}
