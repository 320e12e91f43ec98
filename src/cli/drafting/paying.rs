//! What the flags of a draft say about its fee: who pays when, and who gets how much.

use api::types::contracts::{DraftSettlement, DraftSplit};
use clap::{Args, ValueEnum};
use contract::settlement::{Charge, Parts};

use super::{pair, set};
use crate::error::Error;

/// Who pays, when, and who gets how much.
#[derive(Debug, Args)]
pub(super) struct Paying {
    /// The data user who pays; the first one when left out
    #[arg(long, value_name = "MEMBER")]
    payer: Option<String>,
    /// Points for each completed run; 0 when left out
    #[arg(long, value_name = "POINTS")]
    fee: Option<u64>,
    /// When the fee is due: for each completed run, or once with the first one; per run when left out
    #[arg(long, value_enum)]
    charge: Option<ChargeName>,
    /// Of 10,000 parts of the fee, how many go to the data providers; the rest goes to the compute parties
    #[arg(long, value_name = "PARTS")]
    provider_parts: Option<u16>,
    /// Whose parts count: those of the contract, or those that the members have voted when a run completes
    #[arg(long, value_enum, conflicts_with = "provider_parts")]
    parts: Option<PartsName>,
    /// How data providers share theirs; by rows when left out
    #[arg(long, value_enum)]
    split: Option<SplitName>,
    /// A provider's weight, instead of --split
    #[arg(long, value_name = "MEMBER=N", value_parser = weight, conflicts_with = "split")]
    weight: Vec<(String, u32)>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ChargeName {
    /// For each completed run
    PerRun,
    /// Once, with the first completed run
    Fixed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PartsName {
    /// Those of the contract
    Contract,
    /// Those that the members have voted
    Alliance,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SplitName {
    /// By rows
    Rows,
    /// Evenly
    Even,
    /// By measured contribution: see treaty run contributions
    Contribution,
}

impl Paying {
    /// What the flags say about the fee.
    pub(super) fn settle(self, settlement: &mut DraftSettlement) -> Result<(), Error> {
        set(&mut settlement.payer, self.payer);
        set(&mut settlement.fee, self.fee);
        let charge = self.charge.map(|charge| match charge {
            ChargeName::PerRun => Charge::PerRun,
            ChargeName::Fixed => Charge::Fixed,
        });
        set(&mut settlement.charge, charge);
        let parts = self.parts.map(|parts| match parts {
            PartsName::Contract => Parts::Contract,
            PartsName::Alliance => Parts::Alliance,
        });
        set(&mut settlement.parts, parts);
        let split = self.split.map(|split| match split {
            SplitName::Rows => DraftSplit::Rows,
            SplitName::Even => DraftSplit::Even,
            SplitName::Contribution => DraftSplit::Contribution,
        });
        set(&mut settlement.split, split);
        if !self.weight.is_empty() {
            settlement.split = DraftSplit::Weights(self.weight.into_iter().collect());
        }
        if let Some(parts) = self.provider_parts {
            let rest = 10_000_u16.saturating_sub(settlement.algorithm_providers);
            settlement.compute_parties = rest.checked_sub(parts).ok_or_else(|| {
                let message = format!("--provider-parts {parts} is more than the {rest} parts that are left");
                Error::usage(message, "treaty contract draft --help")
            })?;
            settlement.providers = parts;
        }
        Ok(())
    }
}

fn weight(text: &str) -> Result<(String, u32), String> {
    let (member, number) = pair(text)?;
    let number =
        number.parse().map_err(|_| format!("`{number}` is no weight; expected for example `{member}=3`"))?;
    Ok((member, number))
}
