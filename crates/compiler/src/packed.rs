//! Text as integers: its bytes as UTF-8, seven to each integer, the first byte highest and zeros after the last; and then
//! how many there are. Texts that are compared integer by integer stand in the order of their bytes, which is that of SQL
//! here; the length tells a text from the same one with zero bytes after it.
//!
//! How many integers there are follows from what is published: the column's `bytes_max`, or its list of values.

use std::sync::Arc;

use crate::{number::bits, sql::identifier};
use arrow::{
    array::{AsArray, Int64Array},
    datatypes::{DataType, Int64Type},
};
use contract::Column;
use datafusion::{
    common::exec_err,
    logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf},
};

/// Seven bytes leave room for a sign in 64 bits.
const BYTES_EACH: u16 = 7;

/// The most bytes that a text of the column has: as declared, or as its public list says.
pub(crate) fn bytes_max(column: &Column) -> Option<u16> {
    let of_list = || {
        let longest = column.values.as_ref()?.iter().map(String::len).max()?;
        u16::try_from(longest).ok()
    };
    column.bytes_max.or_else(of_list)
}

/// From which byte on each integer has how many; the length, which comes last, is not among them.
fn parts(bytes_max: u16) -> impl Iterator<Item = (u16, u16)> {
    let starts = (0..bytes_max).step_by(BYTES_EACH.into());
    starts.map(move |start| (start, BYTES_EACH.min(bytes_max - start)))
}

/// How wide each integer is.
pub(crate) fn widths(bytes_max: u16) -> Vec<u32> {
    let length = bits(bytes_max.into()).max(1);
    parts(bytes_max).map(|(_, bytes)| 8 * u32::from(bytes)).chain([length]).collect()
}

/// Each integer as SQL of a stage; NULL where the text is.
pub(crate) fn sql(column: &str, bytes_max: u16) -> Vec<String> {
    of_sql(&identifier(column), bytes_max)
}

/// The same of an expression.
pub(crate) fn of_sql(text: &str, bytes_max: u16) -> Vec<String> {
    let part = |(start, bytes)| format!("{TEXT_BYTES}({text}, {start}, {bytes})");
    parts(bytes_max).chain([(0, 0)]).map(part).collect()
}

/// A text's integers among those of texts of so many bytes; nothing of a longer one.
pub(crate) fn integers(text: &str, bytes_max: u16) -> Option<Vec<i128>> {
    let parts = parts(bytes_max).chain([(0, 0)]);
    let of =
        |(start, bytes): (u16, u16)| integer(text.as_bytes(), start.into(), bytes.into()).map(i128::from);
    if text.len() > bytes_max.into() { None } else { parts.map(of).collect() }
}

/// The text that integers stand for; nothing if they stand for none.
pub(crate) fn text(integers: &[i128], bytes_max: u16) -> Option<String> {
    let (length, packed) = integers.split_last()?;
    if packed.len() != parts(bytes_max).count() {
        return None;
    }
    let length = usize::try_from(*length).ok()?;
    let mut all = Vec::with_capacity(bytes_max.into());
    for ((_, bytes), integer) in parts(bytes_max).zip(packed) {
        let integer = u64::try_from(*integer).ok()?.to_be_bytes();
        let (above, own) = integer.split_at_checked(integer.len().checked_sub(bytes.into())?)?;
        if above.iter().any(|byte| *byte != 0) {
            return None;
        }
        all.extend_from_slice(own);
    }
    let (text, rest) = all.split_at_checked(length)?;
    if rest.iter().any(|byte| *byte != 0) {
        return None;
    }
    String::from_utf8(text.to_vec()).ok()
}

/// The function of stages that makes an integer of a text's bytes: `text_bytes(text, start, bytes)`; the text's length
/// where `bytes` is 0.
const TEXT_BYTES: &str = "text_bytes";

/// [`TEXT_BYTES`], to be registered.
pub(crate) fn function() -> ScalarUDF {
    let of = |arguments: &[ColumnarValue]| {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let [texts, starts, counts] = arrays.as_slice() else {
            return exec_err!("{TEXT_BYTES} takes a text, a start and a number of bytes");
        };
        let texts = arrow::compute::cast(texts, &DataType::Utf8)?;
        let places = starts.as_primitive::<Int64Type>().iter().zip(counts.as_primitive::<Int64Type>().iter());
        let integers = texts.as_string::<i32>().iter().zip(places);
        let integers = integers.map(|(text, (start, bytes))| integer(text?.as_bytes(), start?, bytes?));
        Ok(ColumnarValue::Array(Arc::new(integers.collect::<Int64Array>())))
    };
    let types = vec![DataType::Utf8, DataType::Int64, DataType::Int64];
    create_udf(TEXT_BYTES, types, DataType::Int64, Volatility::Immutable, Arc::new(of))
}

fn integer(text: &[u8], start: i64, bytes: i64) -> Option<i64> {
    if bytes == 0 {
        return i64::try_from(text.len()).ok();
    }
    let mut integer: i64 = 0;
    for place in start..start.checked_add(bytes.min(BYTES_EACH.into()))? {
        let byte = usize::try_from(place).ok().and_then(|place| text.get(place));
        integer = integer << 8 | i64::from(byte.copied().unwrap_or_default());
    }
    Some(integer)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::{integers, text, widths};

    fn packed(text: &str, bytes_max: u16) -> Vec<i128> {
        integers(text, bytes_max).unwrap()
    }

    proptest! {
        #[test]
        fn texts_come_back_and_keep_their_order(x in "[a-c\0é]{0,8}", y in "[a-c\0é]{0,8}", more in 0_u16..9) {
            let most = x.len().max(y.len()) as u16 + more;
            let (of_x, of_y) = (packed(&x, most), packed(&y, most));
            prop_assert_eq!(of_x.cmp(&of_y), x.as_bytes().cmp(y.as_bytes()));
            prop_assert_eq!(text(&of_x, most), Some(x));
            prop_assert_eq!(of_x.len(), widths(most).len());
            for (integer, width) in of_x.iter().zip(widths(most)) {
                prop_assert_eq!(integer >> width, 0);
            }
        }

        #[test]
        fn whatever_is_opened_is_text_or_refused(
            integers in vec(prop_oneof![any::<i128>(), 0_i128..1 << 56, 0_i128..9], 0..5),
            most in 0_u16..30,
        ) {
            if let Some(text) = text(&integers, most) {
                prop_assert!(text.len() <= usize::from(most));
                prop_assert_eq!(packed(&text, most), integers);
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert_eq!(text(&[0x61_00, 2], 2), Some("a\0".to_owned()));
        assert_eq!(text(&[0x61_00, 1], 2), Some("a".to_owned()));
        // A length beyond the bytes, bytes beyond the length, half of a letter, too many bytes, too few integers.
        for integers in
            [&[0x61_00, 3][..], &[0x61_62, 1], &[0xc3_00, 1], &[0x61_62_63, 2], &[], &[-1, 1], &[0, -1]]
        {
            assert_eq!(text(integers, 2), None);
        }
    }
}
