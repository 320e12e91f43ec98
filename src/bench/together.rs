//! `treaty bench ledger --bft`: four members' ledgers that order together, each with a CometBFT of its own beside this
//! process, over the loopback interface.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use contract::SigningKey;
use ledger::{Action, Alliance, Card, Ledger, SignedTransaction, Standing, Transaction, alliance};
use ordering::home::Home;
use ordering::{Agreement, Options, Verdict};
use serde::Serialize;

use super::BenchError;
use super::ledger::percentile;

const VALIDATORS: usize = 4;
const POINTS: u64 = 1 << 40;
/// Transactions of which the time to their block is taken, one after the other.
const TIMED: u64 = 50;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(600);
const TICK: Duration = Duration::from_millis(5);

/// What `--json` prints of it.
#[derive(Debug, Serialize)]
pub(super) struct Together {
    ordering: &'static str,
    validators: usize,
    transactions: u32,
    /// From the first one handed in, by all members at once, to the last one on all ledgers: with every rule, signature
    /// and durable write four times on this machine.
    seconds: f64,
    transactions_per_second: f64,
    /// From a transaction handed in alone to the block that has it.
    block_milliseconds_p50: f64,
    block_milliseconds_p99: f64,
}

/// A member with its ledger and its part in the agreement.
struct Seat {
    key: SigningKey,
    ledger: Arc<Mutex<Ledger>>,
    agreement: Agreement,
}

/// Orders so many transactions, a fourth by each member.
pub(super) fn measure(room: &Path, transactions: u32) -> Result<Together, BenchError> {
    let each = u64::from(transactions) / VALIDATORS as u64;
    let (alliance, seats) = start(room)?;
    let timed = time(&alliance, &seats);
    // Signing is the members' work.
    let work = timed.and_then(|times| {
        let signed = seats.iter().enumerate().map(|(at, seat)| {
            let first = if at == 0 { TIMED + 1 } else { 1 };
            (first..first + each).map(|sequence| transfer(&alliance, seat, &seats, sequence)).collect()
        });
        Ok((times, signed.collect::<Result<Vec<Vec<_>>, BenchError>>()?))
    });
    let measured = work.and_then(|(times, signed)| Ok((times, flood(&seats, &signed)?)));
    // Each waits for its process to end.
    thread::scope(|scope| seats.iter().for_each(|seat| drop(scope.spawn(|| seat.agreement.stop()))));
    let (mut times, seconds) = measured?;
    let all = each * VALIDATORS as u64;
    Ok(Together {
        ordering: "bft",
        validators: VALIDATORS,
        transactions: u32::try_from(all).unwrap_or(u32::MAX),
        seconds,
        transactions_per_second: all as f64 / seconds,
        block_milliseconds_p50: percentile(&mut times, 50),
        block_milliseconds_p99: percentile(&mut times, 99),
    })
}

impl Together {
    pub(super) fn text(&self) -> String {
        format!(
            "{} validators order together: {:.0} signed transactions a second ({} in {:.2} s, on all ledgers)\n\
             one alone is in a block after {:.0} ms, 99 of 100 within {:.0} ms",
            self.validators,
            self.transactions_per_second,
            self.transactions,
            self.seconds,
            self.block_milliseconds_p50,
            self.block_milliseconds_p99,
        )
    }
}

fn start(room: &Path) -> Result<(Alliance, Vec<Seat>), BenchError> {
    let program = ordering::find()?;
    let mut members = Vec::new();
    for at in 0..VALIDATORS {
        let key = SigningKey::generate().map_err(unusable)?;
        let home = Home::new(&room.join(format!("bft-{at}")));
        let validator = home.create(&loopback::free_address()?.to_string())?;
        let (name, api) = (format!("member-{at}"), "https://127.0.0.1:1");
        let card = Card::sign(&key, &name, Standing::Member, "127.0.0.1:1", api, name.as_bytes());
        let card = Card { validator: Some(validator), ..card.map_err(unusable)? };
        members.push((card.renewed(&key).map_err(unusable)?, key, home));
    }
    let mut cards: Vec<Card> = members.iter().map(|(card, ..)| card.clone()).collect();
    cards.sort_by_key(|card| card.member);
    let alliance = Alliance {
        format: alliance::FORMAT.to_owned(),
        name: "Bench".to_owned(),
        // CometBFT's blocks have the present time.
        founded: now().saturating_sub(3600),
        operator: None,
        quorum: alliance::quorum_of_agreement(VALIDATORS as u16),
        points: cards.iter().map(|card| (card.member, POINTS)).collect(),
        members: cards,
    };
    let mut seats = Vec::new();
    for (card, key, home) in members {
        let path = room.join(format!("{}.redb", card.name));
        let ledger = Arc::new(Mutex::new(Ledger::open(&path, alliance.clone())?));
        let agreement = Agreement::start(Options {
            home,
            program: program.clone(),
            member: card.member,
            validator: card.validator.ok_or(ordering::OrderingError::NoValidator)?,
            ledger: Arc::clone(&ledger),
            headers: None,
            clock: now,
            committed: Box::new(|| {}),
        })?;
        seats.push(Seat { key, ledger, agreement });
    }
    Ok((alliance, seats))
}

/// Milliseconds of each, from one that waits for its block before the next.
fn time(alliance: &Alliance, seats: &[Seat]) -> Result<Vec<f64>, BenchError> {
    let Some(seat) = seats.first() else { return Ok(Vec::new()) };
    let mut times = Vec::new();
    for sequence in 1..=TIMED {
        let signed = transfer(alliance, seat, seats, sequence)?;
        let started = Instant::now();
        match seat.agreement.submit(&signed, PATIENCE)? {
            Verdict::Entry(_) => times.push(started.elapsed().as_secs_f64() * 1e3),
            Verdict::Refused { .. } => return Err(wrong()),
        }
    }
    // The processes were being started while the first one waited.
    times.remove(0);
    Ok(times)
}

/// Seconds until all are on all ledgers.
fn flood(seats: &[Seat], signed: &[Vec<SignedTransaction>]) -> Result<f64, BenchError> {
    let before = seats.first().map_or(0, |seat| lock(&seat.ledger).size());
    let all = before + signed.iter().map(Vec::len).sum::<usize>() as u64;
    let started = Instant::now();
    let handed_in: Result<Vec<()>, BenchError> = thread::scope(|scope| {
        let hands: Vec<_> = seats
            .iter()
            .zip(signed)
            .map(|(seat, signed)| scope.spawn(move || hand_in(seat, signed)))
            .collect();
        hands.into_iter().map(|hand| hand.join().unwrap_or_else(|_| Err(wrong()))).collect()
    });
    handed_in?;
    while seats.iter().any(|seat| lock(&seat.ledger).size() < all) {
        if started.elapsed() > PATIENCE {
            return Err(wrong());
        }
        thread::sleep(TICK);
    }
    let seconds = started.elapsed().as_secs_f64();
    let mut roots = seats.iter().map(|seat| lock(&seat.ledger).root());
    let first = roots.next();
    if roots.any(|root| Some(root) != first) {
        return Err(wrong());
    }
    Ok(seconds)
}

fn hand_in(seat: &Seat, signed: &[SignedTransaction]) -> Result<(), BenchError> {
    let refusals = seat.agreement.send(signed, PATIENCE)?;
    if refusals.iter().any(Option::is_some) { Err(wrong()) } else { Ok(()) }
}

/// A point to another member.
fn transfer(
    alliance: &Alliance,
    from: &Seat,
    seats: &[Seat],
    sequence: u64,
) -> Result<SignedTransaction, BenchError> {
    let member = from.key.did();
    let to = seats.iter().map(|seat| seat.key.did()).find(|other| *other != member).unwrap_or(member);
    let action = Action::TransferPoints { to, points: 1, note: "for the survey".to_owned() };
    let alliance = alliance.id().map_err(::ledger::LedgerError::from)?;
    let transaction = Transaction { alliance, member, sequence, person: None, signer: None, action };
    Ok(SignedTransaction::sign(transaction, &from.key).map_err(::ledger::LedgerError::from)?)
}

fn unusable(flaw: impl std::fmt::Display) -> BenchError {
    BenchError::System(std::io::Error::other(flaw.to_string()))
}

fn wrong() -> BenchError {
    BenchError::Wrong { workload: "ordering together".to_owned() }
}

fn now() -> u64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| elapsed.as_secs())
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
