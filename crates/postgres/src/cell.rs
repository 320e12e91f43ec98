//! Values as PostgreSQL's binary format has them ("Frontend/Backend Protocol", `typsend` of each type).

use contract::ColumnType;

/// Days from 1970-01-01, as our dates count, to 2000-01-01, as PostgreSQL's do.
const EPOCH_DAYS: i32 = 10_957;

/// The same in microseconds.
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// A numeric's digits come in groups of four.
const GROUP: i128 = 10_000;

/// `sign` of a numeric.
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// How the values of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Boolean,
    Integer2,
    Integer4,
    Integer8,
    /// With so many digits after the point, or as many as each value has.
    Numeric(Option<u8>),
    Float4,
    Float8,
    Text,
    /// `char(n)`, whose spaces at the end mean nothing.
    Padded,
    Date,
    /// Without a time zone.
    Timestamp,
}

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// NaN or infinity in a column of exact numbers.
    #[error("expected a number, found NaN or infinity: make it NULL in a view")]
    NotFinite,
    /// More digits than any column holds.
    #[error(
        "the number has more than 38 digits, or more after the point than its type says: round it in a view"
    )]
    TooLong,
    /// The dates before and after all others.
    #[error("expected a date, found infinity: make it NULL in a view")]
    NoDate,
    /// The points in time before and after all others.
    #[error("expected a timestamp, found infinity: make it NULL in a view")]
    NoTimestamp,
    /// Text in another encoding.
    #[error("the text is not UTF-8; is the database's encoding SQL_ASCII?")]
    NotUtf8,
    /// Bytes that are no value of the type: not what PostgreSQL sends.
    #[error("the server sent bytes that are no value of the column's type")]
    Malformed,
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    Missing,
    Boolean(bool),
    Integer(i64),
    /// `unscaled / 10^scale`.
    Decimal {
        unscaled: i128,
        scale: u8,
    },
    Float(f64),
    Text(&'a str),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00.
    Timestamp(i64),
}

impl Form {
    /// As which type the values come to a vault, as its `SourceColumn::kind` says.
    pub(crate) fn kind(self) -> Option<ColumnType> {
        match self {
            Self::Boolean => Some(ColumnType::Boolean),
            Self::Integer2 | Self::Integer4 | Self::Integer8 => Some(ColumnType::Integer),
            Self::Numeric(scale) => scale.map(|scale| ColumnType::Decimal { scale }),
            // As many digits as an imported float keeps when nothing is declared.
            Self::Float4 | Self::Float8 => Some(ColumnType::Float { scale: 6 }),
            Self::Text | Self::Padded => Some(ColumnType::Text),
            Self::Date => Some(ColumnType::Date),
            Self::Timestamp => Some(ColumnType::Timestamp),
        }
    }

    /// Reads a value; `None` is NULL. Total: any bytes give a value or a fault.
    pub(crate) fn read(self, bytes: Option<&[u8]>) -> Result<Cell<'_>, ValueFault> {
        let Some(bytes) = bytes else { return Ok(Cell::Missing) };
        match self {
            Self::Boolean => match bytes {
                [0] => Ok(Cell::Boolean(false)),
                [1] => Ok(Cell::Boolean(true)),
                _ => Err(ValueFault::Malformed),
            },
            Self::Integer2 => Ok(Cell::Integer(i16::from_be_bytes(fixed(bytes)?).into())),
            Self::Integer4 => Ok(Cell::Integer(i32::from_be_bytes(fixed(bytes)?).into())),
            Self::Integer8 => Ok(Cell::Integer(i64::from_be_bytes(fixed(bytes)?))),
            Self::Float4 => Ok(Cell::Float(f32::from_be_bytes(fixed(bytes)?).into())),
            Self::Float8 => Ok(Cell::Float(f64::from_be_bytes(fixed(bytes)?))),
            Self::Numeric(scale) => numeric(bytes, scale),
            Self::Text => text(bytes).map(Cell::Text),
            Self::Padded => text(bytes).map(|text| Cell::Text(text.trim_end_matches(' '))),
            Self::Date => match i32::from_be_bytes(fixed(bytes)?) {
                i32::MIN | i32::MAX => Err(ValueFault::NoDate),
                days => days.checked_add(EPOCH_DAYS).map(Cell::Date).ok_or(ValueFault::NoDate),
            },
            Self::Timestamp => match i64::from_be_bytes(fixed(bytes)?) {
                i64::MIN | i64::MAX => Err(ValueFault::NoTimestamp),
                micros => {
                    micros.checked_add(EPOCH_MICROS).map(Cell::Timestamp).ok_or(ValueFault::NoTimestamp)
                }
            },
        }
    }
}

impl Cell<'_> {
    /// Bytes that are the same for exactly the values that compare as equal.
    pub(crate) fn key(self) -> Vec<u8> {
        match self {
            Self::Missing => Vec::new(),
            Self::Boolean(value) => vec![value.into()],
            Self::Integer(value) => value.to_be_bytes().to_vec(),
            Self::Decimal { mut unscaled, mut scale } => {
                while scale > 0 && unscaled % 10 == 0 {
                    (unscaled, scale) = (unscaled / 10, scale - 1);
                }
                [&unscaled.to_be_bytes()[..], &[scale]].concat()
            }
            Self::Float(value) => value.to_be_bytes().to_vec(),
            Self::Text(text) => text.as_bytes().to_vec(),
            Self::Date(days) => days.to_be_bytes().to_vec(),
            Self::Timestamp(micros) => micros.to_be_bytes().to_vec(),
        }
    }
}

/// `unscaled / 10^scale` as it is written.
pub(crate) fn decimal_text(unscaled: i128, scale: u8) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = usize::from(scale) + 1);
    match digits.split_at_checked(digits.len() - usize::from(scale)) {
        Some((whole, fraction)) if !fraction.is_empty() => format!("{sign}{whole}.{fraction}"),
        _ => format!("{sign}{digits}"),
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], ValueFault> {
    bytes.try_into().map_err(|_| ValueFault::Malformed)
}

fn text(bytes: &[u8]) -> Result<&str, ValueFault> {
    std::str::from_utf8(bytes).map_err(|_| ValueFault::NotUtf8)
}

/// `numeric_send`: number of groups, weight of the first, sign, digits after the point, groups of four digits.
fn numeric(bytes: &[u8], scale: Option<u8>) -> Result<Cell<'static>, ValueFault> {
    let (head, groups) = bytes.split_first_chunk::<8>().ok_or(ValueFault::Malformed)?;
    let [c0, c1, w0, w1, s0, s1, d0, d1] = *head;
    let count = usize::from(u16::from_be_bytes([c0, c1]));
    let weight = i32::from(i16::from_be_bytes([w0, w1]));
    let sign = u16::from_be_bytes([s0, s1]);
    let digits = u16::from_be_bytes([d0, d1]);
    let (pairs, rest) = groups.as_chunks::<2>();
    if pairs.len() != count || !rest.is_empty() {
        return Err(ValueFault::Malformed);
    }
    if sign != POSITIVE && sign != NEGATIVE {
        return Err(ValueFault::NotFinite);
    }
    let scale = match scale {
        Some(scale) => scale,
        None => u8::try_from(digits).ok().filter(|digits| *digits <= 38).ok_or(ValueFault::TooLong)?,
    };
    // Each group is `group * 10000^(weight - place)`; all of them are brought to 10^-scale, exactly.
    let mut unscaled = 0_i128;
    for (place, pair) in (0_i32..).zip(pairs) {
        let group = i128::from(u16::from_be_bytes(*pair));
        if group >= GROUP {
            return Err(ValueFault::Malformed);
        }
        if group == 0 {
            continue;
        }
        let exponent = (weight - place) * 4 + i32::from(scale);
        let power = 10_i128.checked_pow(exponent.unsigned_abs()).ok_or(ValueFault::TooLong)?;
        let part = if exponent >= 0 {
            group.checked_mul(power)
        } else {
            (group % power == 0).then(|| group / power)
        };
        unscaled = part.and_then(|part| unscaled.checked_add(part)).ok_or(ValueFault::TooLong)?;
    }
    Ok(Cell::Decimal { unscaled: if sign == NEGATIVE { -unscaled } else { unscaled }, scale })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As `numeric_send` writes it.
    fn sent(weight: i16, sign: u16, digits: u16, groups: &[u16]) -> Vec<u8> {
        let head = [groups.len() as u16, weight.cast_unsigned(), sign, digits];
        head.iter().chain(groups).flat_map(|word| word.to_be_bytes()).collect()
    }

    fn decimal(bytes: &[u8], scale: Option<u8>) -> Result<(i128, u8), ValueFault> {
        match Form::Numeric(scale).read(Some(bytes))? {
            Cell::Decimal { unscaled, scale } => Ok((unscaled, scale)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numerics_are_read_exactly_or_not_at_all() {
        // 12345.678
        assert_eq!(decimal(&sent(1, 0, 3, &[1, 2345, 6780]), Some(3)), Ok((12_345_678, 3)));
        assert_eq!(decimal(&sent(1, 0, 3, &[1, 2345, 6780]), Some(5)), Ok((1_234_567_800, 5)));
        assert_eq!(decimal(&sent(1, 0, 3, &[1, 2345, 6780]), None), Ok((12_345_678, 3)));
        assert_eq!(decimal(&sent(1, 0, 3, &[1, 2345, 6780]), Some(2)), Err(ValueFault::TooLong));
        // -0.0007, 10^8, 0
        assert_eq!(decimal(&sent(-1, NEGATIVE, 4, &[7]), Some(4)), Ok((-7, 4)));
        assert_eq!(decimal(&sent(2, 0, 0, &[1]), Some(0)), Ok((100_000_000, 0)));
        assert_eq!(decimal(&sent(0, 0, 2, &[]), Some(2)), Ok((0, 2)));
        for sign in [0xC000, 0xD000, 0xF000] {
            assert_eq!(decimal(&sent(0, sign, 0, &[]), Some(2)), Err(ValueFault::NotFinite));
        }
        assert_eq!(decimal(&sent(10, 0, 0, &[1]), Some(0)), Err(ValueFault::TooLong));
        assert_eq!(decimal(&sent(i16::MIN, 0, 0, &[1]), Some(0)), Err(ValueFault::TooLong));
        assert_eq!(decimal(&sent(0, 0, 0, &[10_000]), Some(0)), Err(ValueFault::Malformed));
        assert_eq!(decimal_text(-7, 4), "-0.0007");
        assert_eq!(decimal_text(1250, 2), "12.50");
        assert_eq!(decimal_text(-1250, 0), "-1250");
    }

    #[test]
    fn equal_keys_have_equal_bytes() {
        let decimal = |unscaled, scale| Cell::Decimal { unscaled, scale }.key();
        assert_eq!(decimal(10, 1), decimal(1000, 3));
        assert_eq!(decimal(0, 5), decimal(0, 0));
        assert_ne!(decimal(10, 1), decimal(10, 2));
        assert_eq!(
            Form::Padded.read(Some(b"ab ")).unwrap().key(),
            Form::Text.read(Some(b"ab")).unwrap().key()
        );
    }

    #[test]
    fn dates_are_days_since_1970_and_infinity_is_none() {
        let read = |days: i32| Form::Date.read(Some(&days.to_be_bytes())).map(|_| ());
        assert_eq!(Form::Date.read(Some(&0_i32.to_be_bytes())), Ok(Cell::Date(10_957)));
        assert_eq!(read(i32::MAX), Err(ValueFault::NoDate));
        assert_eq!(read(i32::MIN), Err(ValueFault::NoDate));
        assert_eq!(read(i32::MAX - 1), Err(ValueFault::NoDate));
    }

    #[test]
    fn timestamps_are_microseconds_since_1970_and_infinity_is_none() {
        let read = |micros: i64| Form::Timestamp.read(Some(&micros.to_be_bytes())).map(Cell::key);
        let micros = 946_684_800_000_001_i64;
        assert_eq!(read(1), Ok(micros.to_be_bytes().to_vec()));
        for none in [i64::MAX, i64::MIN, i64::MAX - 1] {
            assert_eq!(read(none), Err(ValueFault::NoTimestamp));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40), form in 0..12_usize) {
            let forms = [
                Form::Boolean, Form::Integer2, Form::Integer4, Form::Integer8, Form::Numeric(None),
                Form::Numeric(Some(2)), Form::Float4, Form::Float8, Form::Text, Form::Padded, Form::Date,
                Form::Timestamp,
            ];
            let _ = forms[form].read(Some(&bytes)).map(Cell::key);
        }
    }
}
