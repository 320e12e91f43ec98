//! Several tables, joined along a tree on keys that nobody sees; also two, where groups are not public.
//!
//! Source: as [`crate::joined`], Yannakakis' second pass with annotations; here over any tree of relations. Each owner
//! annotates its rows at home with their count and partial results by public group; those of a leaf of one owner are
//! reduced to one for each key.
//!
//! 1. From the leaves on, each relation's rows look up what their children found (counts and partial results) and
//!    multiply it with their own; then rows of equal keys towards the parent are added up.
//! 2. At the root, the sums over all rows are the results: of the widest child's columns and everything else's one matrix
//!    product, so that the rows of no combination of groups are ever made. Or, where groups are not public, the sums by the
//!    group columns: the root's own, and those of relations of which each of its rows meets one row at most, which come with
//!    what they found. That a key has each value once is declared, and its owner's stage fails if it does not.
//!
//! An equality that closes a circle is met value by value: both of its relations, of which one is the root, annotate by its
//! public values, which go with what is found as groups do, and at the root equal values meet and are added up.
//!
//! All sizes are published row counts, and the numbers of groups. Rounds grow with the depth of the tree; each edge
//! costs one lookup and, unless the child is a leaf of one owner, one grouping, both of the size of its tables.

use std::collections::BTreeMap;

use contract::Column;
use program::{Builder, ValueId};

use crate::{
    Construct, Refused, Table,
    behind::{Behind, Contributing},
    dominance::Parts,
    groups::{Groups, Sided},
    joined,
    keyed::{Layout, Merged},
    lower::Combined,
    products::{self, Product},
    secret::SecretKeys,
    sql::{Relation, Tree},
    stage::Partial,
    tree_node::{Node, Shared},
    union,
};

/// Declares stages and inputs of all tables, and combines partial results over the rows of their join.
pub(crate) fn combine(
    builder: &mut Builder,
    relations: &[(&Relation, &Table)],
    tree: &Tree,
    groups: &Groups,
    partials: &[Partial],
) -> Result<(Combined, Option<SecretKeys>), Refused> {
    for partial in partials {
        match partial {
            Partial::Quantile(..) => return Err(partial.refuse()),
            Partial::Min(x) | Partial::Max(x) | Partial::Distinct(x) => {
                return Err(Construct::TreeAggregate.refuse(&x.shown));
            }
            _ => {}
        }
    }
    let sided = |side| match tree.secret.is_empty() {
        true => {
            let sided = groups.sided(side);
            let values = tree.circle.as_ref().map(|circle| circle.conditions(side)).unwrap_or_default();
            if values.is_empty() { sided } else { sided.by(&values) }
        }
        false => Sided { conditions: vec![None], of: vec![0], null: None },
    };
    let sided: Vec<Sided> = (0..relations.len()).map(sided).collect();
    let nodes: Vec<Node<'_>> = relations
        .iter()
        .zip(&sided)
        .enumerate()
        .map(|(side, ((relation, table), sided))| {
            let layout = Layout {
                partials: products::of_relation(partials, side),
                terms: 1,
                groups: sided.conditions.len(),
                are_apart: products::are_apart(partials),
            };
            Node { relation, table, side, tree, sided, layout }
        })
        .collect();
    let mut stages = Vec::with_capacity(nodes.len());
    for node in &nodes {
        stages.push(node.stages(builder)?);
    }
    // All inputs come before the first instruction.
    let mut inputs = Vec::with_capacity(nodes.len());
    for (node, stages) in nodes.iter().zip(&stages) {
        inputs.push(node.inputs(builder, stages)?);
    }
    let mut rows = Vec::with_capacity(nodes.len());
    for (node, inputs) in nodes.iter().zip(inputs) {
        rows.push(node.stacked(builder, inputs)?);
    }
    let join = TreeJoin { nodes, rows, partials };
    if tree.secret.is_empty() {
        return Ok((join.by_public_group(builder, tree, groups)?, None));
    }
    let (combined, keys) = join.by_secret_group(builder, tree)?;
    Ok((combined, Some(keys)))
}

/// What one relation's rows, or all below them, come to: for each product of partial results a column for each combination
/// of the groups of the relations that were met, in the order in which they were.
struct Annotated {
    /// The relations met, own first; [`CIRCLE`] for the values of what closes a circle.
    sides: Vec<usize>,
    /// By name of the product.
    columns: BTreeMap<String, Vec<ValueId>>,
    /// The group columns of the relations met, by place in GROUP BY.
    secret: BTreeMap<usize, Vec<ValueId>>,
}

/// Stands among relations for the values that close a circle.
const CIRCLE: usize = usize::MAX;

/// What is asked of the relations below one.
#[derive(Clone, Copy)]
struct Asking {
    /// Whether they found anything, instead of what.
    is_whether: bool,
    /// And for their group columns that are not public.
    carries_groups: bool,
}

/// What they found, by group.
const FOUND: Asking = Asking { is_whether: false, carries_groups: true };

/// What a child found, ready to be looked up.
struct Message {
    keys: Vec<ValueId>,
    annotated: Annotated,
}

impl Annotated {
    /// How many columns a product has.
    fn width(&self) -> usize {
        self.columns.values().map(Vec::len).max().unwrap_or_default()
    }

    /// What is found here of a product.
    fn columns_of(&self, product: &Product) -> &[ValueId] {
        self.columns.get(&product.within(&self.sides).name()).map_or(&[], Vec::as_slice)
    }
}

/// One relation's rows, and for each of them what the relations below found.
struct Met<'a> {
    node: &'a Node<'a>,
    own: &'a Shared,
    is_root: bool,
    /// Of what is wanted, the part that is found here and below.
    wanted: Vec<Product>,
    below: Vec<Annotated>,
    /// As [`Annotated::sides`] of all together.
    sides: Vec<usize>,
}

impl Met<'_> {
    /// The relation's own columns of a product, by group; one that brings no factor gives its count.
    fn own(&self, product: &Product) -> Vec<ValueId> {
        let layout = &self.node.layout;
        let first = layout.first(product.at(self.node.side).unwrap_or(&Partial::Rows), 0);
        let columns = first.and_then(|first| self.own.columns.get(first..first + layout.groups));
        columns.map(<[ValueId]>::to_vec).unwrap_or_default()
    }
}

/// Sums over all rows of the join, for each product a row for each combination of groups, in the order of `sides`.
struct Sums {
    sides: Vec<usize>,
    totals: BTreeMap<String, ValueId>,
}

struct TreeJoin<'a> {
    nodes: Vec<Node<'a>>,
    rows: Vec<Shared>,
    partials: &'a [Partial],
}

impl TreeJoin<'_> {
    fn at(&self, side: usize) -> Result<(&Node<'_>, &Shared), Refused> {
        let found = self.nodes.get(side).zip(self.rows.get(side));
        found.ok_or_else(nothing)
    }

    /// One relation's rows beside everything below them, coming from edge `parent`.
    fn meet(
        &self,
        builder: &mut Builder,
        side: usize,
        parent: Option<usize>,
        wanted: &[Product],
        asking: Asking,
    ) -> Result<Met<'_>, Refused> {
        let (node, own) = self.at(side)?;
        let wanted = products::within(wanted, &self.reached(side, parent));
        let mut below = Vec::new();
        for (edge, _) in node.edges().filter(|(edge, _)| Some(*edge) != parent) {
            let mut found = self.found(builder, side, edge, &wanted, asking.carries_groups)?;
            if asking.is_whether {
                self.asked(builder, own.rows, &mut found)?;
            }
            below.push(found);
        }
        // Where a circle is closed, its values meet first. The widest child is last: at the root nothing is multiplied with it.
        below.sort_by_key(|child| (!child.sides.contains(&CIRCLE), child.width()));
        let is_root = parent.is_none();
        let mut sides = vec![side];
        if !is_root && node.values() > 1 {
            sides.push(CIRCLE);
        }
        let below_sides = below.iter().flat_map(|child| child.sides.iter().copied());
        sides.extend(below_sides.filter(|of| !is_root || *of != CIRCLE));
        Ok(Met { node, own, is_root, wanted, below, sides })
    }

    /// What one relation's rows and everything below them come to, coming from edge `parent`.
    fn annotate(
        &self,
        builder: &mut Builder,
        side: usize,
        parent: Option<usize>,
        wanted: &[Product],
        asking: Asking,
    ) -> Result<Annotated, Refused> {
        let mut met = self.meet(builder, side, parent, wanted, asking)?;
        let mut columns = BTreeMap::new();
        for product in &met.wanted {
            columns.insert(product.name(), self.crossed(builder, &met, product, &met.below)?);
        }
        let mut secret = if asking.carries_groups { met.own.secret.clone() } else { BTreeMap::new() };
        met.below.iter_mut().for_each(|child| secret.append(&mut child.secret));
        Ok(Annotated { sides: met.sides, columns, secret })
    }

    /// The products of a relation's own columns with those of `below`, some of its children.
    fn crossed(
        &self,
        builder: &mut Builder,
        met: &Met<'_>,
        product: &Product,
        below: &[Annotated],
    ) -> Result<Vec<ValueId>, Refused> {
        let mut columns = met.own(product);
        for child in below {
            let found = child.columns_of(product);
            columns = match met.is_root && child.sides.contains(&CIRCLE) {
                true => self.met(builder, met.node, &columns, child, found)?,
                false => cross(builder, &columns, found)?,
            };
        }
        Ok(columns)
    }

    /// The sums of the products over the root's rows, one for each combination of the groups of the relations.
    fn sums(
        &self,
        builder: &mut Builder,
        root: usize,
        wanted: &[Product],
        asking: Asking,
    ) -> Result<Sums, Refused> {
        let met = self.meet(builder, root, None, wanted, asking)?;
        let mut totals = BTreeMap::new();
        for product in &met.wanted {
            let total = match met.below.split_last() {
                // A sum of products of two columns each is as cheap as one product.
                Some((last, others)) if !last.sides.contains(&CIRCLE) => {
                    let columns = self.crossed(builder, &met, product, others)?;
                    joined::product(builder, &columns, last.columns_of(product), [0, met.own.rows])?
                }
                _ => {
                    let columns = self.crossed(builder, &met, product, &met.below)?.into_iter();
                    let sums = columns.map(|column| Ok(builder.sum(column)?));
                    let sums = sums.collect::<Result<Vec<_>, Refused>>()?;
                    match sums.as_slice() {
                        [only] => *only,
                        _ => builder.concat(sums)?,
                    }
                }
            };
            totals.insert(product.name(), total);
        }
        Ok(Sums { sides: met.sides, totals })
    }

    /// At the root, the products of own columns with a child's, added up over the equal values that close the circle.
    fn met(
        &self,
        builder: &mut Builder,
        node: &Node<'_>,
        own: &[ValueId],
        child: &Annotated,
        found: &[ValueId],
    ) -> Result<Vec<ValueId>, Refused> {
        let values = node.values();
        let behind = child.sides.iter().skip_while(|side| **side != CIRCLE).skip(1);
        // The last relation met changes fastest.
        let behind: usize =
            behind.filter_map(|side| self.nodes.get(*side)).map(Node::groups).product::<usize>().max(1);
        let mut sums = Vec::new();
        for own in own.chunks(values) {
            for before in found.chunks(values * behind) {
                for last in 0..behind {
                    let mut products = Vec::with_capacity(values);
                    for (value, own) in own.iter().enumerate() {
                        if let Some(found) = before.get(value * behind + last) {
                            products.push(builder.multiply(*own, *found)?);
                        }
                    }
                    sums.extend(union::tree(builder, products, Builder::add)?);
                }
            }
        }
        Ok(sums)
    }

    /// A relation and those below it, coming from edge `parent`.
    fn reached(&self, side: usize, parent: Option<usize>) -> Vec<usize> {
        let mut all = vec![side];
        let Some(node) = self.nodes.get(side) else { return all };
        for (number, _) in node.edges().filter(|(edge, _)| Some(*edge) != parent) {
            let sides = node.tree.edges.get(number).map_or([side, side], |edge| edge.sides);
            all.extend(self.reached(if sides[0] == side { sides[1] } else { sides[0] }, Some(number)));
        }
        all
    }

    /// What the relation across an edge found, for each row of this one.
    fn found(
        &self,
        builder: &mut Builder,
        side: usize,
        edge: usize,
        wanted: &[Product],
        carries_groups: bool,
    ) -> Result<Annotated, Refused> {
        let (node, own) = self.at(side)?;
        let sides = node.tree.edges.get(edge).map_or([side, side], |edge| edge.sides);
        let child = if sides[0] == side { sides[1] } else { sides[0] };
        let Message { keys, annotated } = self.message(builder, child, edge, wanted, carries_groups)?;
        // Padding meets neither rows nor other padding.
        let two = builder.constant(vec![2])?;
        let twos = builder.repeat(two, own.rows)?;
        let mut queries = own.keys.get(&edge).cloned().unwrap_or_default();
        queries.push(builder.subtract(twos, own.mark)?);
        let Annotated { sides, mut columns, mut secret } = annotated;
        // What is looked up together is as wide as the widest of it, and a product of counts as wide as text has no room.
        let of_child = products::within(wanted, &sides);
        let mut together: BTreeMap<u32, Vec<&mut ValueId>> = BTreeMap::new();
        for (name, results) in &mut columns {
            let product = of_child.iter().find(|product| product.name() == *name);
            let degree = product.filter(|_| node.layout.are_apart).map_or(0, Product::degree);
            together.entry(degree).or_default().extend(results);
        }
        let grouped: Vec<&mut ValueId> = secret.values_mut().flatten().collect();
        for values in together.into_values().chain((!grouped.is_empty()).then_some(grouped)) {
            let of = values.iter().map(|value| **value).collect();
            let looked_up = builder.lookup(queries.clone(), keys.clone(), of)?;
            // The first rows say whether there are any.
            for (place, value) in (1_u32..).zip(values) {
                *value = builder.slice(looked_up, place * own.rows, own.rows)?;
            }
        }
        Ok(Annotated { sides, columns, secret })
    }

    /// A child's rows, one for each key towards its parent.
    fn message(
        &self,
        builder: &mut Builder,
        side: usize,
        edge: usize,
        wanted: &[Product],
        carries_groups: bool,
    ) -> Result<Message, Refused> {
        let (node, own) = self.at(side)?;
        let asking = Asking { is_whether: false, carries_groups };
        let annotated = self.annotate(builder, side, Some(edge), wanted, asking)?;
        let mut keys = own.keys.get(&edge).cloned().unwrap_or_default();
        keys.push(own.mark);
        if node.is_merged() || node.is_once(edge) {
            return Ok(Message { keys, annotated });
        }
        let merged = Merged::by(builder, keys)?;
        let mut columns = BTreeMap::new();
        for (name, of) in annotated.columns {
            let sums = of.into_iter().map(|of| merged.combined(builder, of, None));
            columns.insert(name, sums.collect::<Result<Vec<_>, Refused>>()?);
        }
        Ok(Message { keys: merged.keys, annotated: Annotated { columns, ..annotated } })
    }

    /// Counts as whether there is any.
    fn asked(&self, builder: &mut Builder, rows: u32, found: &mut Annotated) -> Result<(), Refused> {
        let zero = builder.constant(vec![0])?;
        let zeros = builder.repeat(zero, rows)?;
        for column in found.columns.values_mut().flatten() {
            let bit = builder.less_than(zeros, *column)?;
            *column = builder.to_integer(bit)?;
        }
        Ok(())
    }

    /// How many rows of a relation are behind what is at each of them, and behind the values that aggregates cover there:
    /// each of its rows once.
    fn contributing(
        &self,
        builder: &mut Builder,
        side: usize,
        carries_groups: bool,
    ) -> Result<Annotated, Refused> {
        let asking = Asking { is_whether: true, carries_groups };
        self.annotate(builder, side, None, &self.counted(), asking)
    }

    /// The products that count pairs.
    fn counted(&self) -> Vec<Product> {
        self.counts().flat_map(Partial::factored).collect()
    }

    /// The partial results that count pairs.
    fn counts(&self) -> impl Iterator<Item = &Partial> {
        self.partials.iter().filter(|partial| matches!(partial, Partial::Rows | Partial::Present(_)))
    }

    /// The products of which everything that is asked is made.
    fn wanted(&self) -> Vec<Product> {
        self.partials.iter().flat_map(Partial::factored).collect()
    }

    /// A partial result, from what `of` makes of each of its products.
    fn summed(
        &self,
        builder: &mut Builder,
        partial: &Partial,
        mut of: impl FnMut(&mut Builder, &Product) -> Result<ValueId, Refused>,
    ) -> Result<ValueId, Refused> {
        let mut sums = Vec::new();
        for product in partial.factored() {
            let sum = of(builder, &product)?;
            sums.push(if product.times == 1 { sum } else { builder.scale(sum, product.times)? });
        }
        let sum = union::tree(builder, sums, Builder::add)?;
        sum.ok_or_else(nothing)
    }

    fn by_public_group(
        &self,
        builder: &mut Builder,
        tree: &Tree,
        groups: &Groups,
    ) -> Result<Combined, Refused> {
        let sums = self.sums(builder, tree.root, &self.wanted(), FOUND)?;
        let mut partials = BTreeMap::new();
        for partial in self.partials {
            let of = |builder: &mut Builder, product: &Product| self.by_group(builder, &sums, product);
            partials.insert(partial.name(), self.summed(builder, partial, of)?);
        }
        let mut behind = Behind::default();
        for (side, node) in self.nodes.iter().enumerate() {
            let floor_rows = node.table.floor_rows();
            if floor_rows > 1 && tree.circle.is_some() {
                return Err(Construct::TreeFloor.refuse(&node.relation.called));
            }
            if floor_rows > 1 {
                let asking = Asking { is_whether: true, carries_groups: false };
                let sums = self.sums(builder, side, &self.counted(), asking)?;
                for partial in self.counts() {
                    let of =
                        |builder: &mut Builder, product: &Product| self.by_group(builder, &sums, product);
                    let at_least = vec![self.summed(builder, partial, of)?];
                    behind.add(partial.name(), Contributing { at_least, floor_rows });
                }
            }
        }
        let zero = builder.constant(vec![0; groups.keys.len()])?;
        let one = builder.constant(vec![1; groups.keys.len()])?;
        Ok(Combined { partials, zero, one, behind, parts: Parts::default() })
    }

    /// A product's sums, in the order of the query's groups.
    fn by_group(&self, builder: &mut Builder, sums: &Sums, product: &Product) -> Result<ValueId, Refused> {
        let total = *sums.totals.get(&product.within(&sums.sides).name()).ok_or_else(nothing)?;
        let groups = |side: &usize| self.nodes.get(*side).map_or(1, Node::groups);
        let all: usize = sums.sides.iter().map(groups).product();
        let count = self.nodes.first().map_or(0, |node| node.sided.of.len());
        let mut places = Vec::with_capacity(count);
        for group in 0..count {
            // The last relation met changes fastest.
            let place = sums.sides.iter().try_fold(0, |place, side| {
                let node = self.nodes.get(*side)?;
                Some(place * node.groups() + node.sided.of.get(group)?)
            });
            places.push(place.ok_or_else(nothing)?);
        }
        joined::picked(builder, total, &places, all)
    }

    /// How many rows of a relation are behind each group of `rows` that are not public: counted by the group columns that
    /// its own rows reach, and looked up by the groups.
    fn behind(
        &self,
        builder: &mut Builder,
        side: usize,
        groups: &[ValueId],
        rows: u32,
    ) -> Result<Annotated, Refused> {
        let Annotated { columns, secret, sides } = self.contributing(builder, side, true)?;
        let merged = Merged::by(builder, secret.into_values().flatten().collect())?;
        let mut counts = Vec::with_capacity(columns.len());
        for column in columns.values().flatten() {
            counts.push(merged.combined(builder, *column, None)?);
        }
        let looked_up = builder.lookup(groups.to_vec(), merged.keys, counts)?;
        let mut found = BTreeMap::new();
        // The first rows say whether there are any.
        for (place, name) in (1_u32..).zip(columns.into_keys()) {
            found.insert(name, vec![builder.slice(looked_up, place * rows, rows)?]);
        }
        Ok(Annotated { sides, columns: found, secret: BTreeMap::new() })
    }

    fn by_secret_group(&self, builder: &mut Builder, tree: &Tree) -> Result<(Combined, SecretKeys), Refused> {
        let (root, own) = self.at(tree.root)?;
        let annotated = self.annotate(builder, tree.root, None, &self.wanted(), FOUND)?;
        let keys: Vec<ValueId> = annotated.secret.values().flatten().copied().collect();
        let (merged, keys) = match tree.alone {
            Some(_) => (None, keys),
            None => {
                let merged = Merged::by(builder, keys)?;
                let keys = merged.keys.clone();
                (Some(merged), keys)
            }
        };
        let combined = |builder: &mut Builder, column| match &merged {
            Some(merged) => merged.combined(builder, column, None),
            None => Ok(column),
        };
        // Where groups are not public, there is one column.
        let only = |annotated: &Annotated, product: &Product| {
            annotated.columns_of(product).first().copied().ok_or_else(nothing)
        };
        let mut partials = BTreeMap::new();
        for partial in self.partials {
            let sum = self.summed(builder, partial, |_, product| only(&annotated, product))?;
            partials.insert(partial.name(), combined(builder, sum)?);
        }
        let floor_rows = root.table.floor_rows();
        let mut behind = Behind::default();
        if floor_rows > 1 {
            let counted = self.contributing(builder, tree.root, false)?;
            for partial in self.counts() {
                let count = self.summed(builder, partial, |_, product| only(&counted, product))?;
                let at_least = vec![combined(builder, count)?];
                behind.add(partial.name(), Contributing { at_least, floor_rows });
            }
        }
        for node in self.nodes.iter().filter(|node| node.side != tree.root) {
            let floor_rows = node.table.floor_rows();
            if floor_rows > 1 {
                let counted = self.behind(builder, node.side, &keys, own.rows)?;
                for partial in self.counts() {
                    let at_least = vec![self.summed(builder, partial, |_, product| only(&counted, product))?];
                    behind.add(partial.name(), Contributing { at_least, floor_rows });
                }
            }
        }
        let mut constant = |value| -> Result<ValueId, Refused> {
            let one = builder.constant(vec![value])?;
            Ok(builder.repeat(one, own.rows)?)
        };
        let (zero, one) = (constant(0)?, constant(1)?);
        let columns: Vec<Column> = tree.secret.iter().map(|key| key.column.clone()).collect();
        let keys = SecretKeys { alone: tree.alone, ..SecretKeys::new(&columns, keys, own.rows)? };
        Ok((Combined { partials, zero, one, behind, parts: Parts::default() }, keys))
    }
}

fn nothing() -> Refused {
    Refused::NoDataset(String::new())
}

/// The products of each of `left` with each of `right`, the right ones changing fastest.
fn cross(builder: &mut Builder, left: &[ValueId], right: &[ValueId]) -> Result<Vec<ValueId>, Refused> {
    let mut products = Vec::with_capacity(left.len() * right.len());
    for x in left {
        for y in right {
            products.push(builder.multiply(*x, *y)?);
        }
    }
    Ok(products)
}
