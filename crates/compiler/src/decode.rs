//! Opened integers to the table that a receiver sees.

use thiserror::Error;

use crate::{
    Cell, CellType, ColumnHead, Compiled, Opened, ResultColumn, ResultKind, ResultTable, SHOWN, calendar,
    moments, number::format_scaled, packed,
};

/// Opened values that are not the program's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Another number of output columns.
    #[error("expected {expected} opened columns, found {found}")]
    Outputs {
        /// The program's.
        expected: usize,
        /// Given.
        found: usize,
    },
    /// A column of another length.
    #[error("opened column {output}: expected {expected} rows, found {found}")]
    Rows {
        /// Which output.
        output: usize,
        /// The number of groups.
        expected: usize,
        /// Given.
        found: usize,
    },
    /// A group that is none of the query's.
    #[error("opened column {output}, row {row}: there is no such group")]
    NoGroup {
        /// Which output.
        output: usize,
        /// Which row, from 0.
        row: usize,
    },
    /// Expressions over the opened groups that have no value.
    #[error("the expressions over the opened groups cannot be computed: {0}")]
    Finish(String),
    /// Integers that are no text.
    #[error(
        "opened column {output}, row {row}: expected the bytes of a text of at most {bytes_max} bytes; who put it in shared something else"
    )]
    NotText {
        /// The output of its first integer.
        output: usize,
        /// Which row, from 0.
        row: usize,
        /// What its column declares.
        bytes_max: u16,
    },
    /// A bit that is neither 0 nor 1.
    #[error("opened column {output}, row {row}: expected the bit 0 or 1")]
    NotBit {
        /// Which output.
        output: usize,
        /// Which row, from 0.
        row: usize,
    },
}

/// Reads a program's opened outputs as the query's result.
pub fn decode(compiled: &Compiled, outputs: &[Vec<i128>]) -> Result<ResultTable, DecodeError> {
    let expected = compiled.program.outputs.len();
    if outputs.len() != expected {
        return Err(DecodeError::Outputs { expected, found: outputs.len() });
    }
    let groups = compiled.rows;
    if let Some((output, column)) = outputs.iter().enumerate().find(|(_, column)| column.len() != groups) {
        return Err(DecodeError::Rows { output, expected: groups, found: column.len() });
    }
    let opened = Outputs(outputs);
    let (mut rows, mut suppressed) = (Vec::new(), Vec::new());
    let nothing = Vec::new();
    for row in 0..compiled.rows {
        if opened.bit(SHOWN, row)? {
            let key = group(compiled, &opened, row)?.unwrap_or(&nothing);
            let of =
                |kind: Option<&ResultKind>| kind.map_or(Ok(Cell::Null), |kind| cell(kind, key, &opened, row));
            let cells: Result<Vec<Cell>, DecodeError> = match &compiled.finish {
                Some(finish) => finish.inputs.iter().map(|kind| of(kind.as_ref())).collect(),
                None => compiled.columns.iter().map(|column| of(Some(&column.kind))).collect(),
            };
            rows.push(cells?);
        } else if compiled.names_withheld {
            suppressed.extend(group(compiled, &opened, row)?.cloned());
        }
    }
    if let Some(finish) = &compiled.finish {
        rows = finish.rows(&rows).map_err(DecodeError::Finish)?;
        rows.iter_mut().for_each(|row| approximate(row, &compiled.columns));
    }
    let head = |column: &ResultColumn| ColumnHead {
        name: column.name.clone(),
        kind: column.cell_type(),
        unit: column.unit.clone(),
    };
    Ok(ResultTable { columns: compiled.columns.iter().map(head).collect(), rows, suppressed })
}

/// Marks as approximate what stood in a decimal column of the plan's while it was finished, and is the nearest to its
/// value there rather than exact.
fn approximate(row: &mut [Cell], columns: &[ResultColumn]) {
    for (cell, column) in row.iter_mut().zip(columns) {
        if let (Cell::Decimal(_), CellType::Real) = (&*cell, column.cell_type()) {
            *cell = cell.number().map_or(Cell::Null, Cell::Real);
        }
    }
}

/// A row's public group; nothing where groups are not public.
fn group<'c>(
    compiled: &'c Compiled,
    outputs: &Outputs<'_>,
    row: usize,
) -> Result<Option<&'c Vec<Option<String>>>, DecodeError> {
    let Some(output) = compiled.group_at else { return Ok(compiled.groups.get(row)) };
    let group =
        usize::try_from(outputs.value(output, row)?).ok().and_then(|group| compiled.groups.get(group));
    group.map(Some).ok_or(DecodeError::NoGroup { output, row })
}

/// Output columns, all as long as there are groups.
struct Outputs<'a>(&'a [Vec<i128>]);

impl Outputs<'_> {
    fn value(&self, output: usize, row: usize) -> Result<i128, DecodeError> {
        let column = self.0.get(output);
        let found = self.0.len();
        let column = column.ok_or(DecodeError::Outputs { expected: output + 1, found })?;
        column.get(row).copied().ok_or(DecodeError::Rows { output, expected: row + 1, found: column.len() })
    }

    fn bit(&self, output: usize, row: usize) -> Result<bool, DecodeError> {
        match self.value(output, row)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::NotBit { output, row }),
        }
    }
}

fn cell(
    kind: &ResultKind,
    key: &[Option<String>],
    outputs: &Outputs<'_>,
    row: usize,
) -> Result<Cell, DecodeError> {
    let opened = |opened: &Opened, show: &dyn Fn(i128) -> Cell| {
        let valid = match opened.valid {
            Some(output) => outputs.bit(output, row)?,
            None => true,
        };
        Ok(match (valid, opened.null_if_invalid) {
            (true, _) => show(outputs.value(opened.output, row)?),
            (false, true) => Cell::Null,
            (false, false) => Cell::Withheld,
        })
    };
    match kind {
        ResultKind::Text { opened: at, parts, bytes_max } => {
            if at.valid.map_or(Ok(true), |valid| outputs.bit(valid, row))? {
                let integers = parts.iter().map(|part| outputs.value(*part, row));
                let text = packed::text(&integers.collect::<Result<Vec<_>, _>>()?, *bytes_max);
                let bytes_max = *bytes_max;
                text.map(Cell::Text).ok_or(DecodeError::NotText { output: at.output, row, bytes_max })
            } else {
                // Of a key that it is NULL; of an extreme also that too few values are there.
                Ok(if at.null_if_invalid { Cell::Null } else { Cell::Withheld })
            }
        }
        ResultKind::Key { index, cells } => {
            Ok(key.get(*index).and_then(Option::as_deref).map_or(Cell::Null, |text| key_cell(text, *cells)))
        }
        // Stands in place of its value until that is computed.
        ResultKind::Computed { .. } => Ok(Cell::Null),
        ResultKind::Count(at) | ResultKind::Integer(at) => opened(at, &Cell::Integer),
        ResultKind::Boolean(at) => opened(at, &|value| Cell::Boolean(value != 0)),
        ResultKind::Decimal { opened: at, scale } => {
            opened(at, &|value| Cell::Decimal(format_scaled(value, *scale)))
        }
        ResultKind::Date(at) => opened(at, &|days| {
            Cell::Date(calendar::text(i32::try_from(days).unwrap_or(if days < 0 {
                i32::MIN
            } else {
                i32::MAX
            })))
        }),
        ResultKind::Timestamp(at) => opened(at, &|micros| {
            let nearest = if micros < 0 { i64::MIN } else { i64::MAX };
            Cell::Timestamp(moments::text(i64::try_from(micros).unwrap_or(nearest)))
        }),
        ResultKind::Real { opened: at, fraction_bits, scale } => {
            opened(at, &|value| Cell::Real(real(value, *fraction_bits, *scale)))
        }
    }
}

/// A public key's cell; the text was written by this crate from a value of that type.
fn key_cell(text: &str, cells: CellType) -> Cell {
    match cells {
        CellType::Boolean => Cell::Boolean(text == "true"),
        CellType::Integer => text.parse().map_or_else(|_| Cell::Text(text.to_owned()), Cell::Integer),
        CellType::Decimal => Cell::Decimal(text.to_owned()),
        CellType::Date => Cell::Date(text.to_owned()),
        CellType::Timestamp => Cell::Timestamp(text.to_owned()),
        CellType::Real | CellType::Text => Cell::Text(text.to_owned()),
    }
}

/// `value / (2^fraction · 10^scale)`, with one rounding for each of the two steps.
fn real(value: i128, fraction: u8, scale: u8) -> f64 {
    value as f64 / 2_f64.powi(fraction.into()) / 10_f64.powi(scale.into())
}
