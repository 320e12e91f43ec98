//! A drafted query over made-up rows.

use std::collections::BTreeMap;

use api::types::contracts::DraftContract;
use api::types::queries::DryRun;
use compiler::synthetic;
use contract::Dataset;

use crate::failure::Failure;
use crate::gatekeeper;
use crate::node::Node;
use crate::runs::result_view;

/// Drafts, and runs what was drafted on rows that follow from the published descriptions alone.
pub(crate) async fn dry_run(node: &Node, request: &DraftContract) -> Result<DryRun, Failure> {
    let drafted = super::draft(node, request)?;
    let contract = &drafted.contract;
    let mut datasets: BTreeMap<String, Dataset> =
        node.replica.read(|ledger| ledger.state().datasets_of(contract));
    for dataset in datasets.values_mut() {
        dataset.rows = synthetic::rows(dataset.rows);
    }
    let compiled = gatekeeper::compile(contract, &datasets)
        .map_err(|refusal| Failure::policy("the query cannot be tried", &[refusal], &node.names))?;
    let schemas = datasets
        .iter()
        .map(|(reference, dataset)| (reference.clone(), (dataset.schema.clone(), dataset.rows)))
        .collect();
    let table = synthetic::answer(&compiled, &schemas)
        .await
        .map_err(|error| Failure::malformed(format!("the query cannot be tried: {error}")))?;
    let noise = match contract.output.disclosure.privacy {
        Some(_) => "; the noise of differential privacy is left out",
        None => "",
    };
    Ok(DryRun {
        synthetic: true,
        note: format!(
            "SYNTHETIC: computed in plaintext over rows made up from the published schemas; no data was read{noise}"
        ),
        rows: datasets.into_iter().map(|(reference, dataset)| (reference, dataset.rows)).collect(),
        result: result_view(&compiled, &table, contract.output.floor_rows),
        refusals: drafted.refusals,
    })
}
