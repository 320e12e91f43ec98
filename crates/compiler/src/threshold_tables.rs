//! What each table of a comparison with a subquery shares, and what is made of it before rows are compared
//! ([`crate::threshold`]).

use std::collections::BTreeMap;

use contract::Column;
use program::{Builder, ValueId};

use crate::{
    Construct, Refused, Table,
    aggregation::Aggregation,
    behind::{Behind, Contributing},
    keyed::{self, Merged},
    local,
    masked::{Layout, Weighted},
    number::bits,
    sql::{Aggregate, Function, Partner, Relation, Threshold, identifier},
    stage::{self, Partial},
    union,
};

/// The mark of a key that may be found, in either table.
const KEYED: u8 = 1;
/// Of a row of the query that finds nothing: its key is NULL, or it has no meaning.
const ALONE: u8 = 2;

/// A relation and its table.
pub(crate) type Of<'a> = (&'a Relation, &'a Table);

/// The table that is aggregated.
pub(crate) struct Outside<'a> {
    pub(crate) of: Of<'a>,
    pub(crate) threshold: &'a Threshold,
    pub(crate) layout: Layout<'a>,
}

/// Its rows, of all owners one below the other.
pub(crate) struct Rows {
    /// What is compared.
    pub(crate) value: ValueId,
    /// The key's integers and its mark; none where there is no key.
    pub(crate) keys: Vec<ValueId>,
    /// The same of the key by which a row must meet another table's.
    pub(crate) partners: Vec<ValueId>,
    /// Those of [`Layout`].
    pub(crate) columns: Vec<ValueId>,
    pub(crate) count: u32,
}

impl Outside<'_> {
    pub(crate) fn stages(&self, builder: &mut Builder) -> Result<Vec<u16>, Refused> {
        keyed::stages(builder, self.of.0, self.of.1, |rows| self.sql(rows))
    }

    /// What rows look up elsewhere: by the subquery's key, and by that of a table that they must meet.
    fn keys(&self) -> [(&'static str, &[[Column; 2]]); 2] {
        let partner = self.threshold.partner.as_ref().map_or(&[][..], |partner| &partner.keys);
        [("key", &self.threshold.keys), ("partner's key", partner)]
    }

    fn sql(&self, rows: u32) -> String {
        let (relation, table) = self.of;
        let compared = &self.threshold.compared;
        let mut keys = vec![("value".to_owned(), compared.sql.clone(), 0)];
        for (name, pairs) in self.keys().into_iter().filter(|(_, pairs)| !pairs.is_empty()) {
            let present = pairs.iter().map(|[own, _]| format!("{} IS NOT NULL", identifier(&own.name)));
            let present = present.collect::<Vec<_>>().join(" AND ");
            let limbs = pairs.iter().flat_map(|[own, _]| keyed::limbs(own)).enumerate();
            keys.extend(limbs.map(|(number, limb)| {
                let limb = format!("CASE WHEN {present} THEN {limb} ELSE 0 END");
                (format!("{name} {}", number + 1), limb, 0)
            }));
            let mark = format!("CASE WHEN {present} THEN {KEYED} ELSE {ALONE} END");
            keys.push((format!("{name}, mark"), mark, ALONE));
        }
        keys.extend(self.layout.keys().into_iter().map(|(name, sql)| (name, sql, 0)));
        let names: Vec<(String, u8)> = keys.iter().map(|(name, _, absent)| (name.clone(), *absent)).collect();
        let keys = keys.into_iter().map(|(name, sql, _)| (name, sql)).collect();
        let filter = relation.filter.as_ref().map(|filter| format!("({filter})"));
        let filters = filter.into_iter().chain([format!("({}) IS NOT NULL", compared.presence)]).collect();
        let calls = self.layout.calls();
        let inner = Aggregation { from: relation.name(table), filters, keys, calls }.sql();
        keyed::padded(rows, &names, &self.layout.shared(), &inner, &[])
    }

    pub(crate) fn inputs(&self, builder: &mut Builder, stages: &[u16]) -> Result<Vec<Vec<ValueId>>, Refused> {
        let mut columns = Vec::new();
        for (source, stage) in self.of.1.datasets.iter().zip(stages) {
            let width = bits(self.threshold.compared.interval.magnitude()).max(1);
            let value = stage::cut(&self.threshold.compared.shown);
            let mut named = vec![(format!("value of {value}, to be compared"), width)];
            for (name, pairs) in self.keys() {
                let parts = key_widths(pairs)?.into_iter().enumerate();
                named.extend(
                    parts.map(|(part, width)| (format!("{name} of the row, part {}", part + 1), width)),
                );
            }
            named.extend(self.layout.named(source.rows));
            keyed::declare(builder, source, *stage, named, &mut columns)?;
        }
        Ok(columns)
    }

    pub(crate) fn stacked(&self, builder: &mut Builder, inputs: Vec<Vec<ValueId>>) -> Result<Rows, Refused> {
        let mut columns = stacked(builder, inputs)?.into_iter();
        let value = columns.next().ok_or_else(|| Refused::NoDataset(self.of.1.name.clone()))?;
        let [(_, keys), (_, partners)] = self.keys();
        let keys = columns.by_ref().take(key_widths(keys)?.len()).collect();
        let partners = columns.by_ref().take(key_widths(partners)?.len()).collect();
        let count = self.of.1.datasets.iter().map(|source| keyed::rows(source.rows)).sum();
        Ok(Rows { value, keys, partners, columns: columns.collect(), count })
    }
}

/// The subquery.
pub(crate) struct Inside<'a> {
    pub(crate) of: Of<'a>,
    pub(crate) threshold: &'a Threshold,
    partials: Vec<Partial>,
}

/// Its value: of all rows in one row, or of each row's key in that row.
pub(crate) struct Found {
    /// What is compared; of a mean the sum.
    pub(crate) number: ValueId,
    /// Over how many rows or values it is.
    pub(crate) covered: ValueId,
}

impl<'a> Inside<'a> {
    pub(crate) fn new(of: Of<'a>, threshold: &'a Threshold) -> Result<Self, Refused> {
        let aggregates = std::slice::from_ref(&threshold.aggregate);
        let rows = of.1.datasets.iter().fold(0_u64, |sum, source| sum.saturating_add(source.rows));
        stage::check_widths(aggregates, rows)?;
        Ok(Self { of, threshold, partials: stage::partials(aggregates) })
    }

    pub(crate) fn stages(&self, builder: &mut Builder) -> Result<Vec<u16>, Refused> {
        let table = self.of.1;
        if !self.threshold.keys.is_empty() {
            return keyed::stages(builder, self.of.0, table, |rows| self.by_key(rows));
        }
        let sql = self.of_all();
        (0..table.datasets.len()).map(|number| self.of.0.stage(builder, table, number, &sql, 1)).collect()
    }

    fn aggregation(&self, keys: Vec<(String, String)>, present: Vec<String>) -> String {
        let (relation, table) = self.of;
        let calls = self.partials.iter().map(|partial| (partial.name(), partial.aggregate(None))).collect();
        let filter = relation.filter.as_ref().map(|filter| format!("({filter})"));
        let filters = filter.into_iter().chain(present).collect();
        Aggregation { from: relation.name(table), filters, keys, calls }.sql()
    }

    fn shared(&self) -> Vec<String> {
        self.partials.iter().map(|partial| partial.shared(&partial.name())).collect()
    }

    fn of_all(&self) -> String {
        let inner = self.aggregation(Vec::new(), Vec::new());
        format!("SELECT\n  {}\nFROM (\n{inner}\n) AS a", self.shared().join(",\n  "))
    }

    fn by_key(&self, rows: u32) -> String {
        let (keys, present) = own_keys(&self.threshold.keys);
        let names: Vec<(String, u8)> = keys.iter().map(|(name, _)| (name.clone(), keyed::PADDING)).collect();
        keyed::padded(rows, &names, &self.shared(), &self.aggregation(keys, present), &[])
    }

    pub(crate) fn inputs(&self, builder: &mut Builder, stages: &[u16]) -> Result<Vec<Vec<ValueId>>, Refused> {
        let mut columns = Vec::new();
        for (source, stage) in self.of.1.datasets.iter().zip(stages) {
            let keys = key_widths(&self.threshold.keys)?.into_iter().enumerate();
            let keys = keys.map(|(number, width)| (format!("subquery, key part {}", number + 1), width));
            let partials = self.partials.iter().enumerate().map(|(place, partial)| {
                let name = stage::short(partial.name(), place);
                (format!("subquery, {name}"), partial.bits(source.rows))
            });
            let named = keys.chain(partials).collect();
            keyed::declare(builder, source, *stage, named, &mut columns)?;
        }
        Ok(columns)
    }

    pub(crate) fn found(
        &self,
        builder: &mut Builder,
        inputs: Vec<Vec<ValueId>>,
        rows: &Rows,
    ) -> Result<Found, Refused> {
        let values = match rows.keys.as_slice() {
            [] => self.combined(builder, inputs)?,
            keys => self.looked_up(builder, inputs, keys, rows.count)?,
        };
        let named: BTreeMap<String, ValueId> = self.partials.iter().map(Partial::name).zip(values).collect();
        let Aggregate { function, argument, .. } = &self.threshold.aggregate;
        let missing = || Construct::Threshold.refuse(&self.threshold.text);
        let of = |partial: Partial| named.get(&partial.name()).copied().ok_or_else(missing);
        let covered = of(match argument {
            Some(argument) if argument.nullable => Partial::Present(argument.clone()),
            _ => Partial::Rows,
        })?;
        let number = match (function, argument) {
            (Function::Sum | Function::Avg, Some(argument)) => of(Partial::Sum(argument.clone()))?,
            (Function::Min, Some(argument)) => of(Partial::Min(argument.clone()))?,
            (Function::Max, Some(argument)) => of(Partial::Max(argument.clone()))?,
            _ => covered,
        };
        Ok(Found { number, covered })
    }

    /// All owners' numbers together.
    fn combined(&self, builder: &mut Builder, inputs: Vec<Vec<ValueId>>) -> Result<Vec<ValueId>, Refused> {
        let mut all = Vec::with_capacity(inputs.len());
        for (partial, values) in self.partials.iter().zip(inputs) {
            let combine = match partial {
                Partial::Min(_) => Builder::minimum,
                Partial::Max(_) => Builder::maximum,
                _ => Builder::add,
            };
            all.extend(union::tree(builder, values, combine)?);
        }
        Ok(all)
    }

    /// Of each row's key, beside that row; zeros where there is none.
    fn looked_up(
        &self,
        builder: &mut Builder,
        inputs: Vec<Vec<ValueId>>,
        queries: &[ValueId],
        rows: u32,
    ) -> Result<Vec<ValueId>, Refused> {
        let mut keys = stacked(builder, inputs)?;
        let mut columns = keys.split_off(keys.len().saturating_sub(self.partials.len()));
        if self.of.1.datasets.len() > 1 {
            let merged = Merged::by(builder, keys)?;
            for (column, partial) in columns.iter_mut().zip(&self.partials) {
                *column = merged.combined(builder, *column, Some(partial))?;
            }
            keys = merged.keys;
        }
        let looked_up = builder.lookup(queries.to_vec(), keys, columns).map_err(Refused::of_keys)?;
        // What says whether there is such a key comes first.
        let columns = 1..=self.partials.len() as u32;
        columns.map(|column| Ok(builder.slice(looked_up, column * rows, rows)?)).collect()
    }
}

/// The table that rows must meet, or must not.
pub(crate) struct Partners<'a> {
    pub(crate) of: Of<'a>,
    pub(crate) partner: &'a Partner,
}

impl Partners<'_> {
    pub(crate) fn stages(&self, builder: &mut Builder) -> Result<Vec<u16>, Refused> {
        keyed::stages(builder, self.of.0, self.of.1, |rows| self.sql(rows))
    }

    /// The keys of its rows, each once.
    fn sql(&self, rows: u32) -> String {
        let (relation, table) = self.of;
        let (keys, present) = own_keys(&self.partner.keys);
        let names: Vec<(String, u8)> = keys.iter().map(|(name, _)| (name.clone(), keyed::PADDING)).collect();
        let filter = relation.filter.as_ref().map(|filter| format!("({filter})"));
        let filters = filter.into_iter().chain(present).collect();
        let inner = Aggregation { from: relation.name(table), filters, keys, calls: Vec::new() }.sql();
        let once = self.partner.keys.iter().filter(|_| self.partner.is_once);
        let checks: Vec<String> = once.map(|[_, key]| local::once(&table.name, &key.name)).collect();
        keyed::padded(rows, &names, &[], &inner, &checks)
    }

    pub(crate) fn inputs(&self, builder: &mut Builder, stages: &[u16]) -> Result<Vec<Vec<ValueId>>, Refused> {
        let mut columns = Vec::new();
        for (source, stage) in self.of.1.datasets.iter().zip(stages) {
            let parts = key_widths(&self.partner.keys)?.into_iter().enumerate();
            let named =
                parts.map(|(part, width)| (format!("partner, key part {}", part + 1), width)).collect();
            keyed::declare(builder, source, *stage, named, &mut columns)?;
        }
        Ok(columns)
    }

    /// 1 for each row that meets one of the table's, else 0.
    pub(crate) fn met(
        &self,
        builder: &mut Builder,
        inputs: Vec<Vec<ValueId>>,
        rows: &Rows,
    ) -> Result<ValueId, Refused> {
        let mut keys = stacked(builder, inputs)?;
        if self.of.1.datasets.len() > 1 {
            keys = Merged::by(builder, keys)?.keys;
        }
        builder.lookup(rows.partners.clone(), keys, Vec::new()).map_err(Refused::of_keys)
    }

    /// Whether its owners ask for a floor.
    pub(crate) fn ask_for_more(&self) -> bool {
        self.of.1.floor_rows() > 1
    }

    /// How many of its rows are met by rows that compare, in each group and with each value that may be missing. As many at
    /// least as such rows have different keys.
    pub(crate) fn behind(
        &self,
        builder: &mut Builder,
        layout: &Layout<'_>,
        Weighted { weights, partials, rows }: &Weighted,
        keys: &[ValueId],
        behind: &mut Behind,
    ) -> Result<(), Refused> {
        let floor_rows = self.of.1.floor_rows();
        let same = builder.group(keys.to_vec()).map_err(Refused::of_keys)?;
        let zero = builder.constant(vec![0])?;
        let zeros = builder.repeat(zero, *rows)?;
        for (partial, column) in layout.partials.iter().zip(partials) {
            if !matches!(partial, Partial::Rows | Partial::Present(_)) {
                continue;
            }
            let mut different = Vec::with_capacity(weights.len());
            for weight in weights {
                let counted = builder.multiply(*weight, *column)?;
                let counted = builder.group_sum(counted, same)?;
                let any = builder.less_than(zeros, counted)?;
                let any = builder.to_integer(any)?;
                different.push(builder.sum(any)?);
            }
            let at_least = vec![layout.by_group(builder, &different)?];
            behind.add(partial.name(), Contributing { at_least, floor_rows });
        }
        Ok(())
    }
}

/// The key's columns of a table that is looked up in, with the mark, and the conditions that a row has a key.
fn own_keys(pairs: &[[Column; 2]]) -> (Vec<(String, String)>, Vec<String>) {
    let present = pairs.iter().map(|[_, own]| format!("{} IS NOT NULL", identifier(&own.name))).collect();
    let limbs = pairs.iter().flat_map(|[_, own]| keyed::limbs(own)).enumerate();
    let limbs = limbs.map(|(number, limb)| (format!("key {}", number + 1), limb));
    (limbs.chain([("mark".to_owned(), KEYED.to_string())]).collect(), present)
}

/// How wide the columns of a key are, with its mark; none where there is no key.
fn key_widths(pairs: &[[Column; 2]]) -> Result<Vec<u32>, Refused> {
    let mut widths = Vec::new();
    for pair in pairs {
        widths.extend(keyed::limb_widths(pair.each_ref())?);
    }
    if !widths.is_empty() {
        widths.push(2);
    }
    Ok(widths)
}

/// Each column of all owners as one.
pub(crate) fn stacked(builder: &mut Builder, inputs: Vec<Vec<ValueId>>) -> Result<Vec<ValueId>, Refused> {
    let mut columns = Vec::with_capacity(inputs.len());
    for values in inputs {
        columns.push(match values.as_slice() {
            [only] => *only,
            _ => builder.concat(values)?,
        });
    }
    Ok(columns)
}
