//! How a plan uses each column: as filter, group key, inside an aggregate, as an extreme.
//!
//! The analysis runs over the plan as written and again over the optimised one, and the uses of both are united:
//! optimisation can hide a use (`COUNT(x)` of a column without NULLs becomes `COUNT(*)`) and make one (a filter is
//! added or moved). A step that is not known here is refused, so that a new one can never go unnoticed.
//!
//! | step | use of the columns that it reads |
//! | --- | --- |
//! | filter, filter inside a scan or a join | [`Use::Filter`] |
//! | equality of columns of two tables, key of a join, values of a set operation | [`Use::Join`] |
//! | key of an aggregation | [`Use::Group`] |
//! | values of a set operation that are shown | [`Use::Join`], and [`Use::Group`] of both tables' columns |
//! | HAVING, windows, order and limit of groups | none of their own; a subquery of HAVING has those of its aggregates |
//! | COUNT, SUM, AVG, VAR, STDDEV | [`Use::Aggregate`] |
//! | MIN, MAX, MEDIAN, PERCENTILE_CONT | [`Use::Extreme`] |
//! | condition of CASE inside an aggregate | [`Use::Filter`] |
//! | COALESCE and NULLIF inside an aggregate | [`Use::Filter`], and the aggregate's own |
//! | factors of a product of columns inside an aggregate; both columns of COVAR, CORR, REGR | [`Use::Product`], and the aggregate's own |
//! | projection, alias, scan | none of its own; origins are passed on |

use std::collections::{BTreeMap, BTreeSet};

use contract::terms::Use;
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

use super::{Function, above::is_grouped};
use crate::Refused;

/// Uses by table and column.
pub(crate) type Uses = BTreeMap<String, BTreeMap<String, BTreeSet<Use>>>;

/// The uses in the plans as written and in the optimised one, united.
pub(crate) fn analyse(written: [&LogicalPlan; 2], optimised: &LogicalPlan) -> Result<Uses, Refused> {
    let mut analysis = Analysis::default();
    for plan in written {
        analysis.trace(plan)?;
    }
    analysis.is_optimised = true;
    analysis.trace(optimised)?;
    Ok(analysis.uses)
}

/// Table and column that a value stems from.
type Origin = (String, String);

/// For each output column of a step, all columns that flow into it.
type Origins = Vec<BTreeSet<Origin>>;

#[derive(Default)]
struct Analysis {
    uses: Uses,
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
                self.condition(&filter.predicate, filter.input.schema(), &input)?;
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
                values.iter().for_each(|origins| self.record(Use::Join, origins));
                Ok(values)
            }
            LogicalPlan::Union(union) => {
                let mut all: Origins = vec![BTreeSet::new(); union.schema.fields().len()];
                for input in &union.inputs {
                    for (own, origins) in all.iter_mut().zip(self.trace(input)?) {
                        own.extend(origins);
                    }
                }
                all.iter().for_each(|origins| self.record(Use::Join, origins));
                Ok(all)
            }
            // WHERE that can never hold.
            LogicalPlan::EmptyRelation(empty) => Ok(vec![BTreeSet::new(); empty.schema.fields().len()]),
            _ => Err(Refused::Unanalysed(plan.display().to_string())),
        }
    }

    /// What subqueries of a condition read.
    fn scalars(&mut self, condition: &Expr) -> Result<(), Refused> {
        let mut found = Ok(());
        let visited = condition.apply(|part| {
            if let Expr::ScalarSubquery(scalar) = part {
                found = self.trace(&scalar.subquery).map(drop);
            }
            Ok(if found.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
        });
        visited.map_err(|error| super::meaning(&error))?;
        found
    }

    fn join(&mut self, join: &Join) -> Result<Origins, Refused> {
        let (left, right) = (self.trace(&join.left)?, self.trace(&join.right)?);
        for (x, y) in &join.on {
            self.record(Use::Join, &origins(x, join.left.schema(), &left)?);
            self.record(Use::Join, &origins(y, join.right.schema(), &right)?);
        }
        let both: Origins = left.iter().chain(&right).cloned().collect();
        if let Some(filter) = &join.filter {
            let schema = join.left.schema().join(join.right.schema());
            let schema = schema.map_err(|error| super::meaning(&error))?;
            self.condition(filter, &schema, &both)?;
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
    fn condition(&mut self, condition: &Expr, schema: &DFSchema, input: &Origins) -> Result<(), Refused> {
        for part in split_conjunction(condition) {
            match part {
                Expr::Exists(exists) => {
                    self.subquery(&exists.subquery.subquery, schema, input)?;
                    continue;
                }
                Expr::InSubquery(within) => {
                    self.record(Use::Join, &origins(&within.expr, schema, input)?);
                    for found in self.subquery(&within.subquery.subquery, schema, input)? {
                        self.record(Use::Join, &found);
                    }
                    continue;
                }
                _ => {}
            }
            let mut read = origins(part, schema, input)?;
            read.extend(self.outside(part)?);
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
            self.record(if is_key { Use::Join } else { Use::Filter }, &read);
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
            self.inside(expr, used, schema, &input)?;
            out.push(origins(expr, schema, &input)?);
        }
        Ok(out)
    }

    /// The parts of an aggregate: what CASE tests, what is multiplied, and everything else.
    fn inside(&mut self, expr: &Expr, used: Use, schema: &DFSchema, input: &Origins) -> Result<(), Refused> {
        match expr {
            Expr::Column(_) => self.record(used, &origins(expr, schema, input)?),
            Expr::Case(case) => {
                for (when, then) in &case.when_then_expr {
                    self.record(Use::Filter, &origins(when, schema, input)?);
                    self.inside(then, used, schema, input)?;
                }
                if let Some(tested) = &case.expr {
                    self.record(Use::Filter, &origins(tested, schema, input)?);
                }
                if let Some(otherwise) = &case.else_expr {
                    self.inside(otherwise, used, schema, input)?;
                }
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                self.inside(left, used, schema, input)?;
                self.inside(right, used, schema, input)?;
                let (x, y) = (origins(left, schema, input)?, origins(right, schema, input)?);
                let is_sum = matches!(op, Operator::Plus | Operator::Minus);
                if !is_sum && !x.is_empty() && !y.is_empty() {
                    self.record(Use::Product, &x);
                    self.record(Use::Product, &y);
                }
            }
            Expr::Alias(alias) => self.inside(&alias.expr, used, schema, input)?,
            Expr::Negative(inner) | Expr::Cast(Cast { expr: inner, .. }) => {
                self.inside(inner, used, schema, input)?;
            }
            Expr::Literal(..) => {}
            Expr::AggregateFunction(call) => {
                let ordered = call.params.order_by.iter().map(|term| &term.expr);
                for argument in call.params.args.iter().chain(ordered) {
                    self.inside(argument, used, schema, input)?;
                    if let Some(Function::Pair(pair)) = Function::named(call.func.name()) {
                        // One column's value weighs the other's; or where one is NULL the other does not count.
                        let weighs = pair.needs() != [false; 3];
                        let used = if weighs { Use::Product } else { Use::Filter };
                        self.record(used, &origins(argument, schema, input)?);
                    }
                }
            }
            // COALESCE and NULLIF: what is NULL, or equal, decides.
            Expr::ScalarFunction(call) => {
                self.record(Use::Filter, &origins(expr, schema, input)?);
                for argument in &call.args {
                    self.inside(argument, used, schema, input)?;
                }
            }
            // What it does with the columns that it reads would go unnoticed.
            _ => return Err(Refused::Unanalysed(expr.to_string())),
        }
        Ok(())
    }

    fn record(&mut self, r#use: Use, origins: &BTreeSet<Origin>) {
        for (table, column) in origins {
            let columns = self.uses.entry(table.clone()).or_default();
            columns.entry(column.clone()).or_default().insert(r#use);
        }
    }
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
