//! MIN and MAX of text. Each owner's stage finds its own least text of a group and shares it as integers ([`packed`]), which
//! stand in the order of texts if they are compared one after the other. Cost: for each owner but one, and each integer of a
//! text, two comparisons a group and a choice.
//!
//! [`packed`]: crate::packed

use std::collections::BTreeMap;

use program::{Builder, ValueId};

use crate::{
    Refused, ResultKind, Table,
    lower::Joint,
    sql::{Aggregate, Argument, Function, JoinKind, Joined, Relation},
    stage::{Partial, TextPart},
};

/// Refuses texts where their integers cannot be compared: over more than two tables, or over rows that FULL JOIN keeps; of
/// the second table of a join where several owners have rows of one key.
pub(crate) fn check(
    partials: &[Partial],
    relations: &[(&Relation, &Table)],
    join: Option<&Joined>,
) -> Result<(), Refused> {
    for partial in partials {
        let Partial::Text(text) = partial else { continue };
        let is_found = match join {
            None | Some(Joined::Home) => true,
            Some(Joined::Two(join)) => {
                let datasets = relations.get(1).map_or(0, |(_, table)| table.datasets.len());
                join.kind != JoinKind::Full && (text.of.side == 0 || datasets <= 1)
            }
            Some(
                Joined::Tree(_)
                | Joined::Set(_)
                | Joined::Threshold(_)
                | Joined::Windows(_)
                | Joined::Nested(_),
            ) => false,
        };
        if !is_found {
            return Err(partial.refuse());
        }
    }
    Ok(())
}

/// The least and greatest texts of all owners' own; `shared` has for each partial result a value of each owner.
pub(crate) fn combine(
    builder: &mut Builder,
    partials: &[&Partial],
    shared: &[Vec<ValueId>],
    combined: &mut BTreeMap<String, ValueId>,
) -> Result<(), Refused> {
    let of_name = |name: &str| {
        let known = partials.iter().zip(shared).find(|(partial, _)| partial.name() == name);
        known.map_or(&[][..], |(_, values)| values.as_slice())
    };
    for partial in partials {
        let Partial::Text(TextPart { of, is_least, part: 0 }) = partial else { continue };
        let names: Vec<String> =
            TextPart::all(of, *is_least).into_iter().map(|part| Partial::Text(part).name()).collect();
        let owners = of_name(&partial.name()).len();
        let text = |owner: usize| {
            names.iter().filter_map(|name| of_name(name).get(owner)).copied().collect::<Vec<ValueId>>()
        };
        let mut texts: Vec<Vec<ValueId>> = (0..owners).map(text).collect();
        // Pairwise, so that as few steps as possible depend on each other.
        while texts.len() > 1 {
            let mut halved = Vec::with_capacity(texts.len().div_ceil(2));
            for pair in texts.chunks(2) {
                halved.push(match pair {
                    [x, y] => extreme(builder, x, y, *is_least)?,
                    rest => rest.concat(),
                });
            }
            texts = halved;
        }
        combined.extend(names.iter().cloned().zip(texts.concat()));
    }
    Ok(())
}

/// The lesser or greater of two texts.
pub(crate) fn extreme(
    builder: &mut Builder,
    x: &[ValueId],
    y: &[ValueId],
    is_least: bool,
) -> Result<Vec<ValueId>, Refused> {
    let mut before = None;
    for (x, y) in x.iter().zip(y).rev() {
        let is_less = builder.less_than(*x, *y)?;
        before = Some(match before {
            None => is_less,
            Some(rest) => {
                let is_same = builder.equal(*x, *y)?;
                let later = builder.and(is_same, rest)?;
                builder.or(is_less, later)?
            }
        });
    }
    let Some(before) = before else { return Ok(Vec::new()) };
    let mut chosen = Vec::with_capacity(x.len());
    for (x, y) in x.iter().zip(y) {
        let (then, otherwise) = if is_least { (*x, *y) } else { (*y, *x) };
        chosen.push(builder.select(before, then, otherwise)?);
    }
    Ok(chosen)
}

impl Joint {
    /// The least or greatest text, whose integers are opened one by one.
    pub(crate) fn text_extreme(
        &mut self,
        aggregate: &Aggregate,
        argument: &Argument,
        valid: ValueId,
    ) -> Result<ResultKind, Refused> {
        let mut first = None;
        let mut parts = Vec::new();
        for text in TextPart::all(argument, aggregate.function == Function::Min) {
            let partial = Partial::Text(text);
            let integer = self.partial(&partial);
            let integer = self.builder.select(valid, integer, self.zero)?;
            if first.is_none() {
                let opened = self.opened(aggregate, integer, valid, self.floor_rows)?;
                parts.push(opened.output);
                first = Some(opened);
            } else {
                parts.push(self.open(partial.name(), integer)?);
            }
        }
        let opened = first.ok_or_else(|| Refused::NoBytes(argument.shown.clone()))?;
        let bytes_max = argument.bytes_max.unwrap_or_default();
        Ok(ResultKind::Text { opened, parts, bytes_max })
    }
}
