//! The one table of operations: for each its wire tag, its name and its listing. The binary form, the listing in both
//! directions, names and operands follow from it and from the types of the fields.

use super::{Divide, Field, Fill, Operation, SquareRoot};
use crate::ValueId;

/// Asks `$source` for the fields, in its own order, and makes of them what `$whole` says.
macro_rules! filled {
    ($source:ident, $listing:expr, [$($field:ident),*], $whole:expr) => {{
        $(let mut $field = None;)*
        $source.fill($listing, &[$(stringify!($field)),*], &mut |_name: &str, _source: &mut S| {
            $(if _name == stringify!($field) {
                $field = Some(_source.field()?);
            })*
            Ok(())
        })?;
        $(let $field = $field.ok_or_else(|| $source.missing(stringify!($field)))?;)*
        Ok($whole)
    }};
}

/// For each operation: its fields, in the order in which the binary form has them; its tag, never reused, even if it
/// falls out of use; its name, as errors give it; its listing, in which `{field}` stands for a field.
macro_rules! operations {
    ($($operation:ident $(($($place:ident),*))? $({$($field:ident),*})?
        = $tag:literal, $name:literal, $listing:literal;)*) => {
        impl Operation {
            /// The names of all operations.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The operation's name, as error messages give it.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$operation { .. } => $name,)*
                }
            }

            /// Its number in the binary form, its listing, and its fields in the order of the binary form.
            pub(crate) fn parts(&self) -> (u8, &'static str, Vec<(&'static str, &dyn Field)>) {
                match self {
                    $(Self::$operation $(($($place),*))? $({$($field),*})? => ($tag, $listing, vec![
                        $($((stringify!($place), $place as &dyn Field),)*)?
                        $($((stringify!($field), $field as &dyn Field),)*)?
                    ]),)*
                }
            }

            /// Every tag with its listing.
            pub(crate) const LISTINGS: &'static [(u8, &'static str)] = &[$(($tag, $listing)),*];

            /// The operation of a tag, with the fields that `source` gives; `None` when no operation has it.
            pub(crate) fn of_tag<S: Fill>(tag: u8, source: &mut S) -> Result<Option<Self>, S::Error> {
                match tag {
                    $($tag => filled!(
                        source, $listing, [$($($place),*)? $($($field),*)?],
                        Some(Self::$operation $(($($place),*))? $({$($field),*})?)
                    ),)*
                    _ => Ok(None),
                }
            }
        }
    };
}

/// A field of several numbers, listed as an operation is.
macro_rules! record {
    ($record:ident {$($field:ident),*} = $listing:literal;) => {
        impl Field for $record {
            fn least() -> usize {
                    0
                }

            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }

            fn list(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                super::list(f, $listing, &[$((stringify!($field), &self.$field as &dyn Field)),*])
            }

            fn operands(&self, out: &mut Vec<ValueId>) {
                $(self.$field.operands(out);)*
            }

            fn read<S: Fill>(source: &mut S) -> Result<Self, S::Error> {
                filled!(source, $listing, [$($field),*], $record { $($field),* })
            }
        }
    };
}

operations! {
    Constant { kind, values } = 0, "constant", "constant{kind}{values}";

    Add(x, y) = 1, "add", "{x} + {y}";
    Subtract(x, y) = 2, "subtract", "{x} - {y}";
    Negate(x) = 3, "negate", "-{x}";
    Multiply(x, y) = 4, "multiply", "{x} * {y}";
    Sum(x) = 5, "sum", "sum of {x}";
    ToInteger(x) = 6, "to integer", "integer of {x}";

    LessThan(x, y) = 7, "less than", "{x} < {y}";
    Equal(x, y) = 8, "equal", "{x} == {y}";
    Minimum(x, y) = 9, "minimum", "minimum of {x} and {y}";
    Maximum(x, y) = 10, "maximum", "maximum of {x} and {y}";

    Not(x) = 11, "not", "not {x}";
    And(x, y) = 12, "and", "{x} and {y}";
    Or(x, y) = 13, "or", "{x} or {y}";
    Xor(x, y) = 14, "xor", "{x} xor {y}";
    Select { condition, then, otherwise } = 15, "select", "if {condition} then {then} else {otherwise}";

    Divide(d) = 16, "divide", "divide {d}";
    SquareRoot(s) = 17, "square root", "square root of {s}";

    Slice { of, start, rows } = 18, "slice", "{rows} rows of {of} from row {start}";
    Concat(of) = 19, "concat", "concat{of}";
    Repeat { of, times } = 20, "repeat", "{of} repeated {times} times";

    Rescale { of, fraction } = 21, "rescale", "{of} to {fraction} binary places";
    RescaleNear { of, fraction } = 22, "near rescale", "{of} to about {fraction} binary places";
    Floor(x) = 23, "floor", "floor of {x}";
    ReadAs { of, kind } = 24, "read as", "digits of {of}{kind}";
    ShiftLeft { of, places } = 25, "shift left", "{of} shifted left by {places}";
    ShiftRight { of, places } = 26, "shift right", "{of} shifted right by {places}";

    MatrixMultiply(x, y) = 27, "matrix multiply", "matrix {x} times {y}";
    Transpose(x) = 28, "transpose", "transpose of {x}";
    Reshape { of, rows, columns } = 29, "reshape", "{of} as {rows} rows of {columns}";

    Exp { of, result_bits } = 30, "exp", "exp of {of}, result {result_bits} bits";
    Log(x) = 31, "log", "log of {x}";
    Sigmoid(x) = 32, "sigmoid", "sigmoid of {x}";
    Tanh(x) = 33, "tanh", "tanh of {x}";

    Least(x) = 34, "least", "least of {x}";
    Greatest(x) = 35, "greatest", "greatest of {x}";
    RunningSum(x) = 36, "running sum", "running sum of {x}";
    RunningMinimum { of, starts } = 37, "running minimum", "running minimum of {of} from {starts}";
    RunningMaximum { of, starts } = 38, "running maximum", "running maximum of {of} from {starts}";
    Decompose { of, width } = 39, "decompose", "low {width} bits of {of}";

    Sort(keys) = 40, "sort", "order by{keys}";
    Arrange { of, order } = 41, "arrange", "{of} arranged by {order}";
    Restore { of, order } = 42, "restore", "{of} restored from {order}";

    Group(keys) = 43, "group", "groups by{keys}";
    GroupSum { of, groups } = 44, "group sum", "sum of {of} in {groups}";
    GroupMinimum { of, groups } = 45, "group minimum", "least of {of} in {groups}";
    GroupMaximum { of, groups } = 46, "group maximum", "greatest of {of} in {groups}";
    Occupied(groups) = 47, "occupied", "occupied rows of {groups}";
    Lookup { queries, keys, columns } = 48, "lookup", "lookup of{queries} among{keys} for{columns}";
    Noise { rows, numerator, denominator } = 49, "noise", "noise of scale {numerator}/{denominator} in {rows} rows";
    Gaussian { rows, numerator, denominator } = 50, "gaussian noise", "gaussian noise of deviation {numerator}/{denominator} in {rows} rows";
}

record! {
    Divide { numerator, denominator, numerator_bits, denominator_bits, result_bits, fraction } =
        "{numerator} ({numerator_bits} bits) by {denominator} ({denominator_bits} bits), result {result_bits} bits, {fraction} fraction bits";
}

record! {
    SquareRoot { of, bits, fraction_in, fraction_out } =
        "{of} ({bits} bits, {fraction_in} fraction bits), {fraction_out} fraction bits";
}
