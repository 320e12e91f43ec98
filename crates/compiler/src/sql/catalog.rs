//! The tables as DataFusion sees them when it plans: their columns' types, and no rows.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::{
    common::{TableReference, plan_err},
    config::ConfigOptions,
    error::Result,
    execution::SessionStateDefaults,
    logical_expr::{
        AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF,
        planner::{ContextProvider, ExprPlanner},
    },
};

use crate::{Table, rows::arrow_schema};

/// A planning context over the tables' first schemas; [`super::check_tables`] has made sure that there is one.
pub(crate) struct Catalog {
    tables: Vec<(String, Arc<dyn TableSource>)>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    scalars: Vec<Arc<ScalarUDF>>,
    aggregates: Vec<Arc<AggregateUDF>>,
    windows: Vec<Arc<WindowUDF>>,
    options: ConfigOptions,
}

impl Catalog {
    pub(crate) fn new(tables: &[Table]) -> Self {
        let source = |table: &Table| {
            let schema = arrow_schema(&table.datasets.first()?.schema);
            let source: Arc<dyn TableSource> = Arc::new(Columns(schema));
            Some((table.name.clone(), source))
        };
        Self {
            tables: tables.iter().filter_map(source).collect(),
            planners: SessionStateDefaults::default_expr_planners(),
            scalars: SessionStateDefaults::default_scalar_functions(),
            aggregates: SessionStateDefaults::default_aggregate_functions(),
            windows: SessionStateDefaults::default_window_functions(),
            options: ConfigOptions::default(),
        }
    }
}

struct Columns(SchemaRef);

impl TableSource for Columns {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0)
    }
}

/// Which functions may stand where, the grammar says before planning ([`super::output`], [`super::predicate`]).
impl ContextProvider for Catalog {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        match self.tables.iter().find(|(known, _)| name == TableReference::bare(known.as_str())) {
            Some((_, source)) => Ok(Arc::clone(source)),
            None => plan_err!("unknown table `{name}`"),
        }
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.scalars.iter().find(|known| known.name() == name).cloned()
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        let named =
            |known: &&Arc<AggregateUDF>| known.name() == name || known.aliases().iter().any(|a| a == name);
        self.aggregates.iter().find(named).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.windows.iter().find(|known| known.name() == name).cloned()
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.aggregates.iter().map(|aggregate| aggregate.name().to_owned()).collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}
