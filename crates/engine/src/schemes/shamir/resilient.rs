//! Parties may vanish: what needs all of them is done beforehand.
//!
//! Products of degree 2t need 2t + 1 parties, openings only t + 1. So a dry run, in which the same code runs and nothing is sent,
//! counts what every channel will multiply and move; then, while all parties are there, random factors with their
//! products (Beaver, CRYPTO 1991) and random columns with what the passes of shuffles make of them are prepared, and what
//! compute parties input, like noise, is shared. From then on there are only openings, each of which every party computes from the first t + 1 shares that it gets.
//!
//! Adversary: t passive parties. Cost of a product: in preparation a product, in the computation 2 openings to all; of a pass: one
//! pass, and one opening.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::{Binary, Column, Lanes, Mersenne61, Ring, Shape};

use super::arithmetic::factors_of_matmul;
use super::geometry::{lagrange, point};
use super::guard::Guard;
use super::record::Moved;
use super::{Field, Shamir, Threshold};
use crate::error::{Error, Result};
use crate::mpc::{Protocol, Receivers, Shares};
use crate::session::Party;

/// Parties may be curious, but follow the protocol; after [`Scheme::prepare`](crate::mpc::Scheme::prepare) all but t + 1 may
/// vanish.
pub struct Resilient {
    mode: Mode,
    shared: Arc<Common>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// All parties are there.
    Complete,
    /// Nothing is sent, and what would be is counted.
    Counting,
    /// Parties may vanish.
    Prepared,
}

/// What all channels of a session share.
#[derive(Default)]
struct Common {
    gone: Mutex<BTreeSet<Party>>,
    needs: Mutex<BTreeMap<u64, Vec<Need>>>,
    ready: Mutex<BTreeMap<u64, Ready>>,
}

/// What a channel will need next.
pub enum Need {
    /// Products of so many factors on either side.
    Products {
        /// Whether they are words of bits.
        bits: bool,
        /// Elements on either side.
        factors: usize,
        /// Products, or inner products when there are fewer.
        rows: usize,
    },
    /// A product of matrices.
    Matrices(Shape),
    /// A pass of a shuffle.
    Pass {
        /// Whether it moves words of bits.
        bits: bool,
        /// Elements.
        len: usize,
        /// How it moves them.
        by: Moved,
    },
    /// Numbers that a compute party shares, as noise is.
    Numbers(Input<Mersenne61>),
    /// The same of words of bits.
    Words(Input<Lanes>),
}

/// What a compute party will share.
pub struct Input<D: Field> {
    /// Whose.
    owner: Party,
    /// At its owner, what it is.
    values: Option<Column<D>>,
    /// Elements.
    len: usize,
}

/// What a channel has in store.
#[derive(Default)]
pub struct Ready {
    numbers: Store<Mersenne61>,
    bits: Store<Lanes>,
}

/// Of one field, in the order in which it will be used.
pub struct Store<D: Field> {
    products: VecDeque<Prepared<D>>,
    matrices: VecDeque<Prepared<D>>,
    passes: VecDeque<Prepared<D>>,
    inputs: VecDeque<Prepared<D>>,
}

/// Random factors and their product; or a random column and what a pass makes of it; or what a compute party shares.
struct Prepared<D: Field> {
    left: D::Shares,
    right: D::Shares,
    result: D::Shares,
}

impl<D: Field> Default for Store<D> {
    fn default() -> Self {
        Self {
            products: VecDeque::new(),
            matrices: VecDeque::new(),
            passes: VecDeque::new(),
            inputs: VecDeque::new(),
        }
    }
}

impl<D: Field> Store<D> {
    /// Of all shares that are in store.
    fn bytes(&self, small: Binary) -> u64 {
        let all = self.products.iter().chain(&self.matrices).chain(&self.passes).chain(&self.inputs);
        let len = |shares: &D::Shares| D::message_len(small, shares.len());
        let lens = all.map(|prepared| len(&prepared.left) + len(&prepared.right) + len(&prepared.result));
        (D::BYTES * lens.sum::<usize>()) as u64
    }
}

impl Ready {
    pub(super) fn numbers(&mut self) -> &mut Store<Mersenne61> {
        &mut self.numbers
    }

    pub(super) fn bits(&mut self) -> &mut Store<Lanes> {
        &mut self.bits
    }
}

impl Guard for Resilient {
    const NAME: &'static str = "shamir_resilient";
    const CODE: u8 = 9;
    const CHECKED: bool = false;

    fn messages(setting: Threshold) -> usize {
        setting.threshold() + 1
    }

    fn new() -> Self {
        Self { mode: Mode::Complete, shared: Arc::default() }
    }
    fn fork(&self) -> Self {
        Self { mode: self.mode, shared: Arc::clone(&self.shared) }
    }
    fn absorb(&mut self, _child: Self) {}

    fn verify(_protocol: &mut Shamir<Self>) -> Result<()> {
        Ok(())
    }

    fn counts(&self) -> bool {
        self.mode == Mode::Counting
    }

    fn gone(&self) -> Vec<Party> {
        locked(&self.shared.gone).iter().copied().collect()
    }

    /// Shared beforehand, as the dry run finds it: its owner may have vanished when it is used.
    fn input<D: Field>(
        protocol: &mut Shamir<Self>,
        owner: Party,
        values: Option<Column<D>>,
        len: usize,
    ) -> Result<D::Shares> {
        match protocol.guard.mode {
            Mode::Complete => protocol.dealt_by_owner::<D>(owner, values, len),
            _ if len == 0 => Ok(D::Shares::zeros(0)),
            Mode::Counting => match D::needed(Input { owner, values, len }) {
                Some(need) => protocol.counted::<D>(need, len),
                None => Ok(D::Shares::zeros(len)),
            },
            Mode::Prepared => Ok(protocol.taken::<D>(|store| &mut store.inputs)?.result),
        }
    }

    fn dot<D: Field>(
        protocol: &mut Shamir<Self>,
        x: &D::Shares,
        y: &D::Shares,
        rows: usize,
    ) -> Result<D::Shares> {
        let need = Need::Products { bits: D::CODE == Lanes::CODE, factors: x.len(), rows };
        match protocol.guard.mode {
            Mode::Complete => protocol.reduced::<D>(rows, |small, sum| D::add_products(small, x, y, sum)),
            Mode::Counting => protocol.counted::<D>(need, rows),
            Mode::Prepared if rows == 0 => Ok(D::Shares::zeros(0)),
            Mode::Prepared => {
                let prepared = protocol.taken::<D>(|store| &mut store.products)?;
                protocol.multiplied::<D>(prepared, [x, y], rows, D::add_products)
            }
        }
    }

    fn matmul<D: Field>(
        protocol: &mut Shamir<Self>,
        x: &D::Shares,
        y: &D::Shares,
        shape: Shape,
    ) -> Result<D::Shares> {
        if D::CODE == Lanes::CODE {
            let (x, y) = factors_of_matmul::<D>(x, y, shape);
            return Self::dot::<D>(protocol, &x, &y, shape.product());
        }
        let multiply = |small, x: &D::Shares, y: &D::Shares, sum: &mut D::Shares| {
            D::add_matmul(small, x, y, shape, sum);
        };
        let len = shape.product();
        match protocol.guard.mode {
            Mode::Complete => protocol.reduced::<D>(len, |small, sum| multiply(small, x, y, sum)),
            Mode::Counting => protocol.counted::<D>(Need::Matrices(shape), len),
            Mode::Prepared if len == 0 => Ok(D::Shares::zeros(0)),
            Mode::Prepared => {
                let prepared = protocol.taken::<D>(|store| &mut store.matrices)?;
                protocol.multiplied::<D>(prepared, [x, y], len, multiply)
            }
        }
    }

    fn pass<D: Field>(protocol: &mut Shamir<Self>, x: &D::Shares, by: &Moved) -> Result<D::Shares> {
        match protocol.guard.mode {
            Mode::Complete => protocol.moved::<D>(x, by),
            Mode::Counting => {
                let need = Need::Pass { bits: D::CODE == Lanes::CODE, len: x.len(), by: by.clone() };
                protocol.counted::<D>(need, x.len())
            }
            Mode::Prepared => {
                let prepared = protocol.taken::<D>(|store| &mut store.passes)?;
                let masked = x.minus(&prepared.left);
                let opened = Self::opened::<D>(protocol, &masked, Receivers::All)?.unwrap_or_default();
                // Only those who know the factor have a share other than zero.
                let moved = by.forward(&Column::from(opened));
                Ok(protocol.known_outside::<D>(by.set, moved).plus(&prepared.result))
            }
        }
    }

    /// Every party hears from every other one that is there, and takes the first t + 1 shares.
    fn opened<D: Field>(
        protocol: &mut Shamir<Self>,
        x: &D::Shares,
        to: Receivers<'_>,
    ) -> Result<Option<Vec<D>>> {
        let receives = to.contain(protocol.link.me());
        if protocol.guard.counts() || x.is_empty() {
            return Ok(receives.then(|| vec![D::ZERO; x.len()]));
        }
        let peers: Vec<_> =
            (1..protocol.setting.parties()).map(|places| protocol.link.neighbour(places)).collect();
        let shared = Arc::clone(&protocol.guard.shared);
        let is_there = |peer: &Party| !locked(&shared.gone).contains(peer);
        for peer in peers.iter().filter(|peer| to.contain(**peer) && is_there(peer)) {
            let sent = protocol.send::<D>(*peer, x);
            shared.unless_gone(*peer, sent)?;
        }
        if !receives {
            return Ok(None);
        }
        let mut shares = vec![(protocol.link.me(), x.clone())];
        for peer in peers.iter().filter(|peer| is_there(peer)) {
            let received = protocol.recv::<D>(*peer, x.len());
            shares.extend(shared.unless_gone(*peer, received)?.map(|share| (*peer, share)));
        }
        let needed = protocol.setting.threshold() + 1;
        if shares.len() < needed {
            let missing = peers.iter().find(|peer| !is_there(peer)).copied();
            return Err(Error::PeerGone { party: missing.unwrap_or(protocol.link.me()) });
        }
        shares.truncate(needed);
        let small = protocol.setting.field();
        let points: Vec<_> = shares.iter().map(|(party, _)| point::<D>(small, *party)).collect();
        let factors = lagrange::<D>(small, &points, D::scalar(small, 0));
        let mut sum = D::sum(small, x.len());
        let parts = shares.iter().zip(factors);
        parts.for_each(|((_, share), factor)| D::add_scaled(small, share, factor, &mut sum));
        let opened = D::to_ring(&sum).ok_or(Error::Inconsistent)?;
        Ok(Some(opened.values().to_vec()))
    }

    fn prepare(
        protocol: &mut Shamir<Self>,
        mut dry_run: impl FnMut(&mut Shamir<Self>) -> Result<()>,
    ) -> Result<u64> {
        let mut offline = protocol.fork();
        let guard = Self { mode: Mode::Counting, shared: Arc::clone(&protocol.guard.shared) };
        dry_run(&mut protocol.twin(guard))?;
        let needs = std::mem::take(&mut *locked(&protocol.guard.shared.needs));
        let (small, mut bytes) = (protocol.setting.field(), 0);
        for (channel, needs) in needs {
            let mut ready = Ready::default();
            for need in needs {
                offline.make(need, &mut ready)?;
            }
            bytes += ready.numbers.bytes(small) + ready.bits.bytes(small);
            locked(&protocol.guard.shared.ready).insert(channel, ready);
        }
        protocol.absorb(offline);
        protocol.guard.mode = Mode::Prepared;
        Ok(bytes)
    }
}

impl Common {
    /// `None` when the peer is gone, which is remembered.
    fn unless_gone<T>(&self, peer: Party, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::PeerGone { .. } | Error::TimedOut { .. }) => {
                locked(&self.gone).insert(peer);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Shamir<Resilient> {
    /// Counts what this channel needs next, and what comes of it.
    fn counted<D: Field>(&mut self, need: Need, len: usize) -> Result<D::Shares> {
        if len > 0 {
            locked(&self.guard.shared.needs).entry(self.link.channel()).or_default().push(need);
        }
        Ok(D::Shares::zeros(len))
    }

    /// What was prepared for this channel's next operation.
    fn taken<D: Field>(
        &mut self,
        queue: impl Fn(&mut Store<D>) -> &mut VecDeque<Prepared<D>>,
    ) -> Result<Prepared<D>> {
        let mut ready = locked(&self.guard.shared.ready);
        let store = ready.get_mut(&self.link.channel()).and_then(D::store);
        store.and_then(|store| queue(store).pop_front()).ok_or(Error::Unprepared)
    }

    /// Products by opened differences: xy = c + (x − a)b + a(y − b) + (x − a)(y − b).
    fn multiplied<D: Field>(
        &mut self,
        prepared: Prepared<D>,
        [x, y]: [&D::Shares; 2],
        len: usize,
        multiply: impl Fn(Binary, &D::Shares, &D::Shares, &mut D::Shares),
    ) -> Result<D::Shares> {
        let small = self.setting.field();
        let Prepared { left, right, result } = prepared;
        let masked = D::Shares::concat(&[&x.minus(&left), &y.minus(&right)]);
        let opened = Resilient::opened::<D>(self, &masked, Receivers::All)?.unwrap_or_default();
        let (d, e) = opened.split_at(x.len());
        let (d, e) = (D::known(Column::copied(d)), D::known(Column::copied(e)));
        let mut sum = D::sum(small, len);
        multiply(small, &d, &right, &mut sum);
        multiply(small, &left, &e, &mut sum);
        multiply(small, &d, &e, &mut sum);
        Ok(sum.plus(&result))
    }

    /// Makes what will be needed, while all parties are there.
    fn make(&mut self, need: Need, ready: &mut Ready) -> Result<()> {
        match need {
            Need::Products { bits: true, factors, rows } => {
                let made = self.products::<Lanes>(factors, factors, rows, Lanes::add_products)?;
                ready.bits.products.push_back(made);
            }
            Need::Products { factors, rows, .. } => {
                let made = self.products::<Mersenne61>(factors, factors, rows, Mersenne61::add_products)?;
                ready.numbers.products.push_back(made);
            }
            Need::Matrices(shape) => {
                let multiply = |small, x: &Column<_>, y: &Column<_>, sum: &mut Column<_>| {
                    Mersenne61::add_matmul(small, x, y, shape, sum);
                };
                let made = self.products(shape.left(), shape.right(), shape.product(), multiply)?;
                ready.numbers.matrices.push_back(made);
            }
            Need::Numbers(input) => ready.numbers.inputs.push_back(self.input_of(input)?),
            Need::Words(input) => ready.bits.inputs.push_back(self.input_of(input)?),
            Need::Pass { bits: true, len, by } => {
                let made = self.pass_of_random::<Lanes>(len, &by)?;
                ready.bits.passes.push_back(made);
            }
            Need::Pass { len, by, .. } => {
                let made = self.pass_of_random::<Mersenne61>(len, &by)?;
                ready.numbers.passes.push_back(made);
            }
        }
        Ok(())
    }

    fn random<D: Field>(&mut self, len: usize) -> D::Shares {
        let summands = self.summands::<D>(len);
        self.shared::<D>(summands, len)
    }

    fn products<D: Field>(
        &mut self,
        left: usize,
        right: usize,
        len: usize,
        multiply: impl Fn(Binary, &D::Shares, &D::Shares, &mut D::Shares),
    ) -> Result<Prepared<D>> {
        let (left, right) = (self.random::<D>(left), self.random::<D>(right));
        let result = self.reduced::<D>(len, |small, sum| multiply(small, &left, &right, sum))?;
        Ok(Prepared { left, right, result })
    }

    fn input_of<D: Field>(&mut self, input: Input<D>) -> Result<Prepared<D>> {
        let result = self.dealt_by_owner::<D>(input.owner, input.values, input.len)?;
        Ok(Prepared { left: D::Shares::zeros(0), right: D::Shares::zeros(0), result })
    }

    fn pass_of_random<D: Field>(&mut self, len: usize, by: &Moved) -> Result<Prepared<D>> {
        let left = self.random::<D>(len);
        let result = self.moved::<D>(&left, by)?;
        Ok(Prepared { left, right: D::Shares::zeros(0), result })
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
