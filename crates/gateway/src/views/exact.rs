//! Integers that stay exact: DataFusion lets sums and products wrap around where PostgreSQL widens or refuses.

use std::sync::Arc;

use arrow::{
    array::AsArray,
    compute::kernels::numeric,
    datatypes::{DataType, FieldRef, Float64Type},
};
use datafusion::{
    common::{
        DFSchema, Result, ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNode},
    },
    logical_expr::{
        Between, BinaryExpr, ColumnarValue, Expr, ExprSchemable, LogicalPlan, Operator, ReturnFieldArgs,
        ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, expr::InList,
        expr_rewriter::NamePreserver, utils::merge_schema,
    },
    optimizer::AnalyzerRule,
};

use super::rewrite::is_decimal;

/// The function around what is summed: exact numbers become ones that no sum of them outgrows.
pub(super) const SUMMED: &str = "summed";
/// A cast to `numeric` without a precision, which keeps the digits that a number has.
pub(super) const NUMERIC: &str = "exact_numeric";

/// Digits of the widest exact numbers.
const DIGITS: u8 = 76;

/// A number that is cast to an integer, rounded as PostgreSQL does: halves of exact numbers away from zero, of others to
/// the even one. Arrow cuts them off.
pub(super) const WHOLE: &str = "whole";

#[derive(Debug, PartialEq, Eq, Hash)]
struct Whole(Signature);

impl ScalarUDFImpl for Whole {
    fn name(&self) -> &str {
        WHOLE
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(match arguments {
            [DataType::Decimal128(..) | DataType::Decimal256(..)] => DataType::Decimal256(DIGITS, 0),
            [DataType::Float32] => DataType::Float64,
            [other] => other.clone(),
            _ => DataType::Null,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let to = arguments.return_field.data_type().clone();
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [array] = arrays.as_slice() else {
            return datafusion::common::exec_err!("one value is cast");
        };
        // Between decimals halves are rounded away from zero.
        let array = arrow::compute::cast(array, &to)?;
        Ok(ColumnarValue::Array(match array.as_primitive_opt::<Float64Type>() {
            Some(floats) => Arc::new(floats.unary::<_, Float64Type>(f64::round_ties_even)),
            None => array,
        }))
    }
}

/// Makes exact numbers wide, and of others what is given.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Widen {
    name: &'static str,
    /// They stay what they are without it.
    others: Option<DataType>,
    signature: Signature,
}

pub(super) fn functions() -> [ScalarUDF; 3] {
    // As DataFusion casts to `numeric`.
    let others = DataType::Decimal128(38, 10);
    let one = || Signature::any(1, Volatility::Immutable);
    [
        ScalarUDF::from(Widen { name: SUMMED, others: None, signature: one() }),
        ScalarUDF::from(Widen { name: NUMERIC, others: Some(others), signature: one() }),
        ScalarUDF::from(Whole(one())),
    ]
}

impl ScalarUDFImpl for Widen {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(match arguments {
            [DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale)] => {
                DataType::Decimal256(DIGITS, *scale)
            }
            [integer] if integer.is_integer() => DataType::Decimal256(DIGITS, 0),
            [other] => self.others.clone().unwrap_or_else(|| other.clone()),
            _ => DataType::Null,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let to = arguments.return_field.data_type().clone();
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        match arrays.as_slice() {
            [array] => Ok(ColumnarValue::Array(arrow::compute::cast(array, &to)?)),
            _ => datafusion::common::exec_err!("`{}` takes one value", self.name),
        }
    }
}

/// `+`, `-` or `*` of two integers, an error where the result does not fit.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operator: Operator,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.operator {
            Operator::Plus => "checked_add",
            Operator::Minus => "checked_subtract",
            _ => "checked_multiply",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Null))
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<_> = arguments.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let is_nullable = arguments.arg_fields.iter().any(|field| field.is_nullable());
        let field = arrow::datatypes::Field::new(self.name(), self.return_type(&types)?, is_nullable);
        Ok(Arc::new(field))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [left, right] = arrays.as_slice() else {
            return datafusion::common::exec_err!("integers are combined in pairs");
        };
        let result = match self.operator {
            Operator::Plus => numeric::add(left, right),
            Operator::Minus => numeric::sub(left, right),
            _ => numeric::mul(left, right),
        };
        Ok(ColumnarValue::Array(result?))
    }
}

/// Puts [`Checked`] in the place of operators that would wrap around. After types have been made the same.
#[derive(Debug)]
pub(super) struct CheckIntegers;

impl AnalyzerRule for CheckIntegers {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let checked = plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let checked = expr.transform_up(|expr| match expr {
                    Expr::BinaryExpr(BinaryExpr { left, op, right })
                        if matches!(op, Operator::Plus | Operator::Minus | Operator::Multiply) =>
                    {
                        let (one, other) = (left.get_type(&schema)?, right.get_type(&schema)?);
                        if !one.is_integer() || one != other {
                            return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
                        }
                        let signature = Signature::any(2, Volatility::Immutable);
                        let function = ScalarUDF::from(Checked { operator: op, signature });
                        Ok(Transformed::yes(function.call(vec![*left, *right])))
                    }
                    other => Ok(Transformed::no(other)),
                })?;
                Ok(checked.update_data(|expr| name.restore(expr)))
            })
        })?;
        Ok(checked.data)
    }

    fn name(&self) -> &str {
        "check_integers"
    }
}

/// Makes a constant in quotes that is compared with an exact number one itself, with the digits that it has. Before types are
/// made the same: it would be rounded to the digits of the other.
#[derive(Debug)]
pub(super) struct QuotedNumbers;

impl AnalyzerRule for QuotedNumbers {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let read = plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let read = expr.transform_up(|expr| Ok(Transformed::yes(quoted(expr, &schema))))?;
                Ok(read.update_data(|expr| name.restore(expr)))
            })
        })?;
        Ok(read.data)
    }

    fn name(&self) -> &str {
        "quoted_numbers"
    }
}

fn quoted(expr: Expr, schema: &DFSchema) -> Expr {
    let is_exact = |expr: &Expr| {
        matches!(expr.get_type(schema), Ok(DataType::Decimal128(..) | DataType::Decimal256(..)))
    };
    let read = |expr: Box<Expr>| Box::new(number(*expr));
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() => {
            let (left_is_exact, right_is_exact) = (is_exact(&left), is_exact(&right));
            let left = if right_is_exact { read(left) } else { left };
            let right = if left_is_exact { read(right) } else { right };
            Expr::BinaryExpr(BinaryExpr { left, op, right })
        }
        Expr::Between(Between { expr, negated, low, high }) if is_exact(&expr) => {
            Expr::Between(Between { expr, negated, low: read(low), high: read(high) })
        }
        Expr::InList(InList { expr, list, negated }) if is_exact(&expr) => {
            Expr::InList(InList { expr, list: list.into_iter().map(number).collect(), negated })
        }
        other => other,
    }
}

/// A number that stands in quotes.
fn number(expr: Expr) -> Expr {
    let Expr::Literal(ScalarValue::Utf8(Some(text)), _) = &expr else { return expr };
    if !is_decimal(text) {
        return expr;
    }
    let places = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    match (text.replace('.', "").parse::<i128>(), i8::try_from(places)) {
        (Ok(digits), Ok(places)) if places < 38 && digits.unsigned_abs() < 10_u128.pow(38) => {
            Expr::Literal(ScalarValue::Decimal128(Some(digits), 38, places), None)
        }
        _ => expr,
    }
}
