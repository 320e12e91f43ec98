//! Dates and timestamps some time before or after others: constants are computed when the query is read, and what a column
//! is moved by is read for [`super::home`].

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, DateTimeField, Expr, Interval, Statement, TypedString, Value, VisitMut,
    VisitorMut,
};

use super::timestamps;
use crate::{Refused, calendar, moments};

/// By how much a date or a timestamp is moved: months first, then days, then microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    pub(super) months: i32,
    pub(super) days: i32,
    pub(super) micros: i64,
}

/// Of each unit at most so many.
const COUNT_MAX: i32 = 100_000;

impl Shift {
    /// What `+ INTERVAL …` or `- INTERVAL …` says, of whole seconds, minutes, hours, days, weeks, months and years.
    pub(super) fn read(op: &BinaryOperator, interval: &Expr) -> Option<Self> {
        let sign = match op {
            BinaryOperator::Plus => 1,
            BinaryOperator::Minus => -1,
            _ => return None,
        };
        let Expr::Interval(Interval {
            value,
            leading_field,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        }) = interval
        else {
            return None;
        };
        let Expr::Value(value) = value.as_ref() else { return None };
        let (Value::SingleQuotedString(text) | Value::Number(text, _)) = &value.value else { return None };
        let mut words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        words.extend(leading_field.as_ref().and_then(unit));
        let mut shift = Self { months: 0, days: 0, micros: 0 };
        for pair in words.chunks(2) {
            let [count, unit] = pair else { return None };
            let count: i32 =
                count.parse().ok().filter(|count: &i32| (-COUNT_MAX..=COUNT_MAX).contains(count))?;
            match unit.trim_end_matches('s') {
                "year" => shift.months = shift.months.checked_add(sign * 12 * count)?,
                "month" => shift.months = shift.months.checked_add(sign * count)?,
                "week" => shift.days = shift.days.checked_add(sign * 7 * count)?,
                "day" => shift.days = shift.days.checked_add(sign * count)?,
                unit => {
                    let each = match unit {
                        "hour" => moments::HOUR,
                        "minute" => moments::MINUTE,
                        "second" => moments::SECOND,
                        _ => return None,
                    };
                    shift.micros = shift.micros.checked_add(each.checked_mul((sign * count).into())?)?;
                }
            }
        }
        (!words.is_empty()).then_some(shift)
    }

    /// The day that another becomes; nothing outside of years 0001 to 9999, and nothing by a part of a day.
    pub(super) fn of(self, day: i32) -> Option<i32> {
        let day = calendar::shifted(self.months, self.days, day).filter(|_| self.micros == 0)?;
        (calendar::FIRST..=calendar::LAST).contains(&day).then_some(day)
    }

    /// The point in time that another becomes; nothing outside of years 0001 to 9999.
    pub(super) fn of_moment(self, at: i64) -> Option<i64> {
        let at = moments::shifted(self.months, self.days, self.micros, at)?;
        (moments::FIRST..=moments::LAST).contains(&at).then_some(at)
    }

    /// Between what those of a range lie. Of two days of one month the later can become the same day as the earlier one, so
    /// that times of day decide which comes first.
    pub(super) fn of_moments(self, min: i64, max: i64) -> Option<(i64, i64)> {
        if self.months == 0 {
            return self.of_moment(min).zip(self.of_moment(max));
        }
        let first = moments::midnight(moments::split(min).0);
        let last = moments::midnight(moments::split(max).0) + moments::DAY - 1;
        self.of_moment(first).zip(self.of_moment(last))
    }
}

fn unit(field: &DateTimeField) -> Option<String> {
    match field {
        DateTimeField::Year
        | DateTimeField::Years
        | DateTimeField::Month
        | DateTimeField::Months
        | DateTimeField::Week(None)
        | DateTimeField::Weeks
        | DateTimeField::Day
        | DateTimeField::Days
        | DateTimeField::Hour
        | DateTimeField::Hours
        | DateTimeField::Minute
        | DateTimeField::Minutes
        | DateTimeField::Second
        | DateTimeField::Seconds => Some(field.to_string().to_lowercase()),
        _ => Some("none of these".to_owned()),
    }
}

/// `DATE '…' - INTERVAL '90' DAY` as the date that it is, and so with timestamps.
pub(super) fn fold(statement: &mut Statement) -> Result<(), Refused> {
    struct Folds;
    impl VisitorMut for Folds {
        type Break = Refused;

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
            let Expr::BinaryOp { left, op, right } = &*expr else { return ControlFlow::Continue(()) };
            let Some(shift) = Shift::read(op, right) else { return ControlFlow::Continue(()) };
            if let Some(at) = timestamps::constant(left) {
                let Some(at) = shift.of_moment(at) else {
                    let years = format!("`{expr}` is no time of the years 0001 to 9999");
                    return ControlFlow::Break(Refused::Meaning(years));
                };
                *expr = timestamps::written(at);
                return ControlFlow::Continue(());
            }
            let Some((date, day)) = date(left).filter(|_| shift.micros == 0) else {
                return ControlFlow::Continue(());
            };
            match shift.of(day) {
                Some(day) => {
                    let mut folded = date.clone();
                    folded.value.value = Value::SingleQuotedString(calendar::text(day));
                    *expr = Expr::TypedString(folded);
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(Refused::Meaning(format!(
                    "`{expr}` is no day of the years 0001 to 9999"
                ))),
            }
        }
    }
    match statement.visit(&mut Folds) {
        ControlFlow::Break(refused) => Err(refused),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// A date that is written out.
pub(super) fn date(expr: &Expr) -> Option<(&TypedString, i32)> {
    match expr {
        Expr::Nested(inner) => date(inner),
        Expr::TypedString(date @ TypedString { data_type: DataType::Date, value, .. }) => {
            let Value::SingleQuotedString(text) = &value.value else { return None };
            Some((date, calendar::days(text)?))
        }
        _ => None,
    }
}
