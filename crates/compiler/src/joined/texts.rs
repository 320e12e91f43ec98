//! MIN and MAX of text over the pairs of two tables' rows. A text is several integers that are compared one after the other
//! ([`crate::packed`]): the least first one among the rows that count is the least text's, then the least second one among
//! the rows that have that first one, and so on. Cost: for each integer and pair of groups the least of the first table's
//! rows, and an equality for each of them.

use program::{Builder, Operation, ValueId};

use super::Pairs;
use crate::{
    Refused,
    stage::{Partial, TextPart},
    text_extremes,
};

impl Pairs<'_> {
    /// The least or greatest text's integers, each for each of the query's groups.
    pub(super) fn text(&self, builder: &mut Builder, text: &TextPart) -> Result<Vec<ValueId>, Refused> {
        let parts = TextPart::all(&text.of, text.is_least);
        let mut found: Option<Vec<ValueId>> = None;
        for term in 0..self.terms() {
            let of_term = self.text_of_term(builder, text, &parts, term)?;
            found = Some(match found {
                Some(others) => text_extremes::extreme(builder, &others, &of_term, text.is_least)?,
                None => of_term,
            });
        }
        let Some(found) = found else { return parts.iter().map(|_| self.by_group(builder, None)).collect() };
        found.into_iter().map(|pairs| self.by_group(builder, Some(pairs))).collect()
    }

    /// Each integer for each pair of groups, over the rows of the first table.
    fn text_of_term(
        &self,
        builder: &mut Builder,
        text: &TextPart,
        parts: &[TextPart],
        term: usize,
    ) -> Result<Vec<ValueId>, Refused> {
        let (side, is_first) = (text.of.side, text.of.side == 0);
        let weights = self.weights(builder, &Partial::Text(text.clone()), side, term)?;
        // A row without a partner has no value of the second table's columns.
        let own = self.columns(side, &Partial::Rows, term);
        let (here, there) = if is_first { (own, weights) } else { (weights, own) };
        let (here, there) = (self.positive(builder, &here)?, self.positive(builder, &there)?);
        let mut of_pairs: Vec<Vec<ValueId>> = vec![Vec::new(); parts.len()];
        for (i, here) in here.iter().enumerate() {
            for (j, there) in there.iter().enumerate() {
                let mut among = builder.and(*here, *there)?;
                for (part, found) in parts.iter().zip(&mut of_pairs) {
                    let values = self.columns(side, &Partial::Text(part.clone()), term);
                    let Some(value) = values.get(if is_first { i } else { j }) else { continue };
                    // Where no row counts, the least first integer is more than any text has.
                    let other = builder.constant(vec![if part.is_least { part.most() } else { 0 }])?;
                    let other = builder.repeat(other, self.rows)?;
                    let masked = builder.select(among, *value, other)?;
                    let best = builder.push(match part.is_least {
                        true => Operation::Least(masked),
                        false => Operation::Greatest(masked),
                    })?;
                    found.push(best);
                    let best = builder.repeat(best, self.rows)?;
                    let has_it = builder.equal(*value, best)?;
                    among = builder.and(among, has_it)?;
                }
            }
        }
        of_pairs.into_iter().map(|pairs| Ok(builder.concat(pairs)?)).collect()
    }
}
