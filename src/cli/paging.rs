//! Lists that come in pages.

use api::ClientError;
use api::types::Page;
use clap::Args;

/// How much of a list.
#[derive(Debug, Args)]
pub(super) struct Paging {
    /// At most so many items
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
    /// Begin after this item: the cursor that the list before ended with
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

impl Paging {
    /// Asks for pages until the limit is reached.
    pub(super) fn collect<T>(
        &self,
        mut ask: impl FnMut(Option<&str>) -> Result<Page<T>, ClientError>,
    ) -> Result<Page<T>, ClientError> {
        let mut items = Vec::new();
        let mut cursor = self.after.clone();
        loop {
            let page = ask(cursor.as_deref())?;
            items.extend(page.items);
            cursor = page.next;
            if cursor.is_none() || items.len() >= self.limit {
                return Ok(Page { items, next: cursor });
            }
        }
    }
}

/// A list for people: its table, or what to do while it is empty, and how to go on.
pub(super) fn listed<T>(page: &Page<T>, empty: &str, table: impl FnOnce(&[T]) -> String) -> String {
    let mut text = if page.items.is_empty() { empty.to_owned() } else { table(&page.items) };
    if let Some(next) = &page.next {
        text.push_str(&format!("\nthere is more: --after {next}"));
    }
    text
}
