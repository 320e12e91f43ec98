//! Importing, publishing and finding datasets.

use contract::{ColumnType, Dataset, Range, Schema, Terms};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Secret;

/// `POST /v1/uploads` (raw bytes) answers this; the upload waits for its import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upload {
    /// To be named in [`ImportDataset`].
    pub upload: String,
    /// Bytes received.
    pub bytes: u64,
}

/// `POST /v1/datasets`: turn an upload into the next version of a dataset in the vault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportDataset {
    /// From `POST /v1/uploads`.
    pub upload: String,
    /// Name in the vault: lower-case letters, digits and `_`; of a dataset that was taken over, its path.
    pub name: String,
    /// How to read the upload.
    pub format: Format,
    /// For people who search the catalog.
    #[serde(default)]
    pub description: String,
    /// What to declare about columns beyond what is inferred.
    #[serde(default)]
    pub columns: Vec<ColumnDeclaration>,
}

/// A file format that can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Comma-separated values with a header, UTF-8; an empty field is a missing value.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// What an owner says about a column; what is absent is inferred (type) or left open (everything that is published).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnDeclaration {
    /// The column.
    pub name: String,
    /// Its type, instead of the inferred one.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub kind: Option<ColumnType>,
    /// Whether values may be missing; they may when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// Unit of measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The public list of values; needed to group by the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// The public range of values; needed to aggregate the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub range: Option<Range>,
    /// The most bytes that a text may have, as UTF-8; needed to group by text without a list of values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u16>,
    /// Whether no two rows have the same value; needed to group by columns of several joined tables that are not public.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// Texts that stand for a missing value in the file, besides an empty field (`NA`, `-`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub null_as: Vec<String>,
}

/// `POST /v1/datasets/{name}/link`: make a PostgreSQL table, which stays where it is, the next version of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkDataset {
    /// `postgresql://user@host:port/database`, as the node reaches it; also with `?host=/socket/directory`,
    /// `sslmode=disable`, `require` or `verify-full`, and `sslrootcert=/authorities.pem`. A password in it is taken out.
    #[schema(value_type = String)]
    pub url: Secret,
    /// The role's password, kept by the node once the server has accepted it; when absent, the node looks into its
    /// password files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub password: Option<Secret>,
    /// The table or view, as `schema.table`.
    pub table: String,
    /// The columns, as the table names them, that put the rows in order; different in each row.
    pub order_by: Vec<String>,
    /// The columns to link, as the table names them; all when empty. The key need not be among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub select: Vec<String>,
    /// For people who search the catalog.
    #[serde(default)]
    pub description: String,
    /// What to declare about columns beyond the table's own types.
    #[serde(default)]
    pub columns: Vec<ColumnDeclaration>,
}

/// Where the rows of a linked dataset stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkedTable {
    /// Server and database, without a password.
    pub url: String,
    /// The table or view.
    pub table: String,
    /// What puts its rows in order.
    pub order_by: Vec<String>,
}

/// A dataset version in this node's vault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatasetView {
    /// `north/patients@1`.
    pub reference: String,
    /// Unique id, the same for all versions.
    pub id: String,
    /// Columns as stored.
    #[schema(value_type = Object)]
    pub schema: Schema,
    /// Number of rows.
    pub rows: u64,
    /// Merkle root of this version.
    pub root: String,
    /// What was inferred, and what the owner may want to declare; for the owner's eyes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Whether its description is on the ledger.
    pub published: bool,
    /// Where its rows stay, if not in the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<LinkedTable>,
}

/// `POST /v1/datasets/{name}/publish`: put description, schema and terms on the ledger. Never the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishDataset {
    /// Which version; the newest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// What the owner allows.
    #[schema(value_type = Object)]
    pub terms: Terms,
}

/// `POST /v1/datasets/{name}/withdraw`: no contract may use that version from now on. What ran before stays provable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawDataset {
    /// Which version; the newest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// What `GET /v1/catalog` looks for: all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Find {
    /// Words that each have to begin a word of the description.
    pub text: String,
    /// Name of the member that answers for it.
    pub owner: Option<String>,
    /// It has a column of this name, and of `kind` and `unit` where they are given too.
    pub column: Option<String>,
    /// It has a column of this type.
    pub kind: Option<String>,
    /// It has a column of this unit.
    pub unit: Option<String>,
    /// A token costs at most so many points.
    pub price_max: Option<u64>,
    /// Only what the asking member gets at without paying or waiting for a review.
    pub permitted: bool,
}

/// One hit of `GET /v1/catalog`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CatalogEntry {
    /// `north/patients@1`.
    pub reference: String,
    /// Name of the owner.
    pub owner: String,
    /// The description on the ledger.
    #[schema(value_type = Object)]
    pub dataset: Dataset,
}
