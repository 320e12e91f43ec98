//! Lists come in pages.

use api::types::Page;
use serde::Deserialize;

use crate::failure::Failure;

/// Items on a page unless the caller asks for fewer.
const LIMIT: usize = 100;
/// Items on a page at most.
const LIMIT_MAX: usize = 1000;

/// `?after=…&limit=…`
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// The `next` of the page before; absent for the first page.
    pub(crate) after: Option<String>,
    /// Items at most (1 to 1000; 100 when absent).
    pub(crate) limit: Option<usize>,
}

impl Paging {
    pub(crate) fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX)
    }

    /// The first index of the page, where cursors are indices.
    ///
    /// # Errors
    /// When `after` is none.
    pub(crate) fn first_index(&self) -> Result<u64, Failure> {
        let Some(after) = self.after.as_deref() else { return Ok(0) };
        let index = after.parse::<u64>().ok().and_then(|after| after.checked_add(1));
        index.ok_or_else(|| Failure::malformed(format!("`after={after}` is no index")))
    }

    /// One page of items in ascending order of their cursors, of which only those on the page are viewed.
    pub(crate) fn page<R, T>(
        &self,
        items: impl Iterator<Item = (String, R)>,
        mut view: impl FnMut(R) -> T,
    ) -> Page<T> {
        let limit = self.limit();
        let after = self.after.as_deref();
        let mut rest = items.filter(|(cursor, _)| after.is_none_or(|after| cursor.as_str() > after));
        let taken: Vec<_> = rest.by_ref().take(limit).collect();
        let more = rest.next().is_some();
        let next = taken.last().filter(|_| more).map(|(cursor, _)| cursor.clone());
        Page { items: taken.into_iter().map(|(_, item)| view(item)).collect(), next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let items = || (0..10).map(|n| (format!("{n}"), n));
        let mut viewed = Vec::new();
        let mut view = |n: i32| {
            viewed.push(n);
            n
        };
        let first = Paging { after: None, limit: Some(4) }.page(items(), &mut view);
        assert_eq!((first.items, first.next.as_deref()), (vec![0, 1, 2, 3], Some("3")));
        let second = Paging { after: first.next, limit: Some(4) }.page(items(), &mut view);
        assert_eq!(second.items, vec![4, 5, 6, 7]);
        let last = Paging { after: second.next, limit: Some(4) }.page(items(), &mut view);
        assert_eq!((last.items, last.next), (vec![8, 9], None));
        assert_eq!(viewed, (0..10).collect::<Vec<_>>(), "each once, when its page was asked for");
    }
}
