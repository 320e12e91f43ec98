//! What is known of a window function's values, without looking at any row: their type, between which they lie, how many
//! bytes they have. It follows from what is declared of the column that it is taken of and from the published number of
//! rows.

use contract::{Column, ColumnType, Range};

use super::{
    identifier,
    windowed::{Frame, WindowFunction, Windowed},
};
use crate::{
    Refused, domain,
    groups::sql_type,
    number::{self, DIGITS_MAX, Interval},
};

/// A mean over a window or a group keeps so many more digits than what it is taken of, or as many as there is room for.
const MEAN_DIGITS: u8 = 6;

impl Windowed {
    /// The column that it makes of a table's columns, of which some are computed before it, and published rows.
    pub(super) fn column(&self, own: &[Column], rows: u64) -> Result<Column, Refused> {
        let name = self.name();
        let rows = i128::from(rows.max(1));
        let integer = |min: i128, max: i128| Column {
            range: Some(Range { min: min.to_string(), max: max.to_string() }),
            ..Column::new(&name, ColumnType::Integer)
        };
        let framed = match self.frame {
            Frame::Rows(Some(before)) => rows.min(i128::from(before) + 1),
            Frame::Whole | Frame::Peers | Frame::Rows(None) => rows,
        };
        let unknown = |column: &str| Refused::Meaning(format!("no table has the column `{column}`"));
        let find = |name: &String| own.iter().find(|column| column.name == *name);
        for column in self.columns() {
            find(column).ok_or_else(|| unknown(column))?;
        }
        let Some(of) = self.of.as_ref().and_then(|of| find(&of.column)) else {
            return Ok(match self.function {
                WindowFunction::Count => integer(0, framed),
                _ => integer(1, rows),
            });
        };
        // What one row has, another one gets. That no two rows have the same value does not carry over.
        let carried =
            || Column { name: name.clone(), description: String::new(), unique: false, ..of.clone() };
        let refused = |found: &'static str, expected: &'static str| Refused::ArgumentType {
            function: self.function.name(),
            argument: of.name.clone(),
            found,
            expected,
        };
        let is_number = match of.kind {
            ColumnType::Integer | ColumnType::Decimal { .. } => Ok(()),
            ColumnType::Float { .. } => {
                Err(refused("a float, whose sum hangs on the order of its rows", "integers and decimals"))
            }
            ColumnType::Boolean => Err(refused("a boolean", "integers and decimals")),
            ColumnType::Text => Err(refused("text", "integers and decimals")),
            ColumnType::Date => Err(refused("a date", "integers and decimals")),
            ColumnType::Timestamp => Err(refused("a timestamp", "integers and decimals")),
        };
        match &self.function {
            WindowFunction::RowNumber | WindowFunction::Rank | WindowFunction::DenseRank => {
                Ok(integer(1, rows))
            }
            WindowFunction::Count => Ok(integer(0, framed)),
            WindowFunction::FirstValue | WindowFunction::LastValue => Ok(carried()),
            WindowFunction::Min | WindowFunction::Max => match of.kind {
                ColumnType::Boolean => Err(refused("a boolean", "numbers, dates, timestamps and text")),
                _ => Ok(carried()),
            },
            WindowFunction::Neighbour { .. } => Ok(Column { nullable: true, ..carried() }),
            WindowFunction::Sum => {
                is_number?;
                let Interval { min, max } = domain::range(of)?;
                let scale = domain::scale(of.kind);
                let interval = Interval { min: min.min(min * framed), max: max.max(max * framed) };
                check_width(interval, self.function.name(), of)?;
                Ok(Column { range: Some(range(interval, scale)), values: None, ..carried() })
            }
            WindowFunction::Avg => {
                is_number?;
                let interval = domain::range(of)?;
                let scale = domain::scale(of.kind);
                let kind = ColumnType::Float { scale: mean_scale(interval, scale) };
                Ok(Column { kind, range: Some(range(interval, scale)), values: None, ..carried() })
            }
        }
    }

    /// SQL of a stage over a table's columns, of which it is one; rows that ORDER BY leaves open follow by `ties`.
    pub(super) fn sql_over(&self, columns: &[Column], ties: &[String]) -> String {
        let kind = |name: &str| columns.iter().find(|column| column.name == name).map(|column| column.kind);
        let cast = kind(&self.name()).map(sql_type);
        let exact = self.of.as_ref().map(|of| match kind(&of.column) {
            // BIGINT sums are BIGINT, and wrap.
            Some(ColumnType::Integer) => format!("CAST({} AS DECIMAL(19, 0))", identifier(&of.column)),
            _ => identifier(&of.column),
        });
        self.sql(ties, cast.as_deref(), &exact.unwrap_or_default())
    }
}

/// Numbers have fewer digits than this one.
const LIMIT: u128 = 10_u128.pow(DIGITS_MAX as u32);

/// Digits after the point of a mean.
pub(super) fn mean_scale(interval: Interval, scale: u8) -> u8 {
    let fits = |more: &u8| {
        interval.rescaled(*more).is_some_and(|wide| wide.magnitude() < LIMIT)
            && usize::from(scale + more) < DIGITS_MAX
    };
    scale + (0..=MEAN_DIGITS).rev().find(fits).unwrap_or(0)
}

/// Refuses sums that could have more digits than numbers have.
pub(super) fn check_width(interval: Interval, function: &'static str, of: &Column) -> Result<(), Refused> {
    if interval.magnitude() < LIMIT {
        return Ok(());
    }
    let columns = format!("`{}`", of.name);
    Err(Refused::TooWide {
        function,
        argument: of.name.clone(),
        bits: number::bits(interval.magnitude()),
        most: number::bits(LIMIT),
        columns,
    })
}

pub(super) fn range(Interval { min, max }: Interval, scale: u8) -> Range {
    Range { min: number::format_scaled(min, scale), max: number::format_scaled(max, scale) }
}
