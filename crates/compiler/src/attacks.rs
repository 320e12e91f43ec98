//! What could be tried against a query's answers, and what stands against it. Derived from the query alone: every node
//! comes to the same page. What has been answered before is counted by each provider's node ([`crate::overlap`]).

use contract::audit::{Attack, Verdict};

use crate::{
    Table, answers,
    groups::Groups,
    noise::Noisy,
    sql::{Aggregate, Checked, Function, Join, JoinKind, Joined, SetKind},
};

/// The attacks on a checked query.
pub(crate) fn on(
    tables: &[Table],
    checked: &Checked,
    groups: &Groups,
    noise: &[Noisy],
    floor_rows: u64,
) -> Vec<Attack> {
    let is_uncounted = checked.join.is_some() && answers::is_partial(tables, checked);
    let case = Case { checked, groups, is_noisy: !noise.is_empty(), is_uncounted, floor_rows };
    vec![
        case.differencing(),
        case.complement(),
        case.unique_keys(),
        case.membership(),
        case.inversion(),
        case.enumeration(),
    ]
}

struct Case<'a> {
    checked: &'a Checked,
    groups: &'a Groups,
    is_noisy: bool,
    /// Whether it may tell about few rows by itself, which nobody can count.
    is_uncounted: bool,
    floor_rows: u64,
}

/// Of a query over rows that nobody can count.
const UNCOUNTED: &str = "this query asks about rows within others that it reads (by CASE in an aggregate, by counts of values beside \
     others, by a join with, or a subquery over, the same datasets, or by what windows give where not all of their rows are shown, or groups are not of whole parts), and nobody can count how few they differ in: it is refused unless its \
     owners' `overlaps_max` lets it through, and what that lets through is open";

/// The same of groups that are aggregated.
const UNCOUNTED_GROUPS: &str = "this query asks about several sets of groups within others (by aggregates of what several columns may lack), or about few that it chooses (by a condition that reads keys, CASE or aggregates of several columns together), or tells least or greatest values of groups beside each other or sums of the same column, and nobody can count how few they differ in: it is refused unless its \
     owners' `overlaps_max` lets it through, and what that lets through is open";

/// A column with fewer values than this can be guessed from its sum.
const VALUES_FEW: u128 = 16;

impl Case<'_> {
    fn uncounted(&self) -> &'static str {
        match &self.checked.join {
            Some(Joined::Nested(_)) => UNCOUNTED_GROUPS,
            _ => UNCOUNTED,
        }
    }

    fn differencing(&self) -> Attack {
        let (verdict, reason) = if self.is_noisy {
            (Verdict::Bounded, "differences bear the noise of both answers; what all answers cost together is counted against the budget of each data user and receiver".to_owned())
        } else if self.is_uncounted {
            (Verdict::Open, self.uncounted().to_owned())
        } else if let Some(Joined::Threshold(_)) = &self.checked.join {
            (Verdict::Closed, "which rows compare with the subquery's value as is asked is secret, so that nobody can count differences: any other query over its tables is refused, and so is one with CASE in an aggregate or with counts of values beside others, or over whose own rows the subquery is in part, but for as many as their owners' `overlaps_max` lets through".to_owned())
        } else if let Some(Joined::Windows(_)) = &self.checked.join {
            (Verdict::Closed, "where rows stand among those of other owners is secret, so that nobody can count differences: any other query over this table is refused, but for as many as its owners' `overlaps_max` lets through; within this one nothing is shown unless the rows that are not shown are none or as many as the floor, also of each part of which an aggregate tells what all its rows have".to_owned())
        } else if let Some(Joined::Nested(nested)) = &self.checked.join {
            let others = "which groups rows of several owners make, and which of these count, is secret, so that nobody can count differences: any other query over this table is refused, but for as many as its owners' `overlaps_max` lets through";
            if nested.tests.tests.is_empty() {
                (
                    Verdict::Closed,
                    format!("{others}; within this one all groups count that its conditions on keys leave"),
                )
            } else {
                (
                    Verdict::Bounded,
                    format!(
                        "{others}; within this one nothing is shown unless in each group the groups within it that do not count are none or as many as the floor: whether that is so is one bit of the whole answer, which tells who knows all groups but one whether that one counts"
                    ),
                )
            }
        } else if self.checked.join.is_some() {
            (Verdict::Closed, "which rows match is secret, so that nobody can count differences: any other query over these tables is refused, and so is one with CASE in an aggregate, with counts of values beside others, or with a table beside itself, but for as many as their owners' `overlaps_max` lets through".to_owned())
        } else if self.carries() {
            (Verdict::Closed, "what window functions carry from row to row is no sum over rows: any other query over this table is refused, and so is one that leaves fewer rows out of an aggregate, or of a part that it tells of, than the floor, but for as many as its owner's `overlaps_max` lets through".to_owned())
        } else {
            (
                Verdict::Closed,
                format!(
                    "each provider's node counts over its own rows, before it signs and before each run, and refuses differences of fewer rows than its floor, but for as many answers as its `overlaps_max` lets through; this contract's floor is {}",
                    self.floor_rows
                ),
            )
        };
        Attack { name: "differencing with answers to other queries".to_owned(), verdict, reason }
    }

    /// A total less the groups that are shown is what was withheld.
    fn complement(&self) -> Attack {
        let (verdict, reason) = if self.is_noisy {
            (
                Verdict::Bounded,
                "what remains of a total bears the noise of every group and its own".to_owned(),
            )
        } else if self.is_uncounted {
            (Verdict::Open, self.uncounted().to_owned())
        } else if self.checked.join.is_some() {
            (Verdict::Closed, "no other query over these tables is answered, as for differences".to_owned())
        } else {
            (
                Verdict::Closed,
                "a group of few rows that a total would give away is a difference of few rows, which is refused; where \
                 groups are withheld for few contributors or for one that dominates, each provider's node refuses every \
                 answer that follows from others"
                    .to_owned(),
            )
        };
        Attack { name: "taking the groups that are shown from a total".to_owned(), verdict, reason }
    }

    fn unique_keys(&self) -> Attack {
        let least = self.floor_rows;
        let (verdict, reason) = match (least, self.groups.columns.is_empty()) {
            (0 | 1, _) => (Verdict::Open, "a floor of 1 row shows groups of one".to_owned()),
            (_, true) => (Verdict::Closed, "there is one group".to_owned()),
            (_, false) if self.checked.query.has_public_groups => (
                Verdict::Closed,
                format!("a group of fewer than {least} rows is withheld; the groups themselves are public"),
            ),
            (_, false) => (
                Verdict::Bounded,
                format!("keys are shown that at least {least} rows have; that they are so frequent is told"),
            ),
        };
        Attack { name: "grouping by a key that singles rows out".to_owned(), verdict, reason }
    }

    fn membership(&self) -> Attack {
        let (verdict, reason) = match &self.checked.join {
            None | Some(Joined::Windows(_)) => (Verdict::Closed, "no tables are joined".to_owned()),
            Some(Joined::Home) => (
                Verdict::Bounded,
                format!(
                    "only tables of one owner are joined, who asks for no floor of those that are looked up: one of their rows may be behind all of a group's, of which there are at least {}",
                    self.floor_rows
                ),
            ),
            Some(Joined::Threshold(threshold)) if threshold.keys.is_empty() && threshold.partner.is_none() => {
                (Verdict::Closed, "no tables are joined; rows are compared with one value".to_owned())
            }
            Some(Joined::Nested(_)) => (
                Verdict::Bounded,
                format!(
                    "how many groups there are tells how many keys owners have in common, and fewer than {} are not counted; but who puts in rows of one key chooses whom it asks about",
                    self.floor_rows
                ),
            ),
            Some(_) if self.shows(SetKind::Except) => (
                Verdict::Open,
                "the first table's values are shown that the second does not have: what is left out tells whoever knows the first table that the second has it, also in one row"
                    .to_owned(),
            ),
            Some(_) if self.checked.shown_set().is_some() && self.floor_rows <= 1 => (
                Verdict::Open,
                "the values themselves are shown: whoever knows those of one table learns which of them another has, where its owners ask for no floor"
                    .to_owned(),
            ),
            Some(_) if self.checked.shown_set().is_some() => (
                Verdict::Bounded,
                format!(
                    "the values themselves are shown, of those that at least {} rows have: whoever knows those of one table learns which of them another has so often",
                    self.floor_rows
                ),
            ),
            Some(Joined::Two(Join { compared: Some(_), .. })) => (
                Verdict::Bounded,
                format!(
                    "no size tells how many rows match or compare as is asked, and groups of fewer than {} pairs are withheld; but who chooses the rows of one table chooses whom it asks about and which values it compares theirs with",
                    self.floor_rows
                ),
            ),
            Some(join) if counts_once(join) => (
                Verdict::Bounded,
                format!(
                    "no size tells how many rows match, and groups of fewer than {} rows are withheld; but who chooses the rows of one table chooses whom it asks about",
                    self.floor_rows
                ),
            ),
            Some(_) => (
                Verdict::Bounded,
                format!(
                    "no size tells how many rows match, and groups of fewer than {} pairs are withheld; but who chooses the rows of one table chooses whom it asks about, and by repeating a key how much that row's values weigh in a sum",
                    self.floor_rows
                ),
            ),
        };
        Attack { name: "membership through the size of a join".to_owned(), verdict, reason }
    }

    /// Each count, sum and mean of a group is one linear equation about its rows; n of them determine n unknowns.
    fn inversion(&self) -> Attack {
        // A count of rows is the one that every group has; one of values or of a CASE is another.
        let is_other = |aggregate: &&Aggregate| {
            let counts_all = aggregate.argument.as_ref().is_none_or(|argument| !argument.nullable);
            aggregate.function != Function::Count || !counts_all
        };
        let equations = 1 + self.aggregates().filter(is_other).count() as u64;
        let least = self.floor_rows;
        let (verdict, reason) = if self.is_noisy {
            (Verdict::Closed, "every equation bears noise of its own".to_owned())
        } else if self.carries() {
            (
                Verdict::Open,
                "what a window function carries from row to row can cancel in a sum until few rows are left: `x - LAG(x)` adds up to the last row's less the first's, which is why the owner must allow `extreme`".to_owned(),
            )
        } else if equations >= least {
            (
                Verdict::Open,
                format!(
                    "{equations} numbers are told about each group, and it may have {least} rows: raise the floor, or ask for less"
                ),
            )
        } else if 4 * equations > least {
            (
                Verdict::Bounded,
                format!(
                    "{equations} numbers are told about each group of at least {least} rows: with what else is known of the rows, few unknowns may be left"
                ),
            )
        } else {
            (
                Verdict::Closed,
                format!("{equations} numbers are told about each group of at least {least} rows"),
            )
        };
        Attack { name: "solving the answers for single rows".to_owned(), verdict, reason }
    }

    fn enumeration(&self) -> Attack {
        let few = self.aggregates().filter_map(|aggregate| aggregate.argument.as_ref()).find(|argument| {
            let width = argument.interval.max.checked_sub(argument.interval.min).map(i128::unsigned_abs);
            !argument.columns.is_empty() && width.is_some_and(|width| (1..VALUES_FEW).contains(&width))
        });
        let (verdict, reason) = match few {
            _ if self.is_noisy => (Verdict::Closed, "sums bear noise".to_owned()),
            None => (Verdict::Closed, "no sum is of a column with few possible values".to_owned()),
            Some(argument) => (
                Verdict::Bounded,
                format!(
                    "`{}` has few possible values: where all rows of a group have the same one, its sum or extreme tells so of each",
                    argument.shown
                ),
            ),
        };
        Attack { name: "trying all values of a small domain".to_owned(), verdict, reason }
    }

    fn carries(&self) -> bool {
        crate::answers::carries(self.checked)
    }

    fn shows(&self, kind: SetKind) -> bool {
        self.checked.shown_set().is_some_and(|set| set.kind == kind)
    }

    fn aggregates(&self) -> impl Iterator<Item = &Aggregate> {
        self.checked.query.aggregates.iter()
    }
}

/// Whether another table only says which rows count, each once however many partners it has.
fn counts_once(join: &Joined) -> bool {
    match join {
        Joined::Two(join) => matches!(join.kind, JoinKind::Semi | JoinKind::Anti),
        Joined::Threshold(threshold) => threshold.keys.is_empty(),
        Joined::Home => true,
        Joined::Tree(_) | Joined::Set(_) | Joined::Windows(_) | Joined::Nested(_) => false,
    }
}
