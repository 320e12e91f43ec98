//! How a plan uses each column: as filter, group key, inside an aggregate, as an extreme.
//!
//! The analysis runs over the plan as written and again over the optimised one, and the uses of both are united:
//! optimisation can hide a use (`COUNT(x)` of a column without NULLs becomes `COUNT(*)`) and make one (a filter is
//! added or moved). A step that is not known here is refused, so that a new one can never go unnoticed.
//!
//! | step | use of the columns that it reads |
//! | --- | --- |
//! | filter, filter inside a scan or a join | [`Use::Filter`]; a subquery whose value is compared has its own |
//! | equality of columns of two tables, key of a join, values of a set operation | [`Use::Join`] |
//! | comparison of columns of two tables that is decided on shares | [`Use::Filter`]; of `=` [`Use::Join`], too |
//! | key of an aggregation | [`Use::Group`] |
//! | values of a set operation that are shown | [`Use::Join`], and [`Use::Group`] of both tables' columns |
//! | HAVING, windows, order and limit of groups | none of their own; a subquery of HAVING has those of its aggregates |
//! | COUNT, SUM, AVG, VAR, STDDEV | [`Use::Aggregate`] |
//! | MIN, MAX, MEDIAN, PERCENTILE_CONT | [`Use::Extreme`] |
//! | condition of CASE inside an aggregate | [`Use::Filter`] |
//! | COALESCE and NULLIF inside an aggregate | [`Use::Filter`], and the aggregate's own |
//! | factors of a product of columns inside an aggregate; both columns of COVAR, CORR, REGR | [`Use::Product`], and the aggregate's own |
//! | projection, alias, scan | none of its own; origins are passed on |
//!
//! What conditions compare a column with is taken from the plan as written alone, since the optimised one says the same in
//! other words; columns that must be equal are compared with what any of them is.

use std::collections::{BTreeMap, BTreeSet};

use contract::{policy::Compared, terms::Use};
use datafusion::{
    common::{
        DFSchema, JoinType, NullEquality,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    logical_expr::{
        Aggregate, BinaryExpr, Cast, Distinct, Expr, Join, LogicalPlan, Operator, TableScan,
        utils::split_conjunction,
    },
};

use super::{
    Function,
    above::is_grouped,
    comparisons::{self, With},
    computed::Computed,
};
use crate::Refused;

/// Uses by table and column.
pub(crate) type Uses = BTreeMap<String, BTreeMap<String, BTreeSet<Use>>>;
/// What conditions compare with, by table and column.
pub(crate) type Comparisons = BTreeMap<String, BTreeMap<String, Compared>>;

/// What is known of columns beside what the plans say.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// What they are compared with, which what must equal them is, too.
    pub(super) comparisons: Comparisons,
    /// Those that are compared on shares with another table's.
    pub(super) on_shares: BTreeSet<Origin>,
    /// Of these the ones in equalities.
    pub(super) equal: BTreeSet<Origin>,
    /// Those that owners join by: equal on all rows that count.
    pub(super) same: Vec<BTreeSet<Origin>>,
}

/// The uses in the plans as written and in the optimised one, united.
pub(super) fn analyse(
    written: &LogicalPlan,
    typed: &LogicalPlan,
    optimised: &LogicalPlan,
    computed: &[Computed],
    known: Known,
) -> Result<(Uses, Comparisons), Refused> {
    let mut analysis = Analysis { comparisons: known.comparisons, ..Analysis::default() };
    analysis.trace(written)?;
    analysis.record(Use::Filter, &known.on_shares);
    analysis.record_comparison(&With::More, &known.on_shares);
    // Which of them plans take for keys hangs on how they are written.
    analysis.record(Use::Join, &known.equal);
    analysis.equal.extend(known.same);
    analysis.trace_computed(computed);
    analysis.share_comparisons();
    let comparisons = analysis.comparisons.clone();
    analysis.trace(typed)?;
    analysis.is_optimised = true;
    analysis.trace(optimised)?;
    Ok((analysis.uses, comparisons))
}

/// Adds what another part of a query uses.
pub(super) fn unite(uses: &mut Uses, comparisons: &mut Comparisons, more: Uses, compared: Comparisons) {
    for (table, columns) in more {
        let known = uses.entry(table).or_default();
        columns.into_iter().for_each(|(column, more)| known.entry(column).or_default().extend(more));
    }
    for (table, columns) in compared {
        let known = comparisons.entry(table).or_default();
        for (column, more) in columns {
            let known = known.entry(column).or_default();
            known.constants.extend(more.constants);
            known.otherwise |= more.otherwise;
        }
    }
}

/// Table and column that a value stems from.
pub(super) type Origin = (String, String);

/// For each output column of a step, all columns that flow into it.
type Origins = Vec<BTreeSet<Origin>>;

/// The rows that a step reads.
#[derive(Clone, Copy)]
struct Rows<'a> {
    schema: &'a DFSchema,
    origins: &'a Origins,
    /// Whether each column is one of a table, not computed.
    is_stored: bool,
}

impl<'a> Rows<'a> {
    fn of(plan: &'a LogicalPlan, origins: &'a Origins) -> Self {
        Self { schema: plan.schema(), origins, is_stored: is_stored(plan) }
    }
}

fn is_stored(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::SubqueryAlias(_) | LogicalPlan::Filter(_) | LogicalPlan::Join(_) => {
            plan.inputs().into_iter().all(is_stored)
        }
        _ => false,
    }
}

#[derive(Default)]
struct Analysis {
    uses: Uses,
    comparisons: Comparisons,
    /// Columns that must be equal.
    equal: Vec<BTreeSet<Origin>>,
    is_optimised: bool,
    /// Of the queries around a subquery, the columns of what it stands in.
    around: Vec<(DFSchema, Origins)>,
}

impl Analysis {
    fn trace(&mut self, plan: &LogicalPlan) -> Result<Origins, Refused> {
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => self.trace(&alias.input),
            LogicalPlan::Filter(filter) if !is_grouped(&filter.input) => {
                let input = self.trace(&filter.input)?;
                self.condition(&filter.predicate, Rows::of(&filter.input, &input))?;
                Ok(input)
            }
            LogicalPlan::Projection(projection) => {
                let input = self.trace(&projection.input)?;
                projection.expr.iter().map(|expr| origins(expr, projection.input.schema(), &input)).collect()
            }
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Join(join) => self.join(join),
            // What is sorted or cut off are groups: their keys are used as such below.
            // Conditions on groups compare what is used inside them already.
            LogicalPlan::Filter(having) if is_grouped(&having.input) => {
                self.scalars(&having.predicate)?;
                self.trace(&having.input)
            }
            LogicalPlan::Sort(sort) if is_grouped(&sort.input) => self.trace(&sort.input),
            LogicalPlan::Window(window) if is_grouped(&window.input) => {
                let mut out = self.trace(&window.input)?;
                for expr in &window.window_expr {
                    let of = origins(expr, window.input.schema(), &out)?;
                    out.push(of);
                }
                Ok(out)
            }
            LogicalPlan::Limit(limit) if is_grouped(&limit.input) => self.trace(&limit.input),
            // Of a set operation: values are matched with those of the other table.
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let values = self.trace(input)?;
                values.iter().for_each(|origins| self.record_equal(origins.clone()));
                Ok(values)
            }
            LogicalPlan::Union(union) => {
                let mut all: Origins = vec![BTreeSet::new(); union.schema.fields().len()];
                for input in &union.inputs {
                    for (own, origins) in all.iter_mut().zip(self.trace(input)?) {
                        own.extend(origins);
                    }
                }
                all.iter().for_each(|origins| self.record_equal(origins.clone()));
                Ok(all)
            }
            // WHERE that can never hold.
            LogicalPlan::EmptyRelation(empty) => Ok(vec![BTreeSet::new(); empty.schema.fields().len()]),
            _ => Err(Refused::Unanalysed(plan.display().to_string())),
        }
    }

    /// What subqueries of a condition read.
    fn scalars(&mut self, condition: &Expr) -> Result<(), Refused> {
        scalars(condition)?.into_iter().try_for_each(|query| self.trace(query).map(drop))
    }

    fn join(&mut self, join: &Join) -> Result<Origins, Refused> {
        let (left, right) = (self.trace(&join.left)?, self.trace(&join.right)?);
        for (x, y) in &join.on {
            let (x, y) = (origins(x, join.left.schema(), &left)?, origins(y, join.right.schema(), &right)?);
            self.record_equal(x.union(&y).cloned().collect());
        }
        let both: Origins = left.iter().chain(&right).cloned().collect();
        if let Some(filter) = &join.filter {
            let schema = join.left.schema().join(join.right.schema());
            let schema = schema.map_err(|error| super::meaning(&error))?;
            let is_stored = is_stored(&join.left) && is_stored(&join.right);
            self.condition(filter, Rows { schema: &schema, origins: &both, is_stored })?;
        }
        // Of INTERSECT and EXCEPT. Values that are shown are told of both tables: that the second has them, or has not.
        if join.null_equality == NullEquality::NullEqualsNull {
            return Ok(left
                .into_iter()
                .zip(right)
                .map(|(mut x, y)| {
                    x.extend(y);
                    x
                })
                .collect());
        }
        match join.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => Ok(both),
            JoinType::LeftSemi | JoinType::LeftAnti => Ok(left),
            _ => Err(Refused::Unanalysed(join.join_type.to_string())),
        }
    }

    /// What stands in WHERE or ON: equal columns of two tables are keys, all else filters.
    fn condition(&mut self, condition: &Expr, rows: Rows<'_>) -> Result<(), Refused> {
        let Rows { schema, origins: input, .. } = rows;
        for part in split_conjunction(condition) {
            match part {
                Expr::Exists(exists) => {
                    self.subquery(&exists.subquery.subquery, schema, input)?;
                    continue;
                }
                Expr::InSubquery(within) => {
                    let mut equal = origins(&within.expr, schema, input)?;
                    equal.extend(
                        self.subquery(&within.subquery.subquery, schema, input)?.into_iter().flatten(),
                    );
                    self.record_equal(equal);
                    continue;
                }
                _ => {}
            }
            for query in scalars(part)? {
                self.subquery(query, schema, input)?;
            }
            let outside = self.outside(part)?;
            let read = origins(part, schema, input)?.union(&outside).cloned().collect();
            let is_key = match part {
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
                    match (left.as_ref(), right.as_ref()) {
                        (Expr::Column(x), Expr::Column(y)) => x.relation != y.relation,
                        (Expr::Column(_), Expr::OuterReferenceColumn(..))
                        | (Expr::OuterReferenceColumn(..), Expr::Column(_)) => true,
                        _ => false,
                    }
                }
                // The optimiser says so of keys; where a query says it, the plan as written has it.
                Expr::IsNotNull(key) if self.is_optimised && matches!(**key, Expr::Column(_)) => continue,
                _ => false,
            };
            if is_key {
                self.record_equal(read);
            } else {
                self.record(Use::Filter, &read);
                self.compared(part, rows)?;
                self.record_comparison(&With::More, &outside);
            }
        }
        Ok(())
    }

    /// What a condition compares each column with.
    fn compared(&mut self, condition: &Expr, rows: Rows<'_>) -> Result<(), Refused> {
        for (read, with) in comparisons::of(condition) {
            let with = if rows.is_stored { with } else { With::More };
            self.record_comparison(&with, &origins(read, rows.schema, rows.origins)?);
        }
        Ok(())
    }

    /// A subquery, which may read columns of the query around it.
    fn subquery(
        &mut self,
        plan: &LogicalPlan,
        schema: &DFSchema,
        input: &Origins,
    ) -> Result<Origins, Refused> {
        self.around.push((schema.clone(), input.clone()));
        let found = self.trace(plan);
        self.around.pop();
        found
    }

    /// Where the columns of the query around a subquery stem from that a condition inside reads.
    fn outside(&self, condition: &Expr) -> Result<BTreeSet<Origin>, Refused> {
        let mut all = BTreeSet::new();
        let mut unknown = None;
        let visited = condition.apply(|part| {
            if let Expr::OuterReferenceColumn(_, column) = part {
                let found = self
                    .around
                    .last()
                    .and_then(|(schema, input)| input.get(schema.maybe_index_of_column(column)?));
                match found {
                    Some(origins) => all.extend(origins.iter().cloned()),
                    // The optimiser would have made a join of it, and renames and drops columns as if it had. Where the
                    // column stems from, the plan as written says.
                    None if self.is_optimised => {}
                    None => unknown = Some(Refused::Unanalysed(condition.to_string())),
                }
            }
            Ok(TreeNodeRecursion::Continue)
        });
        visited.map_err(|error| super::meaning(&error))?;
        unknown.map_or(Ok(all), Err)
    }

    fn scan(&mut self, scan: &TableScan) -> Result<Origins, Refused> {
        let table = scan.table_name.table();
        let origin = |column: &str| BTreeSet::from([(table.to_owned(), column.to_owned())]);
        if scan.fetch.is_some() {
            return Err(Refused::Unanalysed(format!("LIMIT inside the scan of {table}")));
        }
        for filter in &scan.filters {
            if self.is_optimised && matches!(filter, Expr::IsNotNull(key) if matches!(**key, Expr::Column(_)))
            {
                continue;
            }
            // A filter inside a scan may read columns that the scan does not yield.
            for column in filter.column_refs() {
                self.record(Use::Filter, &origin(&column.name));
            }
        }
        Ok(scan.projected_schema.fields().iter().map(|field| origin(field.name())).collect())
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> Result<Origins, Refused> {
        let input = self.trace(&aggregate.input)?;
        let mut out = Vec::new();
        for key in &aggregate.group_expr {
            let origins = origins(key, aggregate.input.schema(), &input)?;
            self.record(Use::Group, &origins);
            out.push(origins);
        }
        for expr in &aggregate.aggr_expr {
            let schema = aggregate.input.schema();
            let used = aggregate_use(expr)?;
            self.inside(expr, used, Rows::of(&aggregate.input, &input))?;
            out.push(origins(expr, schema, &input)?);
        }
        Ok(out)
    }

    /// The parts of an aggregate: what CASE tests, what is multiplied, and everything else.
    fn inside(&mut self, expr: &Expr, used: Use, rows: Rows<'_>) -> Result<(), Refused> {
        let Rows { schema, origins: input, .. } = rows;
        match expr {
            Expr::Column(_) => self.record(used, &origins(expr, schema, input)?),
            Expr::Case(case) => {
                for (when, then) in &case.when_then_expr {
                    self.record(Use::Filter, &origins(when, schema, input)?);
                    self.compared(when, rows)?;
                    self.inside(then, used, rows)?;
                }
                if let Some(tested) = &case.expr {
                    self.filter_otherwise(tested, rows)?;
                }
                if let Some(otherwise) = &case.else_expr {
                    self.inside(otherwise, used, rows)?;
                }
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                self.inside(left, used, rows)?;
                self.inside(right, used, rows)?;
                let (x, y) = (origins(left, schema, input)?, origins(right, schema, input)?);
                let is_sum = matches!(op, Operator::Plus | Operator::Minus);
                if !is_sum && !x.is_empty() && !y.is_empty() {
                    self.record(Use::Product, &x);
                    self.record(Use::Product, &y);
                }
            }
            Expr::Alias(alias) => self.inside(&alias.expr, used, rows)?,
            Expr::Negative(inner) | Expr::Cast(Cast { expr: inner, .. }) => {
                self.inside(inner, used, rows)?;
            }
            Expr::Literal(..) => {}
            Expr::AggregateFunction(call) => {
                let ordered = call.params.order_by.iter().map(|term| &term.expr);
                for argument in call.params.args.iter().chain(ordered) {
                    self.inside(argument, used, rows)?;
                    if let Some(Function::Pair(pair)) = Function::named(call.func.name()) {
                        // One column's value weighs the other's; or where one is NULL the other does not count.
                        let weighs = pair.needs() != [false; 3];
                        if weighs {
                            self.record(Use::Product, &origins(argument, schema, input)?);
                        } else {
                            self.filter_otherwise(argument, rows)?;
                        }
                    }
                }
            }
            // COALESCE and NULLIF: what is NULL, or equal, decides.
            Expr::ScalarFunction(call) => {
                self.filter_otherwise(expr, rows)?;
                for argument in &call.args {
                    self.inside(argument, used, rows)?;
                }
            }
            // What it does with the columns that it reads would go unnoticed.
            _ => return Err(Refused::Unanalysed(expr.to_string())),
        }
        Ok(())
    }

    /// Columns whose values are matched.
    fn record_equal(&mut self, origins: BTreeSet<Origin>) {
        self.record(Use::Join, &origins);
        self.equal.push(origins);
    }

    /// Comparisons of computed columns are more than that of what they are computed of. So is all else that lets through
    /// what a function chose of a value, but for groups, whose values are shown as they are: unless the query chose where
    /// they are cut.
    fn trace_computed(&mut self, computed: &[Computed]) {
        for column in computed.iter().rev() {
            let (table, name) = column.origin();
            let uses = self.uses.get(&table).and_then(|columns| columns.get(&name));
            let compared = self.comparisons.get_mut(&table).and_then(|columns| columns.remove(&name));
            let is_more = |uses: &BTreeSet<Use>| {
                column.is_across() || column.is_cut() || *uses != BTreeSet::from([Use::Group])
            };
            if compared.is_some() || uses.is_some_and(is_more) {
                self.record_comparison(&With::More, &column.columns());
            }
            for equal in &mut self.equal {
                if equal.remove(&column.origin()) {
                    equal.extend(column.columns());
                }
            }
        }
    }

    /// What one column is compared with, those that must equal it are too: through chains of equalities.
    fn share_comparisons(&mut self) {
        let equal = std::mem::take(&mut self.equal);
        for _ in &equal {
            for columns in &equal {
                let of = |(table, column): &Origin| self.comparisons.get(table)?.get(column).cloned();
                let found: Vec<Compared> = columns.iter().filter_map(of).collect();
                for Compared { constants, otherwise } in found {
                    self.record_comparison(&With::Constants(constants), columns);
                    if otherwise {
                        self.record_comparison(&With::More, columns);
                    }
                }
            }
        }
    }

    /// What decides otherwise than by a comparison with a constant.
    fn filter_otherwise(&mut self, expr: &Expr, rows: Rows<'_>) -> Result<(), Refused> {
        let read = origins(expr, rows.schema, rows.origins)?;
        self.record(Use::Filter, &read);
        self.record_comparison(&With::More, &read);
        Ok(())
    }

    fn record_comparison(&mut self, with: &With, origins: &BTreeSet<Origin>) {
        for (table, column) in origins {
            let compared =
                self.comparisons.entry(table.clone()).or_default().entry(column.clone()).or_default();
            match with {
                With::Constants(constants) => compared.constants.extend(constants.iter().cloned()),
                With::More => compared.otherwise = true,
            }
        }
    }

    fn record(&mut self, r#use: Use, origins: &BTreeSet<Origin>) {
        for (table, column) in origins {
            let columns = self.uses.entry(table.clone()).or_default();
            columns.entry(column.clone()).or_default().insert(r#use);
        }
    }
}

/// The subqueries of which a condition compares the value.
fn scalars(condition: &Expr) -> Result<Vec<&LogicalPlan>, Refused> {
    let mut found = Vec::new();
    let visited = condition.apply(|part| {
        if let Expr::ScalarSubquery(scalar) = part {
            found.push(scalar.subquery.as_ref());
        }
        Ok(TreeNodeRecursion::Continue)
    });
    visited.map_err(|error| super::meaning(&error))?;
    Ok(found)
}

fn aggregate_use(expr: &Expr) -> Result<Use, Refused> {
    match expr {
        Expr::Alias(alias) => aggregate_use(&alias.expr),
        Expr::AggregateFunction(call) => match Function::named(call.func.name()) {
            Some(Function::Min | Function::Max | Function::Quantile(_)) => Ok(Use::Extreme),
            Some(
                Function::Count
                | Function::CountDistinct
                | Function::Sum
                | Function::Avg
                | Function::Variance
                | Function::Deviation
                | Function::VariancePop
                | Function::DeviationPop
                | Function::Pair(_),
            ) => Ok(Use::Aggregate),
            None => Err(Refused::Unanalysed(expr.to_string())),
        },
        _ => Err(Refused::Unanalysed(expr.to_string())),
    }
}

/// Where the columns that an expression reads stem from.
fn origins(expr: &Expr, schema: &DFSchema, input: &Origins) -> Result<BTreeSet<Origin>, Refused> {
    let mut all = BTreeSet::new();
    for column in expr.column_refs() {
        let index = schema.maybe_index_of_column(column);
        match index.and_then(|index| input.get(index)) {
            Some(origins) => all.extend(origins.iter().cloned()),
            None => return Err(Refused::Unanalysed(expr.to_string())),
        }
    }
    Ok(all)
}
