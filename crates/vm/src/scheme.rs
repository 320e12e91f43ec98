//! The schemes by name: the one place where a name chooses a type.

use std::{fmt, str::FromStr, sync::Arc};

use engine::{
    mpc::{Dealing, Mixed, Scheme},
    schemes::{
        Rep3, Rep3Malicious, Shamir, ShamirMalicious, ShamirResilient,
        estimate::{Due, Rep3MaliciousModel, Rep3Model, ShamirModel, ShamirState},
        shamir::{Passive, Threshold},
    },
    session::Transport,
};
use program::{Kind, Program, ValueId};
use ring::{Lanes, Mersenne61, Number, Prg, Ring, Seed};

use crate::{
    Error, Estimate, Progress, RunOutput,
    column::{elements, packed, unpacked},
    estimate::{Held, follow},
    execute::{execute, keepable},
};

/// A secret-sharing scheme, as contracts name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemeName {
    /// Replicated secret sharing: three compute parties, one of which may be corrupted passively.
    Rep3,
    /// The same with checks: one of the three may deviate as it likes, and the others then stop.
    Rep3Malicious,
    /// Sharing by polynomials: any number of compute parties, of which a minority may be corrupted passively. Numbers have 60
    /// bits.
    Shamir(Threshold),
    /// The same with checks: the corrupted ones may deviate as they like, and the others then stop.
    ShamirMalicious(Threshold),
    /// Sharing by polynomials, prepared so that all but t + 1 parties may vanish once the inputs are shared.
    ShamirResilient(Threshold),
}

/// Evaluates `$body` with `$type` standing for the scheme's type and `$setting` for what is agreed on besides.
macro_rules! with {
    ($scheme:expr, ($type:ident, $setting:pat) => $body:expr) => {
        match $scheme {
            SchemeName::Rep3 => {
                type $type = Rep3<u128>;
                let $setting = ();
                $body
            }
            SchemeName::Rep3Malicious => {
                type $type = Rep3Malicious<u128>;
                let $setting = ();
                $body
            }
            SchemeName::Shamir(threshold) => {
                type $type = Shamir;
                let $setting = threshold;
                $body
            }
            SchemeName::ShamirMalicious(threshold) => {
                type $type = ShamirMalicious;
                let $setting = threshold;
                $body
            }
            SchemeName::ShamirResilient(threshold) => {
                type $type = ShamirResilient;
                let $setting = threshold;
                $body
            }
        }
    };
}

impl SchemeName {
    /// The names of all schemes, as errors list them.
    const KNOWN: &'static str =
        "`rep3`, `rep3_malicious`, `shamir(n,t)`, `shamir_malicious(n,t)`, `shamir_resilient(n,t)`";

    /// The scheme that a contract names, among so many compute parties and against so many of them.
    pub fn chosen(name: &str, parties: usize, threshold: usize) -> Result<Self, Error> {
        let among = || Threshold::new(parties, threshold).map_err(|source| Error::Setup { source });
        match name {
            "rep3" => Ok(Self::Rep3),
            "rep3_malicious" => Ok(Self::Rep3Malicious),
            "shamir" => among().map(Self::Shamir),
            "shamir_malicious" => among().map(Self::ShamirMalicious),
            "shamir_resilient" => among().map(Self::ShamirResilient),
            _ => Err(Error::UnknownScheme { name: name.to_owned(), known: Self::KNOWN }),
        }
    }

    /// How many compute parties it takes.
    pub fn parties(self) -> usize {
        match self {
            Self::Rep3 | Self::Rep3Malicious => 3,
            Self::Shamir(threshold) | Self::ShamirMalicious(threshold) | Self::ShamirResilient(threshold) => {
                threshold.parties()
            }
        }
    }
}

/// With the number of parties and the threshold where the name alone doesn't say them.
impl fmt::Display for SchemeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(with!(*self, (S, _) => S::NAME))?;
        match self {
            Self::Rep3 | Self::Rep3Malicious => Ok(()),
            Self::Shamir(threshold) | Self::ShamirMalicious(threshold) | Self::ShamirResilient(threshold) => {
                write!(f, "({},{})", threshold.parties(), threshold.threshold())
            }
        }
    }
}

impl FromStr for SchemeName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownScheme { name: text.to_owned(), known: Self::KNOWN };
        let Some((name, setting)) = text.split_once('(') else {
            // Where the name alone says it all.
            let chosen = Self::chosen(text, 3, 1)?;
            return if chosen.to_string() == text { Ok(chosen) } else { Err(unknown()) };
        };
        let (parties, threshold) =
            setting.strip_suffix(')').and_then(|setting| setting.split_once(',')).ok_or_else(unknown)?;
        let number = |text: &str| text.trim().parse().map_err(|_| unknown());
        let (parties, threshold) = (number(parties)?, number(threshold)?);
        match Self::chosen(name, parties, threshold)? {
            Self::Rep3 | Self::Rep3Malicious => Err(unknown()),
            chosen => Ok(chosen),
        }
    }
}

/// Runs `program` as the compute party that `transport` says this is.
///
/// `inputs` holds one share message per program input, as [`deal`] made it for this party. `entropy` is this
/// party's own fresh secret ([`crate::fresh_seed`]); the same one again repeats the run, which is for tests alone.
/// `progress` is called before each step and after the last.
///
/// Nothing is opened: the outputs are sealed share messages, for the receivers to [`combine`].
pub fn run(
    program: &Program,
    scheme: SchemeName,
    transport: Arc<dyn Transport>,
    inputs: &[Vec<u8>],
    entropy: &Seed,
    progress: &mut dyn FnMut(Progress),
) -> Result<RunOutput, Error> {
    run_keeping(program, scheme, transport, inputs, &[], entropy, progress)
}

/// [`run`], with share messages of some values kept beside those of the outputs. Costs what one more output costs, for
/// each; all parties must keep the same ones. Which can be kept, [`check_kept`] says.
pub fn run_keeping(
    program: &Program,
    scheme: SchemeName,
    transport: Arc<dyn Transport>,
    inputs: &[Vec<u8>],
    kept: &[ValueId],
    entropy: &Seed,
    progress: &mut dyn FnMut(Progress),
) -> Result<RunOutput, Error> {
    with!(scheme, (S, setting) => execute::<S>(program, transport, setting, inputs, kept, entropy, progress))
}

/// Whether [`run_keeping`] can keep share messages of these values of a program.
pub fn check_kept(program: &Program, kept: &[ValueId]) -> Result<(), Error> {
    keepable(program, &program.verify()?, kept)
}

/// What a run of `program` will cost, from its text alone.
pub fn estimate(program: &Program, scheme: SchemeName) -> Result<Estimate, Error> {
    // Each of three parties holds two of the three components.
    let replicated = Held { number: 2 * u128::BYTES as u64, word: 2 * Lanes::BYTES as u64 };
    let by_polynomials = |name, state: ShamirState| {
        let held = Held { number: Mersenne61::BYTES as u64, word: state.word_bytes() };
        follow::<ShamirModel, Mersenne61>(program, name, state, held)
    };
    match scheme {
        SchemeName::Rep3 => follow::<Rep3Model, u128>(program, Rep3::<u128>::NAME, (), replicated),
        SchemeName::Rep3Malicious => {
            let name = Rep3Malicious::<u128>::NAME;
            follow::<Rep3MaliciousModel, u128>(program, name, Due::default(), replicated)
        }
        SchemeName::Shamir(threshold) => {
            by_polynomials(Shamir::<Passive>::NAME, ShamirState::passive(threshold))
        }
        SchemeName::ShamirMalicious(threshold) => {
            by_polynomials(ShamirMalicious::NAME, ShamirState::active(threshold))
        }
        SchemeName::ShamirResilient(threshold) => {
            by_polynomials(ShamirResilient::NAME, ShamirState::resilient(threshold))
        }
    }
}

/// Shares a column: one message per compute party, in their order. `prg` is the provider's own secret stream. Bits
/// are 0 and 1; an integer's magnitude must be below 2^126, or 2^59 where numbers have 60 bits ([`program::Input::check`] holds it to its declaration).
pub fn deal(scheme: SchemeName, values: &[i128], kind: Kind, prg: &mut Prg) -> Result<Vec<Vec<u8>>, Error> {
    let bits = with!(scheme, (S, _) => <S as Mixed>::Num::BITS - 1).min(program::limits::MAX_BITS.into());
    let shareable = |x: i128| match kind {
        Kind::Bit => x == 0 || x == 1,
        Kind::Integer | Kind::Fixed(_) => x.unsigned_abs() >> bits == 0,
        Kind::Order | Kind::Groups => false,
    };
    if let Some(row) = values.iter().position(|&x| !shareable(x)) {
        return Err(Error::NotShareable { row, kind });
    }
    Ok(with!(scheme, (S, setting) => dealt::<S>(setting, values, kind, prg)))
}

/// The column of `rows` elements from the sealed share messages of all compute parties, in their order. When copies
/// of a component differ, the error names the two parties that contradict each other.
pub fn combine(scheme: SchemeName, messages: &[Vec<u8>], kind: Kind, rows: u32) -> Result<Vec<i128>, Error> {
    Ok(with!(scheme, (S, setting) => combined::<S>(setting, messages, kind, rows as usize))?)
}

/// The components of a share message, each with its number: what a provider or compute party commits to. Both
/// holders of a component hold the same bytes.
pub fn components(scheme: SchemeName, message: &[u8]) -> Result<Vec<(usize, &[u8])>, Error> {
    Ok(with!(scheme, (S, _) => S::components(message))?)
}

fn dealt<S: Scheme>(setting: S::Setting, values: &[i128], kind: Kind, prg: &mut Prg) -> Vec<Vec<u8>> {
    if kind == Kind::Bit {
        return <S as Dealing<Lanes>>::deal(setting, packed(values).values(), prg);
    }
    <S as Dealing<S::Num>>::deal(setting, elements::<S::Num>(values).values(), prg)
}

fn combined<S: Scheme>(
    setting: S::Setting,
    messages: &[Vec<u8>],
    kind: Kind,
    rows: usize,
) -> engine::Result<Vec<i128>> {
    if kind == Kind::Bit {
        return Ok(unpacked(&<S as Dealing<Lanes>>::combine(setting, messages, Lanes::words(rows))?, rows));
    }
    let elements = <S as Dealing<S::Num>>::combine(setting, messages, rows)?;
    Ok(elements.into_iter().map(Number::to_i128).collect())
}
