//! Polynomials as one party sees them: what does not change in a session.

use ring::{Binary, Gf64, Lanes, Mersenne61};

use super::field::Field;
use super::setting::Threshold;
use crate::session::Party;

/// What a party's place makes of the fields.
#[derive(Debug)]
pub struct Geometry {
    pub(super) numbers: Constants<Mersenne61>,
    pub(super) bits: Constants<Lanes>,
    pub(super) checks: Constants<Gf64>,
    /// Every set of parties that may be corrupted.
    pub(super) sets: Vec<Vec<Party>>,
    /// The places among them of those to which this party does not belong: it holds their keys.
    pub(super) held: Vec<usize>,
}

/// What a party's place makes of one field.
#[derive(Debug)]
pub struct Constants<D: Field> {
    /// For each held set the value at this party of the polynomial of degree t that is 1 at the secret's place and 0 at
    /// those of the set.
    pub(super) masks: Vec<D::Scalar>,
    /// How this party shares what it knows.
    pub(super) deal: Deal<D>,
    /// How it shares its part of a product; `None` when it has none.
    pub(super) product: Option<Deal<D>>,
}

/// How a party shares what it knows by a polynomial of degree t: its value at the t next parties' places is random and
/// known to them already, that at all others' is a sum of the secret and those, with these factors.
#[derive(Debug)]
pub(super) struct Deal<D: Field> {
    /// For its own share.
    pub(super) own: Vec<D::Scalar>,
    /// For that of each party to which it sends one.
    pub(super) sent: Vec<(Party, Vec<D::Scalar>)>,
}

impl Geometry {
    pub(super) fn new(setting: Threshold, me: Party) -> Self {
        let sets = setting.corruptible();
        let held = (0..sets.len()).filter(|set| !sets[*set].contains(&me)).collect();
        let (numbers, bits) = (Constants::new(setting, me, &sets), Constants::new(setting, me, &sets));
        let checks = Constants::new(setting, me, &sets);
        Self { numbers, bits, checks, sets, held }
    }
}

impl<D: Field> Constants<D> {
    fn new(setting: Threshold, me: Party, sets: &[Vec<Party>]) -> Self {
        let small = setting.field();
        let held = sets.iter().filter(|set| !set.contains(&me));
        let mask = |set: &Vec<Party>| {
            let points: Vec<_> = std::iter::once(D::scalar(small, 0))
                .chain(set.iter().map(|party| point::<D>(small, *party)))
                .collect();
            lagrange::<D>(small, &points, point::<D>(small, me))[0]
        };
        let dealers: Vec<_> = product_dealers(setting).collect();
        let product = dealers.contains(&me).then(|| Deal::part(setting, me, &dealers));
        Self { masks: held.map(mask).collect(), deal: Deal::new(setting, me), product }
    }
}

impl<D: Field> Deal<D> {
    fn new(setting: Threshold, me: Party) -> Self {
        let (small, parties) = (setting.field(), setting.parties());
        let further = |places: usize| Party((me.0 + places) % parties);
        let points: Vec<_> = std::iter::once(D::scalar(small, 0))
            .chain((1..=setting.threshold()).map(|places| point::<D>(small, further(places))))
            .collect();
        let factors = |party: Party| lagrange::<D>(small, &points, point::<D>(small, party));
        let sent = (setting.threshold() + 1..parties).map(further);
        Self { own: factors(me), sent: sent.map(|party| (party, factors(party))).collect() }
    }

    /// For sharing this party's part of the value at the secret's place of the polynomial that `dealers` determine: times
    /// its Lagrange coefficient.
    pub(super) fn part(setting: Threshold, me: Party, dealers: &[Party]) -> Self {
        let small = setting.field();
        let points: Vec<_> = dealers.iter().map(|party| point::<D>(small, *party)).collect();
        let coefficients = lagrange::<D>(small, &points, D::scalar(small, 0));
        let mut deal = Self::new(setting, me);
        if let Some(place) = dealers.iter().position(|party| *party == me) {
            let of_secret = deal.sent.iter_mut().map(|(_, factors)| factors).chain([&mut deal.own]);
            of_secret
                .for_each(|factors| factors[0] = D::scalar_times(small, factors[0], coefficients[place]));
        }
        deal
    }
}

/// The parties that share their parts of a product, which has degree 2t.
pub(in crate::schemes) fn product_dealers(setting: Threshold) -> impl Iterator<Item = Party> {
    (0..2 * setting.threshold() + 1).map(Party)
}

/// Where a party's share lies.
pub(super) fn point<D: Field>(small: Binary, party: Party) -> D::Scalar {
    D::scalar(small, party.0 + 1)
}

/// The factors by which the values at distinct `points` give that at `at`, of a polynomial of lower degree than points.
pub(super) fn lagrange<D: Field>(small: Binary, points: &[D::Scalar], at: D::Scalar) -> Vec<D::Scalar> {
    let one = D::scalar(small, 1);
    let factor = |place: usize| {
        let others = points.iter().enumerate().filter(|(other, _)| *other != place);
        others.fold(one, |product, (_, other)| {
            let below = D::scalar_inverse(small, D::scalar_minus(points[place], *other));
            D::scalar_times(small, product, D::scalar_times(small, D::scalar_minus(at, *other), below))
        })
    };
    (0..points.len()).map(factor).collect()
}
