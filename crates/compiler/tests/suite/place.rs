//! Tables of several owners, asked in both ways.

use arrow::record_batch::RecordBatch;
use contract::Schema;
use treaty_compiler::{Compiled, Refused, ResultTable, Source, Table, compile, decode, plain, tables};
use vm::SchemeName;

use crate::jointly;

/// A table: name, columns, and for each owner its rows.
pub(crate) struct Owned {
    pub(crate) name: &'static str,
    pub(crate) schema: Schema,
    pub(crate) owners: Vec<RecordBatch>,
    /// How many of its rows its owners want behind each group.
    pub(crate) floor_rows: u64,
}

/// All rows, for tests that compare.
pub(crate) struct Place(pub(crate) Vec<Owned>);

impl Place {
    /// The query over the tables that it names, of which each has owners of its own.
    pub(crate) fn compiled(&self, sql: &str, floor: u64) -> Result<Compiled, Refused> {
        self.compiled_for(sql, floor, |table| table)
    }

    /// The query, where the tables of which `holder` says the same have the same owners.
    pub(crate) fn compiled_for(
        &self,
        sql: &str,
        floor: u64,
        holder: impl Fn(&'static str) -> &'static str,
    ) -> Result<Compiled, Refused> {
        compile(sql, &self.tables(sql, holder), floor)
    }

    /// The tables that a query names; of one that is refused none.
    pub(crate) fn tables(&self, sql: &str, holder: impl Fn(&'static str) -> &'static str) -> Vec<Table> {
        let named = tables(sql).unwrap_or_default();
        let own = self.0.iter().filter(|table| named.iter().any(|name| name == table.name));
        let table = |table: &Owned| Table {
            name: table.name.into(),
            datasets: (table.owners.iter().enumerate())
                .map(|(owner, rows)| Source {
                    reference: format!("owner{owner}/{}@1", table.name),
                    owner: format!("owner {owner} of {}", holder(table.name)),
                    schema: table.schema.clone(),
                    rows: rows.num_rows() as u64,
                    floor_rows: table.floor_rows,
                    rows_per_person: None,
                })
                .collect(),
        };
        own.map(table).collect()
    }

    /// The joint answer: by three compute parties under `scheme`, or by the reference interpreter.
    pub(crate) fn joint(&self, compiled: &Compiled, scheme: Option<SchemeName>) -> ResultTable {
        let outputs = match scheme {
            Some(scheme) => jointly::on_shares(&compiled.program, &self.inputs(compiled), scheme),
            None => return self.opened(compiled).1,
        };
        decode(compiled, &outputs).unwrap()
    }

    /// What the reference interpreter opens, and the answer that it is.
    pub(crate) fn opened(&self, compiled: &Compiled) -> (Vec<Vec<i128>>, ResultTable) {
        let outputs = jointly::interpreted(&compiled.program, &self.inputs(compiled));
        let result = decode(compiled, &outputs).unwrap();
        (outputs, result)
    }

    fn inputs(&self, compiled: &Compiled) -> Vec<Vec<i128>> {
        jointly::stages(compiled, |stage| {
            let table = self.0.iter().find(|table| table.name == stage.table).unwrap();
            (table.schema.clone(), vec![table.owners[usize::from(stage.provider)].clone()])
        })
    }

    /// The answer over all rows in one place.
    pub(crate) fn plain(&self, sql: &str) -> ResultTable {
        let all = self.0.iter().map(|table| (table.name.into(), table.schema.clone(), table.owners.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(plain::query(sql, all.collect())).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }
}
