//! Which published datasets fit? An inverted index over the catalog, kept in memory beside the state.
//!
//! A word finds everything that has a word beginning with it, in path, description, or a column's name, description
//! or unit. Each condition becomes a set of bits over all datasets, and the sets are intersected, so that a search
//! costs a bit for each dataset and condition and an addition for each occurrence of a word: about 1 ms for 100,000
//! datasets. A full-text library would bring ranking and languages, at the price of a hundred dependencies and a
//! second store; a catalog of descriptions needs neither.

use std::{collections::BTreeMap, sync::Arc};

use contract::{Column, ColumnType, Dataset, Did};

use crate::{Event, Happening, State};

/// Most words of a query that count.
const WORDS_MAX: usize = 16;

/// What is looked for: all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Text of which every word must begin a word of the description.
    pub text: String,
    /// Who answers for it.
    pub owner: Option<Did>,
    /// It has a column of this name, and of this type and unit where they are given too.
    pub column: Option<String>,
    /// It has a column of this type: `integer`, `decimal`, `float`, `boolean`, `text`, `date`, `timestamp` …
    pub kind: Option<String>,
    /// It has a column of this unit.
    pub unit: Option<String>,
    /// A token costs at most so many points; what needs none costs none.
    pub price_max: Option<u64>,
    /// This member gets at it without paying or waiting for a review.
    pub permitted_to: Option<Did>,
}

/// A dataset version in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The entry that published it.
    pub published: u64,
    /// Who answers for it now.
    pub owner: Did,
    /// Its description.
    pub dataset: Arc<Dataset>,
}

/// The index.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Entries that it has taken in.
    size: u64,
    /// By number, which ascends with the publishing entry, but for what changed its owner.
    hits: Vec<Hit>,
    live: Bits,
    /// The last number of each reference.
    numbers: BTreeMap<String, u32>,
    /// Numbers, ascending, of what has a word or a feature.
    words: BTreeMap<String, Vec<u32>>,
}

impl Search {
    /// An index of what is in the catalog now. Costs one look at each dataset.
    pub fn of(state: &State) -> Self {
        let mut search = Self { size: state.size(), ..Self::default() };
        let mut records: Vec<_> = state
            .datasets()
            .filter(|(_, record)| record.withdrawn.is_none())
            .map(|(_, record)| record)
            .collect();
        records.sort_by_key(|record| record.published);
        for record in records {
            search.add(&record.dataset, record.published, state.owner_of(&record.dataset));
        }
        search
    }

    /// Entries that it has taken in: what it is to be told next begins here.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes in what the entries up to the state's last one caused.
    pub fn follow(&mut self, state: &State, events: &[Event]) {
        for event in events {
            match &event.what {
                Happening::DatasetPublished { dataset, .. } => self.put(state, dataset),
                Happening::DatasetWithdrawn { dataset } => self.remove(dataset),
                Happening::DatasetTransferred { path, .. } => {
                    let versions = 1..=state.latest_version(path).unwrap_or(0);
                    for reference in versions.map(|version| format!("{path}@{version}")) {
                        self.remove(&reference);
                        self.put(state, &reference);
                    }
                }
                _ => {}
            }
        }
        self.size = state.size();
    }

    /// At most `max` datasets that fit, the newest first; those numbered below `before`, when it is given. With the
    /// number to go on before, when there are more.
    pub fn find(&self, wish: &Wish, before: Option<u32>, max: usize) -> (Vec<&Hit>, Option<u32>) {
        let mut fitting = self.live.clone();
        for word in words(&wish.text).take(WORDS_MAX) {
            let beginning =
                self.words.range(word.clone()..).take_while(|(known, _)| known.starts_with(&word));
            fitting.keep(&Bits::of(beginning.flat_map(|(_, numbers)| numbers), self.hits.len()));
        }
        for feature in features_of(wish) {
            let numbers = self.words.get(&feature).into_iter().flatten();
            fitting.keep(&Bits::of(numbers, self.hits.len()));
        }
        let (mut found, mut last) = (Vec::new(), None);
        for (number, hit) in fitting.below(before.unwrap_or(u32::MAX)).filter_map(|number| {
            let hit = self.hits.get(usize::try_from(number).ok()?)?;
            fits(hit, wish).then_some((number, hit))
        }) {
            if found.len() == max {
                return (found, last);
            }
            found.push(hit);
            last = Some(number);
        }
        (found, None)
    }

    fn put(&mut self, state: &State, reference: &str) {
        if let Some(record) = state.dataset(reference).filter(|record| record.withdrawn.is_none()) {
            let owner = state.owner_of(&record.dataset);
            self.add(&Arc::clone(&record.dataset), record.published, owner);
        }
    }

    fn remove(&mut self, reference: &str) {
        if let Some(number) = self.numbers.remove(reference) {
            self.live.set(number, false);
        }
    }

    fn add(&mut self, dataset: &Arc<Dataset>, published: u64, owner: Did) {
        let Ok(number) = u32::try_from(self.hits.len()) else { return };
        let reference = dataset.reference();
        self.remove(&reference);
        let mut keys: Vec<String> = words(&dataset.path).chain(words(&dataset.description)).collect();
        keys.push(format!("owner={owner}"));
        for column in &dataset.schema.columns {
            let parts = [&column.name, &column.description, &column.unit];
            keys.extend(parts.into_iter().flat_map(|part| words(part)));
            keys.push(format!("column={}", column.name));
            keys.push(format!("type={}", kind_of(column)));
            keys.push(format!("unit={}", column.unit));
        }
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            self.words.entry(key).or_default().push(number);
        }
        self.hits.push(Hit { published, owner, dataset: Arc::clone(dataset) });
        self.live.set(number, true);
        self.numbers.insert(reference, number);
    }
}

/// Lower-case runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// A column's type without its parameters.
fn kind_of(column: &Column) -> &'static str {
    match column.kind {
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "integer",
        ColumnType::Decimal { .. } => "decimal",
        ColumnType::Float { .. } => "float",
        ColumnType::Text => "text",
        ColumnType::Date => "date",
        ColumnType::Timestamp => "timestamp",
    }
}

/// The conditions for which there are sets; none of their keys is a word, which has no `=`.
fn features_of(wish: &Wish) -> impl Iterator<Item = String> {
    let owner = wish.owner.map(|owner| format!("owner={owner}"));
    let column = wish.column.as_ref().map(|name| format!("column={name}"));
    let kind = wish.kind.as_ref().map(|kind| format!("type={kind}"));
    let unit = wish.unit.as_ref().map(|unit| format!("unit={unit}"));
    [owner, column, kind, unit].into_iter().flatten()
}

/// The conditions for which there are none, and that name, type and unit are those of one column.
fn fits(hit: &Hit, wish: &Wish) -> bool {
    let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    let column = |column: &Column| {
        is(&wish.column, &column.name) && is(&wish.unit, &column.unit) && is(&wish.kind, kind_of(column))
    };
    let terms = &hit.dataset.terms;
    let permitted =
        |member: &Did| terms.access.as_ref().is_none_or(|access| access.permitted.contains(member));
    let price = terms.access.as_ref().map_or(0, |access| access.price);
    wish.price_max.is_none_or(|max| price <= max)
        && wish.permitted_to.is_none_or(|member| hit.owner == member || permitted(&member))
        && hit.dataset.schema.columns.iter().any(column)
}

/// A set of numbers.
#[derive(Clone, Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn of<'a>(numbers: impl Iterator<Item = &'a u32>, length: usize) -> Self {
        let mut bits = Self(vec![0; length.div_ceil(64)]);
        numbers.for_each(|number| bits.set(*number, true));
        bits
    }

    fn set(&mut self, number: u32, to: bool) {
        let (at, mask) = (usize::try_from(number / 64).unwrap_or(usize::MAX), 1_u64 << (number % 64));
        if at >= self.0.len() {
            self.0.resize(at.saturating_add(1), 0);
        }
        if let Some(word) = self.0.get_mut(at) {
            if to { *word |= mask } else { *word &= !mask }
        }
    }

    /// What is in both.
    fn keep(&mut self, other: &Self) {
        for (at, word) in self.0.iter_mut().enumerate() {
            *word &= other.0.get(at).copied().unwrap_or(0);
        }
    }

    /// The numbers below `end`, the largest first.
    fn below(&self, end: u32) -> impl Iterator<Item = u32> {
        self.0
            .iter()
            .enumerate()
            .rev()
            .flat_map(move |(at, word)| {
                let base = u32::try_from(at * 64).unwrap_or(u32::MAX);
                let bits = (0..64_u32).rev().filter(move |bit| word >> bit & 1 == 1);
                // An empty word is passed over at once.
                bits.take(word.count_ones() as usize).map(move |bit| base + bit)
            })
            .filter(move |number| *number < end)
    }
}
