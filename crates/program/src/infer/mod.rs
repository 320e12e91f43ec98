//! The type rules: what an operation yields, from what its operands are.

mod arithmetic;
mod functions;
mod moves;
mod site;
mod tables;

use crate::{
    Flaw, Kind, Operation, Type, Value, ValueId, Visibility,
    operation::{gaussian_bits, noise_bits},
    verify::limits::MAX_BITS,
};
use site::Site;

/// The largest magnitude that any number may have: below 2^[`MAX_BITS`].
const MAX_MAGNITUDE: u128 = (1 << MAX_BITS) - 1;

/// What `operation` yields when it follows the values `defined`.
pub(crate) fn infer(operation: &Operation, defined: &[Value]) -> Result<Value, Flaw> {
    // Callers bound the number of values far below 2^32.
    let site = Site { name: operation.name(), at: ValueId(defined.len() as u32), defined };
    use Operation::*;
    match operation {
        Constant { kind, values } => site.constant(*kind, values),
        Add(x, y) | Subtract(x, y) => site.sum_of_two(*x, *y),
        Negate(x) => site.number(*x),
        Multiply(x, y) => site.product(*x, *y),
        Sum(x) => site.sum(*x),
        ToInteger(x) => site.of_kind(Kind::Bit, *x).map(|x| with_kind(x, Kind::Integer)),
        LessThan(x, y) | Equal(x, y) => site.numbers([*x, *y]).map(|[x, y]| bit(&x, &[x, y])),
        Minimum(x, y) | Maximum(x, y) => site.numbers([*x, *y]).map(|[x, y]| one_of(&x, &[x, y])),
        Not(x) => site.of_kind(Kind::Bit, *x).map(|x| bit(&x, &[x])),
        And(x, y) | Or(x, y) | Xor(x, y) => site.columns(Kind::Bit, [*x, *y]).map(|[x, y]| bit(&x, &[x, y])),
        Select { condition, then, otherwise } => site.select(*condition, *then, *otherwise),
        Divide(d) => site.divide(d),
        SquareRoot(s) => site.square_root(s),
        Slice { of, start, rows } => site.slice(*of, *start, *rows),
        Concat(of) => site.concat(of),
        Repeat { of, times } => site.repeat(*of, *times),
        Rescale { of, fraction } => site.rescale(*of, *fraction),
        RescaleNear { of, fraction } => site.rescale_near(*of, *fraction),
        Floor(x) => site.floor(*x),
        ReadAs { of, kind } => site.read_as(*of, *kind),
        ShiftLeft { of, places } => site.shift_left(*of, *places),
        ShiftRight { of, places } => site.shift_right(*of, *places),
        MatrixMultiply(x, y) => site.matrix_product(*x, *y),
        Transpose(x) => site.transpose(*x),
        Reshape { of, rows, columns } => site.reshape(*of, *rows, *columns),
        Exp { of, result_bits } => site.exp(*of, *result_bits),
        Log(x) => site.log(*x),
        Sigmoid(x) => site.sigmoid(*x),
        Tanh(x) => site.tanh(*x),
        Least(x) | Greatest(x) => site.extreme(*x),
        RunningSum(x) => site.running_sum(*x),
        RunningMinimum { of, starts } | RunningMaximum { of, starts } => site.running_extreme(*of, *starts),
        Decompose { of, width } => site.decompose(*of, *width),
        Sort(keys) => site.opaque(Kind::Order, keys.iter().map(|key| key.of)),
        Arrange { of, order } | Restore { of, order } => site.arrange(*of, *order),
        Group(keys) => site.opaque(Kind::Groups, keys.iter().copied()),
        GroupSum { of, groups } => site.group_sum(*of, *groups),
        GroupMinimum { of, groups } | GroupMaximum { of, groups } => site.group_extreme(*of, *groups),
        Occupied(groups) => site.occupied(*groups),
        Lookup { queries, keys, columns } => site.lookup(queries, keys, columns),
        Noise { rows, numerator, denominator } => site.noise(*rows, [*numerator, *denominator], noise_bits),
        Gaussian { rows, numerator, denominator } => {
            site.noise(*rows, [*numerator, *denominator], gaussian_bits)
        }
    }
}

/// Public only if every operand is.
fn joint(operands: &[Value]) -> Visibility {
    operands.iter().map(|v| v.ty.visibility).max().unwrap_or(Visibility::Public)
}

fn with_kind(x: Value, kind: Kind) -> Value {
    Value { ty: Type { kind, ..x.ty }, ..x }
}

/// A bit of the shape of `like`: certain if all it depends on is exact.
fn bit(like: &Value, operands: &[Value]) -> Value {
    let ty = Type { kind: Kind::Bit, visibility: joint(operands), ..like.ty };
    let error = u128::from(!operands.iter().all(Value::is_exact));
    Value { ty, magnitude: 1, error: Some(error) }
}

/// One of several values, row by row: which one may be misjudged by their errors, but it is then as near.
fn one_of(like: &Value, operands: &[Value]) -> Value {
    let magnitude = operands.iter().map(|v| v.magnitude).max().unwrap_or(0);
    let error = operands.iter().map(|v| v.error).try_fold(0, |most, error| Some(error?.max(most)));
    Value { ty: Type { visibility: joint(operands), ..like.ty }, magnitude, error }
}

/// The error of a value that has `error` when the secret `choice` that it follows is exact, and may be any other of its
/// magnitude when it isn't.
fn chosen(choice: &Value, magnitude: u128, error: Option<u128>) -> Option<u128> {
    let error = error?;
    Some(if choice.is_exact() { error } else { magnitude.saturating_mul(2).max(error) })
}
