//! Conversions that type checking adds to WHERE. One that reads a column may fail on a row, when the query runs;
//! one of a constant is tried now.

use arrow::datatypes::DataType;
use datafusion::{
    common::tree_node::{TreeNode, TreeNodeRecursion},
    logical_expr::{Expr, ExprSchemable, LogicalPlan},
};

use crate::Refused;

/// Refuses conversions in filters that could fail on some row, and constants that cannot be converted.
pub(crate) fn check(plan: &LogicalPlan) -> Result<(), Refused> {
    let mut found = Ok(());
    let visited = plan.apply(|step| {
        if let LogicalPlan::Filter(filter) = step {
            found = check_filter(&filter.predicate, step);
        }
        Ok(if found.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    visited.map_err(|error| Refused::Meaning(error.to_string()))?;
    found
}

fn check_filter(predicate: &Expr, filter: &LogicalPlan) -> Result<(), Refused> {
    let mut found = Ok(());
    let visited = predicate.apply(|expr| {
        if let Expr::Cast(cast) = expr {
            found = check_cast(&cast.expr, cast.field.data_type(), filter);
        }
        Ok(if found.is_ok() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    visited.map_err(|error| Refused::Meaning(error.to_string()))?;
    found
}

fn check_cast(from: &Expr, wanted: &DataType, filter: &LogicalPlan) -> Result<(), Refused> {
    let meaning = |error: datafusion::error::DataFusionError| Refused::Meaning(error.strip_backtrace());
    if let Expr::Literal(value, _) = from {
        return value.cast_to(wanted).map(drop).map_err(meaning);
    }
    let mut schema = datafusion::common::DFSchema::empty();
    for input in filter.inputs() {
        schema.merge(input.schema());
    }
    let found = from.get_type(&schema).map_err(meaning)?;
    if never_fails(&found, wanted) {
        return Ok(());
    }
    let column = from.column_refs().into_iter().map(|column| column.name.clone()).min();
    Err(Refused::Converted {
        column: column.unwrap_or_else(|| from.to_string()),
        found: found.to_string(),
        wanted: wanted.to_string(),
    })
}

/// Whether every value of one type has a counterpart in the other.
fn never_fails(from: &DataType, to: &DataType) -> bool {
    use DataType::{Boolean, Decimal128, Float64, Int64, Utf8, Utf8View};
    match (from, to) {
        (Int64 | Decimal128(..), Float64) | (Utf8, Utf8View) | (_, Utf8) => true,
        // 19 digits hold every 64-bit integer.
        (Int64, Decimal128(precision, scale)) => i16::from(*precision) - i16::from(*scale) >= 19,
        (Decimal128(p, s), Decimal128(precision, scale)) => {
            scale >= s && i16::from(*precision) - i16::from(*scale) >= i16::from(*p) - i16::from(*s)
        }
        (Boolean, Int64) => true,
        _ => from == to,
    }
}
