//! Groups by what windows give: `GROUP BY before`, where `LAG(status) OVER (…) AS before` has the column's public values.
//!
//! *Cost*: for each value of such a column one comparison of n rows, in each of its integers, and for each group of them a
//! product for each such column but one; for each of all groups one more.

use program::{Builder, ValueId};

use super::functions::Rows;
use crate::{
    Construct, Refused,
    domain::Value,
    groups::{Apart, Groups},
    held::Held,
    packed,
    sql::ON_SHARES,
    union::tree,
};

impl Rows<'_> {
    /// How often each row counts in each group, given how often it does in those that owners know of.
    pub(super) fn by_group(
        &self,
        builder: &mut Builder,
        groups: &Groups,
        known: &[ValueId],
        of_known: &[usize],
    ) -> Result<Vec<ValueId>, Refused> {
        let Apart { places, lists, of } = groups.told_apart(ON_SHARES);
        let columns: Vec<_> = places.iter().filter_map(|place| groups.columns.get(*place)).collect();
        let mut found: Vec<(usize, Option<&Value>, ValueId)> = Vec::new();
        let mut weights = Vec::with_capacity(lists.len());
        for values in &lists {
            let mut bits = Vec::with_capacity(values.len());
            for (place, (column, value)) in columns.iter().zip(values).enumerate() {
                let before = found.iter().find(|(of, with, _)| *of == place && with == value);
                let bit = match before {
                    Some((_, _, bit)) => *bit,
                    None => {
                        let held = self.columns.held(&column.name)?;
                        let bytes_max = packed::bytes_max(column).unwrap_or_default();
                        let bit = self.has_value(builder, &held, *value, bytes_max)?;
                        found.push((place, *value, bit));
                        bit
                    }
                };
                bits.push(bit);
            }
            let all = tree(builder, bits, Builder::and)?;
            let all = all.ok_or_else(|| Construct::RowWindowOwners.refuse(&"GROUP BY"))?;
            weights.push(builder.to_integer(all)?);
        }
        let both = of_known.iter().zip(&of);
        let both = both.filter_map(|(own, shared)| Some((*known.get(*own)?, *weights.get(*shared)?)));
        both.map(|(own, shared)| Ok(builder.multiply(own, shared)?)).collect()
    }

    fn has_value(
        &self,
        builder: &mut Builder,
        held: &Held,
        value: Option<&Value>,
        bytes_max: u16,
    ) -> Result<ValueId, Refused> {
        let refused = || Construct::RowWindowOwners.refuse(&"GROUP BY");
        let Some(value) = value else { return held.missing.ok_or_else(refused) };
        let integers = match value {
            Value::Boolean(value) => vec![i128::from(*value)],
            Value::Number(value) => vec![*value],
            Value::Date(days) => vec![i128::from(*days)],
            Value::Timestamp(micros) => vec![i128::from(*micros)],
            Value::Text(text) => packed::integers(text, bytes_max).ok_or_else(refused)?,
        };
        let mut bits = Vec::with_capacity(integers.len() + 1);
        for (own, integer) in held.integers.iter().zip(integers) {
            let integer = self.columns.each(builder, integer)?;
            bits.push(builder.equal(*own, integer)?);
        }
        let bit = tree(builder, bits, Builder::and)?.ok_or_else(refused)?;
        self.columns.known(builder, bit, std::iter::once(held))
    }
}
