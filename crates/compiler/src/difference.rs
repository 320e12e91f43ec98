//! How far a result lies from an expected one.

use crate::{Cell, ResultTable};

/// The largest differences between two results of the same shape.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Difference {
    /// Largest absolute difference of two numbers.
    pub absolute: f64,
    /// Largest difference of two numbers divided by the larger magnitude.
    pub relative: f64,
    /// Cells that hold no numbers and differ, numbers of an exact type that differ, and rows without a partner.
    pub mismatches: usize,
}

impl ResultTable {
    /// Compares row by row and column by column. A [`Cell::Withheld`] is not compared: nothing was shown.
    ///
    /// `expected` must hold the same groups in the same order: take the rows that were withheld out first
    /// with [`ResultTable::without`].
    pub fn difference(&self, expected: &Self) -> Difference {
        let mut total =
            Difference { mismatches: self.rows.len().abs_diff(expected.rows.len()), ..Difference::default() };
        for (row, other) in self.rows.iter().zip(&expected.rows) {
            total.mismatches += row.len().abs_diff(other.len());
            for (cell, wanted) in row.iter().zip(other) {
                total.add(cell, wanted);
            }
        }
        total
    }

    /// The same table without the rows whose first cells print like one of `keys` (NULL for a missing key).
    ///
    /// This is how an expected answer is cut down to what a floor lets through, when the group keys are the
    /// first columns of the SELECT list in the order of GROUP BY.
    pub fn without(mut self, keys: &[Vec<Option<String>>]) -> Self {
        let is_key = |row: &[Cell], key: &[Option<String>]| {
            row.len() >= key.len()
                && row.iter().zip(key).all(|(cell, part)| match part {
                    Some(text) => *cell != Cell::Null && cell.to_string() == *text,
                    None => *cell == Cell::Null,
                })
        };
        self.rows.retain(|row| !keys.iter().any(|key| is_key(row, key)));
        self
    }
}

impl Difference {
    fn add(&mut self, cell: &Cell, expected: &Cell) {
        if *cell == Cell::Withheld {
            return;
        }
        let (Some(x), Some(y)) = (cell.number(), expected.number()) else {
            self.mismatches += usize::from(cell != expected);
            return;
        };
        let absolute = (x - y).abs();
        let exact = |cell: &Cell| matches!(cell, Cell::Integer(_));
        self.mismatches += usize::from(exact(cell) && exact(expected) && cell != expected);
        self.absolute = self.absolute.max(absolute);
        let magnitude = x.abs().max(y.abs());
        if magnitude > 0.0 {
            self.relative = self.relative.max(absolute / magnitude);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: Vec<Vec<Cell>>) -> ResultTable {
        ResultTable { columns: Vec::new(), rows, suppressed: Vec::new() }
    }

    #[test]
    fn numbers_are_measured_and_everything_else_must_be_equal() {
        let seen =
            table(vec![vec![Cell::Text("a".into()), Cell::Real(2.0), Cell::Integer(3), Cell::Withheld]]);
        let wanted =
            table(vec![vec![Cell::Text("b".into()), Cell::Real(4.0), Cell::Integer(4), Cell::Real(9.0)]]);
        let difference = seen.difference(&wanted);
        assert_eq!((difference.absolute, difference.relative, difference.mismatches), (2.0, 0.5, 2));
    }

    #[test]
    fn withheld_groups_are_taken_out_of_the_expected_answer() {
        let all =
            table(vec![vec![Cell::Null, Cell::Integer(1)], vec![Cell::Text("a".into()), Cell::Integer(2)]]);
        assert_eq!(all.clone().without(&[vec![None]]).rows, all.rows[1..]);
        assert_eq!(all.clone().without(&[vec![Some("a".into())]]).rows, all.rows[..1]);
        assert_eq!(all.clone().without(&[]).rows, all.rows);
    }
}
