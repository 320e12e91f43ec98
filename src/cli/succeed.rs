//! `treaty alliance succeed`: another operator, when the one there cannot hand the ledger over.

use std::path::PathBuf;

use api::types::member::{SuccessionSignature, TakeOver};
use clap::{Args, Subcommand};

use super::Session;
use crate::error::Error;
use crate::files;

/// For the command itself.
pub(super) const SUCCEED: &str = "\
Example, of an alliance whose operator north has lost its key:
  treaty alliance succeed sign lake --out south.json     (at each member but north and lake, once all agree on lake)
  treaty alliance succeed take south.json west.json      (at lake)
  treaty alliance propose replace-key north-key.json     (then north gets another key by vote)

More than two thirds of the members without the operator must sign, the next operator among them, and no fewer than the
alliance's quorum. A node that has signed fetches the end of the ledger from the others and takes nothing further of the
operator before, also when it comes back: whoever signs decides. An operator that has its key hands the ledger over by vote
instead: `treaty alliance propose operator`.

In an alliance of two, or one whose quorum is all members, nobody can go on, and nobody signs: restore the operator's key and
node from their backup, or found another alliance.";

const SIGN: &str = "\
Example:
  treaty alliance succeed sign lake --out south.json

The file goes to the next operator. It names where the ledger ends: if the signatures of two members differ in that, the
one with fewer entries signs again.";

const TAKE: &str = "\
Example:
  treaty alliance succeed take south.json west.json

This member's own node orders the ledger from then on. The others' nodes find it by themselves. Proofs from before stay
valid, and later ones carry the signatures.";

#[derive(Debug, Subcommand)]
pub(super) enum Succeed {
    /// Sign that another member orders the ledger from where it ends; nothing more is taken of the operator before
    #[command(after_help = SIGN)]
    Sign(Sign),
    /// Take the ledger over by what the other members signed
    #[command(after_help = TAKE)]
    Take(Take),
}

#[derive(Debug, Args)]
pub(super) struct Sign {
    /// The member whose node is to order
    operator: String,
    /// Where to write the signature
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Take {
    /// The other members' signatures
    #[arg(required = true, value_name = "FILE")]
    signatures: Vec<PathBuf>,
}

impl Succeed {
    pub(super) fn run(self, session: &Session) -> Result<(), Error> {
        match self {
            Self::Sign(Sign { operator, out }) => {
                let signed = session.client()?.sign_succession(&operator)?;
                files::write(&out, &serde_json::to_vec_pretty(&signed).unwrap_or_default())?;
                session.output.answer(&signed, || {
                    format!(
                        "signed that `{operator}` goes on after {} entries\nwritten to {}; hand it to `{operator}`, who runs \
                         `treaty alliance succeed take`",
                        signed.size,
                        out.display()
                    )
                })
            }
            Self::Take(Take { signatures }) => {
                let read = signatures.iter().map(|path| files::read_json::<SuccessionSignature>(path));
                let signatures = read.collect::<Result<_, _>>()?;
                let recorded = session.client()?.take_over(&TakeOver { signatures })?;
                session.output.answer(&recorded, || {
                    format!("this member's node orders the ledger from entry {} on", recorded.entry)
                })
            }
        }
    }
}
