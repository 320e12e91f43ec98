//! What a dataset's owner allows. What is not allowed here is refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};

use crate::{Did, access::Access, disclosure::DisclosureTerms};

/// The owner's terms for one dataset version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Purposes that a contract may name, word for word.
    pub purposes: BTreeSet<String>,
    /// Members that may receive results; empty means any member of the alliance.
    #[serde(default)]
    pub receivers: BTreeSet<Did>,
    /// What may be done with each column; a column that is not named may not be used at all.
    pub columns: BTreeMap<String, BTreeSet<Use>>,
    /// The constants that conditions may compare a column with, written as [`Compared`] writes them; a column that is not
    /// named may be compared with anything, if it may be a filter at all.
    ///
    /// [`Compared`]: crate::policy::Compared
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub comparisons: BTreeMap<String, BTreeSet<String>>,
    /// A revealed group must cover at least this many rows (1 or more).
    pub floor_rows: u64,
    /// Schemes that may compute on the data.
    pub schemes: BTreeSet<String>,
    /// Jurisdictions that compute parties must state in their cards, one of these each; empty means any, or none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub jurisdictions: BTreeSet<String>,
    /// The largest number of runs that one contract may grant.
    pub runs_max: u32,
    /// Seconds since 1970 after which no run may start; absent means no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// How members get the token that the data then needs; absent when these terms and the contract's signatures are
    /// enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// What is asked of results beside the floor on rows.
    #[serde(default, skip_serializing_if = "DisclosureTerms::is_empty")]
    pub disclosure: DisclosureTerms,
}

/// One way in which a column may be used by a computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// In a WHERE clause, compared with public constants.
    Filter,
    /// As a GROUP BY key, whose values appear in the result.
    Group,
    /// Inside an aggregate (COUNT, SUM, AVG, VAR_SAMP, STDDEV_SAMP) over at least the floor's rows.
    Aggregate,
    /// As MIN or MAX, which reveals one row's value.
    Extreme,
    /// As a join key: rows are matched with another table's by it. Neither the key nor who matched is revealed, but
    /// the result is then about rows that both tables have.
    Join,
    /// As a factor of a product with another column, inside an aggregate. A factor that is 0 on all rows but one picks
    /// that row's value, past the floor.
    Product,
}

impl fmt::Display for Use {
    /// The word of the terms: `filter`, `group`, `aggregate`, `extreme`, `join` or `product`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => "filter",
            Self::Group => "group",
            Self::Aggregate => "aggregate",
            Self::Extreme => "extreme",
            Self::Join => "join",
            Self::Product => "product",
        })
    }
}
