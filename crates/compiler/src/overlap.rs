//! Whether answers together tell about fewer rows than the floor, decided over one owner's rows.
//!
//! An answer says something about a set of rows: a sum over it, in effect. Whoever has several answers can add and
//! subtract them; what then remains is a weighted sum over the *atoms*, the classes of rows that belong to the same sets.
//! A differencing attack is a combination that is zero on all atoms but a few small ones (Denning, Denning and Schwartz,
//! *The Tracker*, TODS 1979; Chin and Özsoyoğlu, *Auditing and Inference Control in Statistical Databases*, IEEE TSE
//! 1982). With M the matrix of sets by atoms and M' its columns of large atoms, such combinations exist exactly if
//! rank M > rank M': every one of them vanishes on M'. That they may be about several small atoms that are large together
//! is not weighed: such a combination is refused as well.
//!
//! The owner sees its own rows alone. A difference of fewer than k rows over all owners' rows is one of fewer than k, and
//! more than none for one of them at least, over each owner's; so each refuses what is small at its own. Sets that are
//! themselves small at this owner are left out of the matrix: the computation holds them to the floor with all owners'
//! rows. Not so rows under a window function, which tells of them however few they are: their sets stay in it.
//! Where other owners have rows, too, such a set is compared with every other one that is not disjoint by its
//! definition; their difference must be nothing or large.
//!
//! What is withheld for another reason than few rows, since few members contribute or one dominates, no owner can count
//! over its own rows. So where a contract withholds for such reasons, [`complements`] asks whether *any* set could be
//! computed from the others: that is so exactly if the sets are linearly dependent over the atoms. A dependence over all
//! owners' rows is one over each owner's that has rows in its sets, so that this owner sees it, too; sets that are the same
//! by definition are one set. (Secondary suppression, Hundepool et al., *Statistical Disclosure Control*, 2012, §4.3,
//! would withhold a second cell instead; for answers that are given one after the other it would have to know which.)
//!
//! *Cost*: one pass over the rows, some 44 bytes for each of them meanwhile, and elimination over at most [`SETS_MAX`]
//! sets. An answer itself takes four bytes a row, and 16 more where versions differ.

use std::collections::{BTreeMap, BTreeSet};

use crate::answers::{Selected, Selection, Selector};
use crate::membership::Atoms;
pub use crate::rank::Field;

/// More sets than this are not compared.
pub const SETS_MAX: usize = 1 << 10;

/// What was or would be answered over one version of the data.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The rows, sorted.
    pub selected: Selected,
    /// Each row's name where versions differ; the row's number is its name where this is empty.
    pub identities: Vec<[u8; 16]>,
    /// From how many rows on a set was or would be opened.
    pub floor_rows: u64,
}

/// What the comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No combination is about fewer rows than the floor.
    Apart,
    /// So many independent combinations may be about fewer rows, that were not before.
    Close(usize),
    /// There are too many sets to compare.
    TooMany,
}

/// Compares a new answer with those given before, over the rows of one owner. `is_alone` if no other owner's rows are in
/// the table.
pub fn compare(given: &[&Answer], new: &Answer, floor_rows: u64, is_alone: bool, field: Field) -> Verdict {
    let answers: Vec<&Answer> = given.iter().copied().chain([new]).collect();
    let universe = Universe::of(&answers);
    if universe.sets_compared(is_alone) > SETS_MAX {
        return Verdict::TooMany;
    }
    let last = answers.len() - 1;
    let floor_of = |number: usize| answers.get(number).map_or(floor_rows, |answer| answer.floor_rows);
    let new_combinations = |column: &Option<&str>| {
        let before = universe.restricted(column, |answer| answer != last);
        let after = universe.restricted(column, |_| true);
        let excess = |of: &Matrix| of.excess(floor_rows, &floor_of, field);
        // What earlier answers tell already, this one need not tell again.
        let gained = excess(&after).saturating_sub(excess(&before));
        let is_close = || {
            after.has_close_pair(floor_rows, last)
                || answers.iter().enumerate().any(|(number, answer)| {
                    after.has_close_absentee(floor_rows, last, number, &answer.selected)
                })
        };
        if gained == 0 && !is_alone && is_close() { 1 } else { gained }
    };
    match universe.columns().iter().map(new_combinations).sum() {
        0 => Verdict::Apart,
        combinations => Verdict::Close(combinations),
    }
}

/// Whether an answer together with those given before would let anyone compute a group from others, whichever of them is
/// withheld. Earlier dependences do not count again.
pub fn complements(given: &[&Answer], new: &Answer, field: Field) -> bool {
    let answers: Vec<&Answer> = given.iter().copied().chain([new]).collect();
    let universe = Universe::of(&answers);
    let last = answers.len() - 1;
    universe.columns().iter().any(|column| {
        let dependences =
            |keep: &dyn Fn(usize) -> bool| universe.restricted(column, keep).dependences(&answers, field);
        dependences(&|_| true) > dependences(&|answer| answer != last)
    })
}

/// All sets, and how many rows are in the same of them.
struct Universe<'a> {
    sets: Vec<(usize, &'a Selection)>,
    atoms: BTreeMap<Vec<u32>, u64>,
}

impl<'a> Universe<'a> {
    fn of(answers: &[&'a Answer]) -> Self {
        let mut sets = Vec::new();
        let mut atoms = Atoms::default();
        for (number, answer) in answers.iter().enumerate() {
            // More sets than a u32 has room for are refused by the count of sets.
            let first = u32::try_from(sets.len()).unwrap_or(u32::MAX);
            sets.extend(answer.selected.selections.iter().map(|selection| (number, selection)));
            atoms.add(answer, first);
        }
        Self { sets, atoms: atoms.count() }
    }

    /// Sets without rows matter only where others have some.
    fn sets_compared(&self, is_alone: bool) -> usize {
        if !is_alone {
            return self.sets.len();
        }
        self.atoms.keys().flatten().collect::<BTreeSet<_>>().len()
    }

    /// Sums of different columns cannot be added up to anything: each is looked at by itself, with all counts, which can be
    /// added to and subtracted from each other; and so are counts of rows.
    fn columns(&self) -> BTreeSet<Option<&str>> {
        let present = self.sets.iter().filter_map(|(_, selection)| match &selection.selector {
            Selector::Present(column) => Some(Some(column.as_str())),
            Selector::Whole
            | Selector::Case(_)
            | Selector::Framed(_)
            | Selector::Counted(_)
            | Selector::Under(_) => None,
        });
        present.chain([None]).collect()
    }

    /// The sets that concern a column, of those answers.
    fn restricted(&self, column: &Option<&str>, keep: impl Fn(usize) -> bool) -> Matrix<'a> {
        let concerns = |selection: &Selection| match (&selection.selector, column) {
            (Selector::Case(_) | Selector::Framed(_) | Selector::Counted(_) | Selector::Under(_), _)
            | (Selector::Whole, None) => true,
            (Selector::Present(found), Some(column)) => found == column,
            (Selector::Whole, Some(_)) | (Selector::Present(_), None) => false,
        };
        let kept: Vec<bool> =
            self.sets.iter().map(|(answer, selection)| keep(*answer) && concerns(selection)).collect();
        let is_kept = |set: &u32| kept.get(*set as usize).copied().unwrap_or(false);
        let mut atoms: BTreeMap<Vec<u32>, u64> = BTreeMap::new();
        for (sets, rows) in &self.atoms {
            let sets: Vec<u32> = sets.iter().copied().filter(is_kept).collect();
            if !sets.is_empty() {
                *atoms.entry(sets).or_insert(0) += rows;
            }
        }
        let sets = self.sets.iter().enumerate().filter(|(n, _)| kept.get(*n).copied().unwrap_or(false));
        Matrix { sets: sets.map(|(n, (answer, selection))| (n as u32, *answer, *selection)).collect(), atoms }
    }
}

/// Sets by atoms.
struct Matrix<'a> {
    /// Number, answer, definition.
    sets: Vec<(u32, usize, &'a Selection)>,
    /// Rows by the sets that they are in.
    atoms: BTreeMap<Vec<u32>, u64>,
}

impl Matrix<'_> {
    fn rows(&self) -> BTreeMap<u32, u64> {
        let mut rows = BTreeMap::new();
        for (sets, count) in &self.atoms {
            for set in sets {
                *rows.entry(*set).or_insert(0) += count;
            }
        }
        rows
    }

    /// How many independent combinations of sets that were opened are about small atoms alone. What is small now may have
    /// been opened, by answer, when the floor was lower.
    fn excess(&self, floor_rows: u64, floor_of: &impl Fn(usize) -> u64, field: Field) -> usize {
        let rows = self.rows();
        let opened = self.sets.iter().filter(|(set, answer, selection)| {
            let is_told = matches!(selection.selector, Selector::Under(_) | Selector::Framed(_));
            rows.get(set).is_some_and(|rows| is_told || *rows >= floor_of(*answer).min(floor_rows))
        });
        let opened: BTreeSet<u32> = opened.map(|(set, _, _)| *set).collect();
        let mut atoms: BTreeMap<Vec<u32>, u64> = BTreeMap::new();
        for (sets, count) in &self.atoms {
            let sets: Vec<u32> = sets.iter().copied().filter(|set| opened.contains(set)).collect();
            *atoms.entry(sets).or_insert(0) += count;
        }
        let all: Vec<&Vec<u32>> = atoms.keys().collect();
        let large: Vec<&Vec<u32>> =
            atoms.iter().filter(|(_, count)| **count >= floor_rows).map(|(sets, _)| sets).collect();
        field.rank(&all).saturating_sub(field.rank(&large))
    }

    /// How many sets with rows follow from the others, of those that differ by definition or by version.
    fn dependences(&self, answers: &[&Answer], field: Field) -> usize {
        let mut places: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (atom, sets) in self.atoms.keys().enumerate() {
            sets.iter().for_each(|set| places.entry(*set).or_default().push(atom));
        }
        let mut known = BTreeSet::new();
        let first = self.sets.iter().filter(|(set, answer, selection)| {
            let condition = answers.get(*answer).map_or("", |answer| answer.selected.condition.as_str());
            known.insert((condition, &selection.group, rows_of(&selection.selector), places.get(set)))
        });
        let kept: BTreeSet<u32> = first.map(|(set, _, _)| *set).collect();
        let columns: BTreeSet<Vec<u32>> = self
            .atoms
            .keys()
            .map(|sets| sets.iter().copied().filter(|set| kept.contains(set)).collect())
            .collect();
        let with_rows = columns.iter().flatten().collect::<BTreeSet<_>>().len();
        with_rows.saturating_sub(field.rank(&columns.iter().collect::<Vec<_>>()))
    }

    /// Whether a set of the `new` answer differs from one of another answer, or of another selector, by a few rows, where
    /// one of the two is small.
    fn has_close_pair(&self, floor_rows: u64, new: usize) -> bool {
        let rows = self.rows();
        let mut common: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for (sets, count) in &self.atoms {
            for (n, x) in sets.iter().enumerate() {
                for y in sets.iter().skip(n + 1) {
                    *common.entry((*x, *y)).or_insert(0) += count;
                }
            }
        }
        let size = |set: u32| rows.get(&set).copied().unwrap_or(0);
        self.sets.iter().any(|(y, answer, theirs)| {
            let before = self.sets.iter().take_while(|(x, _, _)| x < y);
            *answer == new
                && before.filter(|(_, _, mine)| !are_disjoint(mine, theirs)).any(|(x, _, _)| {
                    let shared = common.get(&(*x, *y)).copied().unwrap_or(0);
                    let difference = size(*x) + size(*y) - 2 * shared;
                    size(*x).min(size(*y)) < floor_rows && (1..floor_rows).contains(&difference)
                })
        })
    }
}

impl Matrix<'_> {
    /// Whether a small set is opposed to a group of answer `number` that only others have rows of: then the difference is
    /// all that is here. One of the two answers is the `new` one.
    fn has_close_absentee(&self, floor_rows: u64, new: usize, number: usize, of: &Selected) -> bool {
        let Some(keys) = &of.open_keys else { return false };
        let rows = self.rows();
        let small = self.sets.iter().filter(|(set, answer, _)| {
            (*answer == new || number == new)
                && *answer != number
                && rows.get(set).is_some_and(|rows| (1..floor_rows).contains(rows))
        });
        small.into_iter().any(|(_, _, set)| {
            let value = |key: &String| set.group.iter().find(|(column, _)| column == key);
            let fixed: Option<Vec<_>> = keys.iter().map(value).collect();
            match fixed {
                None => true,
                Some(group) => {
                    let has = |(set, answer, selection): &(u32, usize, &Selection)| {
                        *answer == number
                            && rows.get(set).is_some_and(|rows| *rows > 0)
                            && group.iter().all(|pair| selection.group.contains(pair))
                    };
                    !self.sets.iter().any(has)
                }
            }
        })
    }
}

/// Which rows a selector takes: a column's sum and the count of its values are about the same ones.
fn rows_of(selector: &Selector) -> (bool, Option<&str>) {
    match selector {
        Selector::Whole => (false, None),
        Selector::Case(condition) | Selector::Framed(condition) | Selector::Under(condition) => {
            (true, Some(condition))
        }
        Selector::Present(column) | Selector::Counted(column) => (false, Some(column)),
    }
}

/// Whether no row can be in both, whatever the data is.
fn are_disjoint(x: &Selection, y: &Selection) -> bool {
    x.group.iter().any(|(column, value)| y.group.iter().any(|(other, with)| column == other && value != with))
}
