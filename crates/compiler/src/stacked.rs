//! A table that is made of several, one below the other (UNION ALL), as their owners compute it: each reads the SELECT of
//! its own table under the stack's name, and everything else of its stage is as of any table's.

use std::collections::BTreeSet;

use program::Builder;

use crate::{
    Refused, Table,
    sql::{Relation, identifier},
};

/// What the datasets of a table are made of, that is several tables one below the other.
#[derive(Clone, Debug)]
pub(crate) struct Stacked {
    /// One for each table, in the order of the datasets.
    pub(crate) branches: Vec<Branch>,
    /// The whole of it as SQL: where this is equal, it has the same rows.
    pub(crate) definition: String,
}

/// One table's SELECT.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    /// The table's name in the contract.
    pub(crate) table: String,
    pub(crate) datasets: Vec<String>,
    /// The table as SQL, with what is computed of its columns.
    pub(crate) from: String,
    /// The stack's columns.
    pub(crate) items: Vec<Item>,
    pub(crate) condition: Option<String>,
}

/// A column of a stack, as one of its tables has it.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// In the stack.
    pub(crate) name: String,
    /// Over the table's rows.
    pub(crate) sql: String,
    /// What its values are of this table: a query of the table alone calls the same values so.
    pub(crate) key: String,
    /// The table's columns that it is made of; of a constant none.
    pub(crate) columns: BTreeSet<String>,
    /// Whether it may be NULL here.
    pub(crate) nullable: bool,
}

impl Branch {
    /// The SELECT under the stack's name, to stand before a query of it: of the rows that its condition lets through, or of
    /// all rows with `kept`, the name of one more column that says of each whether it does.
    pub(crate) fn with(&self, stack: &str, kept: Option<&str>) -> String {
        let item = |item: &Item| format!("{} AS {}", item.sql, identifier(&item.name));
        let mut items: Vec<String> = self.items.iter().map(item).collect();
        let condition = self.condition.as_deref();
        let filter = match kept {
            Some(kept) => {
                items.push(format!("({}) AS {}", condition.unwrap_or("TRUE"), identifier(kept)));
                String::new()
            }
            None => condition.map(|condition| format!(" WHERE {condition}")).unwrap_or_default(),
        };
        let stack = identifier(stack);
        format!("WITH {stack} AS (\n  SELECT {} FROM {}{filter}\n)\n", items.join(", "), self.from)
    }

    /// What an owner does with its rows first, for people.
    fn step(&self) -> String {
        let items = self.items.iter().map(|item| match item.sql == identifier(&item.name) {
            true => format!("`{}`", item.name),
            false => format!("`{}` as `{}`", item.sql, item.name),
        });
        let items: Vec<String> = items.collect();
        let rows = match &self.condition {
            Some(condition) => format!("its rows for which `{condition}` holds"),
            None => "all its rows".to_owned(),
        };
        format!("of `{}`: takes {} of {rows}", self.table, items.join(", "))
    }
}

impl Relation {
    /// Declares the stage of one of the table's datasets, by its number.
    pub(crate) fn stage(
        &self,
        builder: &mut Builder,
        table: &Table,
        number: usize,
        sql: &str,
        rows: u32,
    ) -> Result<u16, Refused> {
        let source = table.datasets.get(number).ok_or_else(|| Refused::NoDataset(table.name.clone()))?;
        if let Some(joined) = &self.home {
            return joined.stage(builder, &table.name, sql, rows);
        }
        let mut own = number;
        for branch in self.stacked.iter().flat_map(|stacked| &stacked.branches) {
            match own.checked_sub(branch.datasets.len()) {
                Some(rest) => own = rest,
                None => {
                    let sql = branch.with(&table.name, None) + sql;
                    return Ok(builder.stage(own as u16, &branch.table, &source.reference, sql, rows)?);
                }
            }
        }
        // More datasets than 2^16 are refused by the program's own limits.
        Ok(builder.stage(number as u16, &table.name, &source.reference, sql, rows)?)
    }

    /// What the owners of stacked tables do first, and of those that are joined at home, for people.
    pub(crate) fn first_steps(&self) -> impl Iterator<Item = String> {
        self.stacked.iter().flat_map(|stacked| &stacked.branches).map(Branch::step).chain(self.home_steps())
    }
}
