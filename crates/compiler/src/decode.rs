//! Opened integers to the table that a receiver sees.

use thiserror::Error;

use crate::{
    Cell, CellType, ColumnHead, Compiled, Opened, ResultKind, ResultTable, SHOWN, calendar,
    number::format_scaled,
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
    let groups = compiled.groups.len();
    if let Some((output, column)) = outputs.iter().enumerate().find(|(_, column)| column.len() != groups) {
        return Err(DecodeError::Rows { output, expected: groups, found: column.len() });
    }
    let opened = Outputs(outputs);
    let (mut rows, mut suppressed) = (Vec::new(), Vec::new());
    for (row, key) in compiled.groups.iter().enumerate() {
        if opened.bit(SHOWN, row)? {
            let cell = |column: &crate::ResultColumn| cell(&column.kind, key, &opened, row);
            rows.push(compiled.columns.iter().map(cell).collect::<Result<_, _>>()?);
        } else if compiled.has_public_groups {
            suppressed.push(key.clone());
        }
    }
    let head = |column: &crate::ResultColumn| ColumnHead {
        name: column.name.clone(),
        kind: column.cell_type(),
        unit: column.unit.clone(),
    };
    Ok(ResultTable { columns: compiled.columns.iter().map(head).collect(), rows, suppressed })
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
        ResultKind::Key { index, cells } => {
            Ok(key.get(*index).and_then(Option::as_deref).map_or(Cell::Null, |text| key_cell(text, *cells)))
        }
        ResultKind::Count(at) | ResultKind::Integer(at) => opened(at, &Cell::Integer),
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
        CellType::Real | CellType::Text => Cell::Text(text.to_owned()),
    }
}

/// `value / (2^fraction · 10^scale)`, with one rounding for each of the two steps.
fn real(value: i128, fraction: u8, scale: u8) -> f64 {
    value as f64 / 2_f64.powi(fraction.into()) / 10_f64.powi(scale.into())
}
