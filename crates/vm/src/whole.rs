//! Operations on whole columns: they sort, group, join and scan, and run without being cut into blocks of rows.

use std::sync::Arc;

use engine::{
    Result,
    mpc::{Bits, Mixed, Mpc, Numbers, Shares, parallel},
    ops::{self, Distribution, NoiseScale, Order, Side},
};
use program::{Kind, Operation, Program, ValueId, Values, gaussian_bits, noise_bits};
use ring::{Prg, Seed, Shape};

use crate::{
    column::Column,
    lanes,
    schedule::{Group, Joint, gap},
};

/// Keys that are taken apart into bits at the same time.
const KEYS_AT_ONCE: usize = 8;

/// Runs a group of kind [`Joint::Move`] or [`Joint::Whole`]; results in the order of the members.
pub(crate) fn run<'a, P: Mixed + 'a>(
    protocol: &mut P,
    program: &Program,
    values: &Values,
    group: &Group,
    own: &Seed,
    column: impl Fn(ValueId) -> &'a Column<P>,
) -> Result<Vec<Column<P>>> {
    let members = group.members.iter().filter_map(|&i| program.body.get(i));
    let operands: Vec<Vec<_>> = members
        .clone()
        .map(|operation| operation.operands().into_iter().map(|id| (id, column(id))).collect())
        .collect();
    if let Joint::Move { order, back, bits } = group.kind {
        let Column::Order(order) = column(order) else {
            unreachable!("the verifier admits only orders here")
        };
        let columns: Vec<_> = operands.iter().filter_map(|of| of.first().map(|(_, x)| *x)).collect();
        return match bits {
            true => moved_bits(protocol, order, back, &columns),
            false => moved(protocol, order, back, &columns),
        };
    }
    let ids = group.members.iter().map(|&i| program.result_of(i));
    members
        .zip(&operands)
        .zip(ids)
        .map(|((operation, of), at)| match operation {
            Operation::Noise { rows, numerator, denominator }
            | Operation::Gaussian { rows, numerator, denominator } => {
                let (distribution, bits) = match operation {
                    Operation::Gaussian { .. } => {
                        (Distribution::Gaussian, gaussian_bits(*numerator, *denominator))
                    }
                    _ => (Distribution::Laplace, noise_bits(*numerator, *denominator)),
                };
                let (numerator, denominator, bits) = (*numerator, *denominator, bits.into());
                let scale = NoiseScale { distribution, numerator, denominator, bits };
                // A stream of its own for each instruction.
                let label = [b"noise ".as_slice(), &at.0.to_le_bytes()].concat();
                let mut prg = Prg::new(own.child(&label));
                ops::noise(protocol, scale, *rows as usize, &mut prg).map(Column::Numbers)
            }
            _ => one(protocol, operation, values, of),
        })
        .collect()
}

/// Columns one after another, as many in a call as are moved at once.
fn moved<P: Mixed>(
    protocol: &mut P,
    order: &Order<P>,
    back: bool,
    columns: &[&Column<P>],
) -> Result<Vec<Column<P>>> {
    let rows = order.rows();
    let mut all = Vec::with_capacity(columns.len());
    for some in columns.chunks(ops::columns_at_once(rows)) {
        let numbers: Vec<_> = some.iter().map(|column| column.numbers(protocol)).collect();
        let numbers = Numbers::<P>::concat(&numbers.iter().collect::<Vec<_>>());
        let moved = if back { order.undo(protocol, &numbers)? } else { order.apply(protocol, &numbers)? };
        all.extend((0..some.len()).map(|i| Column::Numbers(moved.slice(i * rows..(i + 1) * rows))));
    }
    Ok(all)
}

/// All columns in one call, as bits of one row.
fn moved_bits<P: Mixed>(
    protocol: &mut P,
    order: &Order<P>,
    back: bool,
    columns: &[&Column<P>],
) -> Result<Vec<Column<P>>> {
    let bits: Vec<_> = columns.iter().map(|column| column.bits(protocol)).collect();
    let all = Bits::stack(&bits.iter().collect::<Vec<_>>(), order.rows());
    let moved = if back { order.undo_bits(protocol, &all)? } else { order.apply_bits(protocol, &all)? };
    Ok((0..columns.len()).map(|i| Column::Bits(moved.bit(i))).collect())
}

/// One operation on its operands and their ids.
fn one<P: Mixed>(
    protocol: &mut P,
    operation: &Operation,
    values: &Values,
    operands: &[(ValueId, &Column<P>)],
) -> Result<Column<P>> {
    use Operation as O;
    match (operation, operands) {
        (O::Sort(order), _) => {
            let keys: Vec<_> = order
                .iter()
                .zip(operands)
                .map(|(key, (id, column))| Key { column, bits: bits(*id, values), flipped: key.descending })
                .collect();
            let keys = stacked(protocol, &keys)?;
            Ok(Column::Order(Arc::new(ops::sort(protocol, &keys)?)))
        }
        (O::Group(_), _) => {
            let keys: Vec<_> = operands
                .iter()
                .map(|(id, column)| Key { column, bits: bits(*id, values), flipped: false })
                .collect();
            let keys = stacked(protocol, &keys)?;
            Ok(Column::Groups(Arc::new(ops::group(protocol, &keys)?)))
        }
        (O::GroupSum { .. }, [(_, x), (_, Column::Groups(groups))]) => {
            groups.sum(protocol, &x.numbers(protocol)).map(Column::Numbers)
        }
        (O::GroupMinimum { .. }, [(id, x), (_, Column::Groups(groups))]) => {
            groups.min(protocol, &x.numbers(protocol), spread(*id, values)).map(Column::Numbers)
        }
        (O::GroupMaximum { .. }, [(id, x), (_, Column::Groups(groups))]) => {
            groups.max(protocol, &x.numbers(protocol), spread(*id, values)).map(Column::Numbers)
        }
        (O::Lookup { queries, keys, .. }, _) => {
            lookup(protocol, values, operands, [queries.len(), keys.len()]).map(Column::Numbers)
        }
        (O::Least(_), [(id, x)]) => {
            let (x, width) = (x.numbers(protocol), spread(*id, values));
            ops::min_blocks(protocol, &x, x.len(), width).map(Column::Numbers)
        }
        (O::Greatest(_), [(id, x)]) => {
            let (x, width) = (x.numbers(protocol), spread(*id, values));
            ops::max_blocks(protocol, &x, x.len(), width).map(Column::Numbers)
        }
        (O::RunningMinimum { .. }, [(id, x), (_, starts)]) => {
            let (x, starts) = (x.numbers(protocol), starts.bits(protocol));
            ops::segmented_min(protocol, &x, &starts, spread(*id, values)).map(Column::Numbers)
        }
        (O::RunningMaximum { .. }, [(id, x), (_, starts)]) => {
            let (x, starts) = (x.numbers(protocol), starts.bits(protocol));
            ops::segmented_max(protocol, &x, &starts, spread(*id, values)).map(Column::Numbers)
        }
        (O::Decompose { width, .. }, [(_, x)]) => {
            let bits = ops::decompose(protocol, &x.numbers(protocol), (*width).into())?;
            let slices: Vec<_> = (0..bits.width()).map(|place| bits.bit(place)).collect();
            Ok(Column::Bits(lanes::concat(&slices.iter().collect::<Vec<_>>())))
        }
        (O::MatrixMultiply(..), [(left, x), (right, y)]) => {
            let (left, right) = (values[*left].ty, values[*right].ty);
            let (rows, inner, columns) = (left.rows as usize, right.rows as usize, right.columns as usize);
            let (x, y) = (x.numbers(protocol), y.numbers(protocol));
            Mpc::<P::Num>::matmul(protocol, &x, &y, Shape { rows, inner, columns }).map(Column::Numbers)
        }
        _ => unreachable!("the verifier checks each operation's operands, and the schedule what is joint"),
    }
}

/// A column of a key.
struct Key<'a, P: Mixed> {
    column: &'a Column<P>,
    /// Of the magnitude.
    bits: u32,
    flipped: bool,
}

/// The keys as bits that ascend as they do, the last one lowest.
fn stacked<P: Mixed>(protocol: &mut P, keys: &[Key<'_, P>]) -> Result<Bits<P>> {
    let mut parts = parallel(protocol, KEYS_AT_ONCE, keys, |protocol, key| {
        let bits = match key.column {
            Column::Bits(_) | Column::Public(Kind::Bit, _) => key.column.bits(protocol),
            numbers => ops::sortable(protocol, &numbers.numbers(protocol), key.bits + 1)?,
        };
        Ok(if key.flipped { bits.not(protocol) } else { bits })
    })?;
    parts.reverse();
    let rows = parts.first().map_or(0, Bits::rows);
    Ok(Bits::stack(&parts.iter().collect::<Vec<_>>(), rows))
}

/// `operands` are the queries' columns, as many of the keys, and what is fetched.
fn lookup<P: Mixed>(
    protocol: &mut P,
    values: &Values,
    operands: &[(ValueId, &Column<P>)],
    [queries, keys]: [usize; 2],
) -> Result<Numbers<P>> {
    let (asked, rest) = operands.split_at(queries.min(operands.len()));
    let (known, fetched) = rest.split_at(keys.min(rest.len()));
    let widths: Vec<_> =
        asked.iter().zip(known).map(|((x, _), (y, _))| bits(*x, values).max(bits(*y, values))).collect();
    let side = |columns: &[(ValueId, &'_ Column<P>)], protocol: &mut P| {
        let keys = columns.iter().zip(&widths).map(|((_, column), bits)| Key {
            column,
            bits: *bits,
            flipped: false,
        });
        stacked(protocol, &keys.collect::<Vec<_>>())
    };
    let (asked, known) = protocol.both(|protocol| side(asked, protocol), |protocol| side(known, protocol))?;
    let fetched: Vec<_> = fetched.iter().map(|(_, column)| column.numbers(protocol)).collect();
    let left = Side { keys: &asked, valid: None, columns: &[] };
    let right = Side { keys: &known, valid: None, columns: &fetched };
    let found = ops::lookup(protocol, &left, &right)?;
    let matched = protocol.inject(&found.matched)?;
    let columns = std::iter::once(&matched).chain(&found.columns).collect::<Vec<_>>();
    Ok(Numbers::<P>::concat(&columns))
}

/// Of the magnitude.
fn bits(id: ValueId, values: &Values) -> u32 {
    values[id].bits().into()
}

/// The width of which all differences within a column are, with a sign.
fn spread(id: ValueId, values: &Values) -> u32 {
    u128::BITS - gap(&values[id], &values[id]).leading_zeros() + 1
}
