//! What the secret-sharing schemes ask of a contract, and what their protection rests on.

use std::ops::RangeInclusive;

/// The schemes that a contract may name.
pub const SCHEMES: &[Scheme] = &[
    Scheme {
        name: "rep3",
        size: Size::Fixed { parties: 3, threshold: 1 },
        finish: Finish::ByAll,
        assumption: "This holds as long as each of them follows the protocol; one that deviates from it could falsify \
                     the result or learn more.",
    },
    Scheme {
        name: "rep3_malicious",
        size: Size::Fixed { parties: 3, threshold: 1 },
        finish: Finish::ByAll,
        assumption: "This holds also when one of them deviates from the protocol: all that is computed is checked \
                     before anything is opened, and the run then fails without a result.",
    },
    Scheme {
        name: "shamir",
        size: Size::Majority,
        finish: Finish::ByAll,
        assumption: "This holds as long as each of them follows the protocol; one that deviates from it could falsify \
                     the result or learn more.",
    },
    Scheme {
        name: "shamir_malicious",
        size: Size::Majority,
        finish: Finish::ByAll,
        assumption: "This holds also when so many of them deviate from the protocol: all that is computed is checked \
                     before anything is opened, and the run then fails without a result.",
    },
    Scheme {
        name: "shamir_resilient",
        size: Size::Majority,
        finish: Finish::ByMoreThanMayCollude,
        assumption: "This holds as long as each of them follows the protocol; one that deviates from it could falsify \
                     the result or learn more. A run needs all of them until the inputs were shared and its computation \
                     was prepared; after that it completes as soon as one more of them than may collude has filed a \
                     receipt, whatever becomes of the others.",
    },
];

/// A scheme, as contracts speak of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// As written in clause 5.
    pub name: &'static str,
    /// Among how many, and against how many.
    pub size: Size,
    /// Whose receipts complete a run.
    pub finish: Finish,
    /// What its protection rests on, as a sentence of the contract.
    pub assumption: &'static str,
}

/// How many compute parties a scheme takes, and how many of them may collude without learning anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Always the same.
    Fixed {
        /// Compute parties.
        parties: usize,
        /// How many may collude.
        threshold: u16,
    },
    /// Three or more, of whom any minority may collude.
    Majority,
}

/// Whose receipts complete a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// Those of all compute parties.
    ByAll,
    /// Those of one more than may collude: so many determine the result, and the others may vanish. One at least of them is
    /// not corrupted.
    ByMoreThanMayCollude,
}

impl Scheme {
    /// The scheme of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        SCHEMES.iter().find(|scheme| scheme.name == name)
    }

    /// Whether it works among so many compute parties.
    #[must_use]
    pub fn takes(&self, parties: usize) -> bool {
        match self.size {
            Size::Fixed { parties: expected, .. } => parties == expected,
            Size::Majority => parties >= 3,
        }
    }

    /// The thresholds that a contract may choose among so many compute parties; empty when there is none.
    #[must_use]
    pub fn thresholds(&self, parties: usize) -> RangeInclusive<u16> {
        match self.size {
            Size::Fixed { threshold, .. } => threshold..=threshold,
            Size::Majority => 1..=u16::try_from(parties.saturating_sub(1) / 2).unwrap_or(u16::MAX),
        }
    }

    /// How many compute parties' receipts complete a run, of so many and against so many.
    #[must_use]
    pub fn receipts(&self, parties: usize, threshold: u16) -> usize {
        match self.finish {
            Finish::ByAll => parties,
            Finish::ByMoreThanMayCollude => parties.min(usize::from(threshold) + 1),
        }
    }

    /// How many compute parties it takes, in words.
    #[must_use]
    pub fn parties(&self) -> String {
        match self.size {
            Size::Fixed { parties, .. } => parties.to_string(),
            Size::Majority => "3 or more".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minority_may_collude() {
        let scheme = Scheme { name: "any", size: Size::Majority, finish: Finish::ByAll, assumption: "" };
        let most = |parties| *scheme.thresholds(parties).end();
        assert_eq!([3, 4, 5, 6, 7].map(most), [1, 1, 2, 2, 3]);
        assert!(!scheme.takes(2) && scheme.takes(3) && scheme.thresholds(2).is_empty());
    }

    #[test]
    fn a_fixed_size_stays_as_it_is() {
        let scheme = Scheme::find("rep3").unwrap();
        assert!(scheme.takes(3) && !scheme.takes(4));
        assert_eq!(scheme.thresholds(3), 1..=1);
    }

    #[test]
    fn only_where_parties_may_vanish_do_fewer_receipts_than_parties_complete_a_run() {
        for scheme in SCHEMES {
            let found =
                [(3, 1), (5, 2), (7, 1)].map(|(parties, threshold)| scheme.receipts(parties, threshold));
            let expected = if scheme.name == "shamir_resilient" { [2, 3, 2] } else { [3, 5, 7] };
            assert_eq!(found, expected, "{}", scheme.name);
        }
    }
}
