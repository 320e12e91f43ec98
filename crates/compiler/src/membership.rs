//! To which of some sets each row of a dataset belongs, for tables of many rows: four bytes a row, and the atoms that the
//! sets of several answers make of the rows.

use std::collections::BTreeMap;

use crate::overlap::Answer;

/// Of each row, in the dataset's order, the sets that it belongs to, by number. Rows of the same sets are a class, of which
/// there are few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    classes: Vec<Vec<u32>>,
    places: BTreeMap<Vec<u32>, u32>,
    of: Vec<u32>,
}

impl Membership {
    /// The next row belongs to these sets.
    pub(crate) fn push(&mut self, sets: Vec<u32>) {
        let class = match self.places.get(&sets) {
            Some(class) => *class,
            None => {
                // A dataset has fewer than 2^32 rows.
                let class = self.classes.len() as u32;
                self.classes.push(sets.clone());
                self.places.insert(sets, class);
                class
            }
        };
        self.of.push(class);
    }
}

impl FromIterator<Vec<u32>> for Membership {
    fn from_iter<I: IntoIterator<Item = Vec<u32>>>(rows: I) -> Self {
        let mut membership = Self::default();
        rows.into_iter().for_each(|sets| membership.push(sets));
        membership
    }
}

type Name = [u8; 16];

/// The rows of several answers, each once, under the name by which it is found in other versions.
#[derive(Default)]
pub(crate) struct Atoms {
    /// Sets by atom.
    atoms: Vec<Vec<u32>>,
    /// Sorted by name; equal names in the order of the rows.
    rows: Vec<(Name, u32)>,
}

impl Atoms {
    /// Takes in an answer, the first of whose sets has number `first`. Of rows with the same name the first of one version
    /// is taken for the first of another, and so on: they say the same.
    pub(crate) fn add(&mut self, answer: &Answer, first: u32) {
        let Membership { classes, of, .. } = &answer.selected.rows;
        let name = |row: u32| answer.identities.get(row as usize).copied().unwrap_or_default();
        let mut order: Vec<u32> = (0..of.len() as u32).collect();
        if !answer.identities.is_empty() {
            order.sort_by_key(|row| name(*row));
        }
        let mut theirs = order.into_iter().map(|row| (name(row), of.get(row as usize).copied())).peekable();
        let mut ours = std::mem::take(&mut self.rows).into_iter().peekable();
        let mut atoms = Vec::new();
        let mut known = BTreeMap::new();
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (None, None) => break,
                (Some((mine, _)), Some((other, _))) => (*mine).min(*other),
                (Some((mine, _)), None) => *mine,
                (None, Some((other, _))) => *other,
            };
            let atom = ours.next_if(|(name, _)| *name == next).map(|(_, atom)| atom);
            let class = theirs.next_if(|(name, _)| *name == next).and_then(|(_, class)| class);
            let made = *known.entry((atom, class)).or_insert_with(|| {
                let before = atom.and_then(|atom| self.atoms.get(atom as usize)).cloned();
                let added = class.and_then(|class| classes.get(class as usize)).into_iter().flatten();
                let mut sets = before.unwrap_or_default();
                sets.extend(added.map(|set| first.saturating_add(*set)));
                sets.sort_unstable();
                atoms.push(sets);
                atoms.len() as u32 - 1
            });
            self.rows.push((next, made));
        }
        self.atoms = atoms;
    }

    /// How many rows are in the same sets, for those that are in one at least.
    pub(crate) fn count(self) -> BTreeMap<Vec<u32>, u64> {
        let mut rows = vec![0_u64; self.atoms.len()];
        for (_, atom) in self.rows {
            rows.get_mut(atom as usize).into_iter().for_each(|rows| *rows += 1);
        }
        let mut counted = BTreeMap::new();
        for (sets, rows) in self.atoms.into_iter().zip(rows).filter(|(sets, _)| !sets.is_empty()) {
            *counted.entry(sets).or_insert(0) += rows;
        }
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::Selected;

    fn answer(names: &[u8], rows: &[&[u32]]) -> Answer {
        let rows = rows.iter().map(|sets| sets.to_vec()).collect();
        let identities = names.iter().map(|name| [*name; 16]).collect();
        Answer { selected: Selected { rows, ..Selected::default() }, identities, floor_rows: 1 }
    }

    fn atoms(answers: &[Answer]) -> Vec<(Vec<u32>, u64)> {
        let mut atoms = Atoms::default();
        answers.iter().zip([0, 10]).for_each(|(answer, first)| atoms.add(answer, first));
        atoms.count().into_iter().collect()
    }

    #[test]
    fn rows_are_found_again_by_name_and_copies_in_turn() {
        let old = answer(&[7, 3, 7, 7, 9], &[&[0], &[0, 1], &[1], &[], &[0]]);
        let new = answer(&[3, 7, 5, 7], &[&[0], &[1], &[0], &[]]);
        assert_eq!(
            atoms(&[old, new]),
            [(vec![0], 1), (vec![0, 1, 10], 1), (vec![0, 11], 1), (vec![1], 1), (vec![10], 1),]
        );
    }

    #[test]
    fn without_names_rows_are_found_again_by_their_place() {
        let [old, new] = [[&[0_u32][..], &[], &[0]], [&[], &[], &[0]]].map(|rows| answer(&[], &rows));
        assert_eq!(atoms(&[old, new]), [(vec![0], 1), (vec![0, 10], 1)]);
    }
}
