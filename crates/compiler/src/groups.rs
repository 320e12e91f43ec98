//! The public groups: every combination of the group columns' declared values, in the result's order.

use std::cmp::Ordering;

use contract::{Column, ColumnType};

use crate::{
    Construct, Refused,
    domain::{self, GROUPS_MAX, Value},
    secret,
    sql::{GroupCondition, Item, Key, OrderTerm, Query, decimal, identifier},
};

/// All groups that a query can yield, without those that conditions over several tables leave out. Without GROUP BY there is one, with an empty key.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    pub(crate) columns: Vec<Column>,
    /// Which relation each of the columns is of.
    sides: Vec<usize>,
    /// `None` is NULL. None of them where they are not public.
    pub(crate) keys: Vec<Vec<Option<Value>>>,
}

/// Of so many combinations of values those are looked for that satisfy the conditions on groups.
const CANDIDATES_MAX: usize = 1 << 18;

/// How one relation's columns tell the groups apart.
pub(crate) struct Apart<'g> {
    /// These columns, by their places.
    pub(crate) places: Vec<usize>,
    /// Each combination of their values.
    pub(crate) lists: Vec<Vec<Option<&'g Value>>>,
    /// For each of all groups, which of these it belongs to.
    pub(crate) of: Vec<usize>,
}

/// The groups as one relation's columns tell them apart, for its owners.
#[derive(Clone, Debug)]
pub(crate) struct Sided {
    /// For each of its groups the condition for a row to be in it, as SQL; none where it has no group columns.
    pub(crate) conditions: Vec<Option<String>>,
    /// For each of all groups, which of these it belongs to.
    pub(crate) of: Vec<usize>,
    /// Which of these has no value in any column.
    pub(crate) null: Option<usize>,
}

impl Sided {
    /// Each group once for each further condition, which changes fastest.
    pub(crate) fn by(self, conditions: &[String]) -> Self {
        let with = |group: &Option<String>| {
            let group = group.as_ref().map(|group| format!("({group}) AND ")).unwrap_or_default();
            conditions.iter().map(move |condition| Some(format!("{group}({condition})"))).collect::<Vec<_>>()
        };
        Self { conditions: self.conditions.iter().flat_map(with).collect(), ..self }
    }
}

impl Groups {
    pub(crate) fn of(query: &Query, conditions: &[GroupCondition]) -> Result<Self, Refused> {
        let columns: Vec<Column> = query.keys.iter().map(|key| key.column.clone()).collect();
        let sides = query.keys.iter().map(|key| key.side).collect();
        if !query.has_public_groups {
            columns.iter().try_for_each(secret::check)?;
            return Ok(Self { columns, sides, keys: Vec::new() });
        }
        let mut lists = Vec::with_capacity(query.keys.len());
        for Key { column, .. } in &query.keys {
            let mut list: Vec<_> = domain::values(column)?.into_iter().map(Some).collect();
            if column.nullable {
                list.push(None);
            }
            lists.push(list);
        }
        let found = lists.iter().fold(1_u128, |n, list| n.saturating_mul(list.len() as u128));
        let most = if conditions.is_empty() { GROUPS_MAX } else { CANDIDATES_MAX };
        if found > most as u128 {
            return Err(Refused::TooManyGroups { found, most });
        }
        let mut keys = vec![Vec::new()];
        for list in &lists {
            keys = keys
                .iter()
                .flat_map(|key: &Vec<_>| {
                    list.iter().map(move |value| [key.as_slice(), std::slice::from_ref(value)].concat())
                })
                .collect();
        }
        keys.retain(|key| conditions.iter().all(|condition| condition.holds(key) == Some(true)));
        if keys.is_empty() {
            return Err(Construct::TreeCondition.refuse(&"a condition that no group satisfies"));
        }
        if keys.len() > GROUPS_MAX {
            return Err(Refused::TooManyGroups { found: keys.len() as u128, most: GROUPS_MAX });
        }
        keys.sort_by(|a, b| compare(a, b, &query.order));
        Ok(Self { columns, sides, keys })
    }

    /// Whether any column is of relation `side`.
    pub(crate) fn has_side(&self, side: usize) -> bool {
        self.sides.contains(&side)
    }

    /// The values by which columns of relation `side` tell the groups apart.
    pub(crate) fn told_apart(&self, side: usize) -> Apart<'_> {
        let mine = |place: &usize| self.sides.get(*place) == Some(&side);
        let places: Vec<usize> = (0..self.columns.len()).filter(mine).collect();
        let mut lists: Vec<Vec<Option<&Value>>> = Vec::new();
        let mut of = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            let own: Vec<_> = places.iter().map(|place| key.get(*place).and_then(Option::as_ref)).collect();
            of.push(lists.iter().position(|known| *known == own).unwrap_or_else(|| {
                lists.push(own);
                lists.len() - 1
            }));
        }
        Apart { places, lists, of }
    }

    /// The groups as the columns of relation `side` tell them apart.
    pub(crate) fn sided(&self, side: usize) -> Sided {
        let Apart { places, lists, of } = self.told_apart(side);
        let condition = |values: &Vec<Option<&Value>>| {
            let equal = places.iter().zip(values).filter_map(|(place, value)| {
                let column = self.columns.get(*place)?;
                let name = identifier(&column.name);
                Some(match value {
                    Some(_) => format!("{name} = {}", literal(*value, column.kind)),
                    None => format!("{name} IS NULL"),
                })
            });
            let equal: Vec<String> = equal.collect();
            (!equal.is_empty()).then(|| equal.join(" AND "))
        };
        Sided {
            conditions: lists.iter().map(condition).collect(),
            null: lists.iter().position(|values| values.iter().all(Option::is_none)),
            of,
        }
    }

    /// For each group where it stands if all are ordered by one key, from 0; equal keys stand at one place.
    pub(crate) fn places(&self, term: OrderTerm) -> Vec<i128> {
        let order = [term];
        let by_term = |a: &[Option<Value>], b: &[Option<Value>]| first_difference(a, b, &order);
        let before = |key: &Vec<Option<Value>>| {
            self.keys.iter().filter(|other| by_term(other, key).is_lt()).count() as i128
        };
        self.keys.iter().map(before).collect()
    }

    /// The keys as texts.
    pub(crate) fn texts(&self) -> Vec<Vec<Option<String>>> {
        let text = |key: &Vec<Option<Value>>| {
            key.iter().zip(&self.columns).map(|(v, c)| v.as_ref().map(|v| v.show(c.kind))).collect()
        };
        self.keys.iter().map(text).collect()
    }

    /// The keys as rows of a SQL VALUES list: ordinal, then key values.
    pub(crate) fn values_list(&self) -> String {
        let row = |(ordinal, key): (usize, &Vec<Option<Value>>)| {
            let mut row = format!("({ordinal}");
            for (value, column) in key.iter().zip(&self.columns) {
                row.push_str(", ");
                row.push_str(&literal(value.as_ref(), column.kind));
            }
            row + ")"
        };
        self.keys.iter().enumerate().map(row).collect::<Vec<_>>().join(", ")
    }
}

/// ORDER BY's terms first; what they leave open is ascending, NULL last.
fn compare(a: &[Option<Value>], b: &[Option<Value>], order: &[OrderTerm]) -> Ordering {
    let rest = a.iter().zip(b).map(|(x, y)| nulls(x.as_ref(), y.as_ref(), false));
    first_difference(a, b, order)
        .then_with(|| rest.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal))
}

fn first_difference(a: &[Option<Value>], b: &[Option<Value>], order: &[OrderTerm]) -> Ordering {
    let by_term = |term: &OrderTerm| {
        let Item::Key(key) = term.item else { return Ordering::Equal };
        match (a.get(key).and_then(Option::as_ref), b.get(key).and_then(Option::as_ref)) {
            (Some(x), Some(y)) if term.descending => y.cmp(x),
            (x, y) => nulls(x, y, term.nulls_first),
        }
    };
    order.iter().map(by_term).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

fn nulls(x: Option<&Value>, y: Option<&Value>, first: bool) -> Ordering {
    match (x, y) {
        (Some(x), Some(y)) => x.cmp(y),
        (None, None) => Ordering::Equal,
        (None, Some(_)) if first => Ordering::Less,
        (Some(_), None) if !first => Ordering::Less,
        _ => Ordering::Greater,
    }
}

pub(crate) fn literal(value: Option<&Value>, kind: ColumnType) -> String {
    match (value, kind) {
        (Some(Value::Boolean(value)), _) => value.to_string(),
        (Some(Value::Text(text)), _) => format!("'{}'", text.replace('\'', "''")),
        (Some(date @ Value::Date(_)), _) => format!("CAST('{}' AS DATE)", date.show(kind)),
        (Some(moment @ Value::Timestamp(_)), _) => {
            format!("CAST('{}' AS TIMESTAMP(6))", moment.show(kind))
        }
        (Some(number @ Value::Number(_)), ColumnType::Integer) => number.show(kind),
        (Some(Value::Number(value)), _) => decimal(*value, domain::scale(kind)),
        (None, _) => format!("CAST(NULL AS {})", sql_type(kind)),
    }
}

pub(crate) fn sql_type(kind: ColumnType) -> String {
    match kind {
        ColumnType::Boolean => "BOOLEAN".to_owned(),
        ColumnType::Integer => "BIGINT".to_owned(),
        ColumnType::Decimal { scale } => format!("DECIMAL({}, {scale})", crate::number::DIGITS_MAX),
        ColumnType::Float { .. } => "DOUBLE".to_owned(),
        ColumnType::Text => "VARCHAR".to_owned(),
        ColumnType::Date => "DATE".to_owned(),
        ColumnType::Timestamp => "TIMESTAMP(6)".to_owned(),
    }
}
