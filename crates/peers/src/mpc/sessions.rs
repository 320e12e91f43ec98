//! Bringing the compute parties of a run together.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use engine::session::Party;
use rustls::Connection;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_rustls::{client, server};
use tracing::{debug, warn};

use super::greeting::{Greeting, Message};
use super::link::Link;
use super::plan::{Plan, Run, SessionLimits};
use super::transport::SessionTransport;
use crate::dial::dial;
use crate::error::{Error, GreetingFault, Refusal, Result};
use crate::registry::MemberId;
use crate::tls::{Carries, Channels};

/// Where the connections that come for runs and the runs that wait for them find each other. Cheap to clone.
///
/// A connection may come before its run is known here, since the nodes start a run independently: it is then held
/// for a while. Held connections are bounded in number, and in number per member.
#[derive(Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
}

struct Shared {
    limits: SessionLimits,
    state: Mutex<State>,
    /// Told whenever a run begins to gather.
    gathering: Notify,
}

#[derive(Default)]
struct State {
    runs: HashMap<Run, mpsc::UnboundedSender<Arrival>>,
    /// Members whose connections are held, one entry per connection.
    held: Vec<MemberId>,
}

/// A connection that came for a run.
struct Arrival {
    stream: server::TlsStream<TcpStream>,
    member: MemberId,
    greeting: Greeting,
}

/// A connection to a compute party, by either way.
type Joined = (usize, TcpStream, Connection);

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}

impl Sessions {
    /// No sessions yet.
    pub fn new(limits: SessionLimits) -> Self {
        Self { shared: Arc::new(Shared { limits, state: Mutex::default(), gathering: Notify::new() }) }
    }

    /// Brings the compute parties of a run together: dials those listed before this node, waits for those after it.
    ///
    /// A party that isn't up yet is dialled again until the time is over; one that refuses is not. Dropping the
    /// future gives the run up.
    ///
    /// # Errors
    /// [`Error::Incomplete`] with those who didn't come, or what kept one of them from coming.
    pub async fn gather(&self, channels: &Channels, plan: &Plan) -> Result<SessionTransport> {
        plan.check()?;
        let (place, mut arrivals) = self.expect(plan.run)?;
        let until = Instant::now() + plan.gather;
        let mut dials = JoinSet::new();
        for (to, member) in plan.parties.iter().enumerate().take(plan.me.0) {
            let dialling = Dialling {
                channels: channels.clone(),
                limits: self.shared.limits.clone(),
                member: member.clone(),
                greeting: Greeting::of(plan, to),
                until,
            };
            dials.spawn(async move { dialling.run().await.map(|(socket, tls)| (to, socket, tls)) });
        }
        let mut joined: Vec<Option<Joined>> = plan.parties.iter().map(|_| None).collect();
        // Dialling ends by itself at `until`, with the better reason: give it precedence.
        let give_up = sleep_until(until + Duration::from_millis(100));
        tokio::pin!(give_up);
        while joined.iter().enumerate().any(|(party, joined)| party != plan.me.0 && joined.is_none()) {
            let next = tokio::select! {
                Some(dialled) = dials.join_next() => match dialled {
                    Ok(Ok(dialled)) => Some(dialled),
                    // Its node holds the connection, but does not begin the run.
                    Ok(Err(Error::Greeting { fault: GreetingFault::Late { .. }, .. })) => {
                        return Err(incomplete(plan, &joined));
                    }
                    Ok(Err(failed)) => return Err(failed),
                    // A dial neither panics nor is cancelled while this set lives.
                    Err(_) => None,
                },
                Some(arrival) = arrivals.recv() => arrival.answer(plan, self.shared.limits.greeting).await,
                () = &mut give_up => return Err(incomplete(plan, &joined)),
            };
            if let Some(next) = next
                && let Some(place) = joined.get_mut(next.0)
            {
                // The newest connection counts: a party dials again only when it has lost the one before.
                *place = Some(next);
            }
        }
        drop(place);
        self.start(plan, joined)
    }

    /// Reads the first message on a connection that a member opened for a run, and hands it to that run.
    pub(crate) async fn greet(&self, mut stream: server::TlsStream<TcpStream>, member: MemberId) {
        let limits = &self.shared.limits;
        let read = timeout(limits.greeting, Message::read(&mut stream)).await;
        let greeting = match read {
            Ok(Ok(Message::Greeting(greeting))) => greeting,
            Ok(Ok(Message::Refusal(refusal))) => {
                warn!(member, reason = %refusal, "turned away a connection for a run");
                return turn_away(stream, refusal, limits.greeting).await;
            }
            Ok(Err(fault)) => return warn!(member, %fault, "turned away a connection for a run"),
            Err(_) => return warn!(member, "a connection for a run said nothing"),
        };
        let run = greeting.run;
        let mut arrival = Arrival { stream, member, greeting };
        let Some(held) = Held::take(&self.shared, &arrival.member) else {
            warn!(member = arrival.member, %run, "too many connections are held for runs that have not begun");
            return turn_away(arrival.stream, Refusal::Busy, limits.greeting).await;
        };
        let until = Instant::now() + limits.hold;
        loop {
            let gathering = self.shared.gathering.notified();
            tokio::pin!(gathering);
            gathering.as_mut().enable();
            arrival = match self.deliver(arrival) {
                None => return drop(held),
                Some(arrival) => arrival,
            };
            if timeout_at(until, gathering).await.is_err() {
                debug!(member = arrival.member, %run, "nobody here waits for that run");
                return turn_away(arrival.stream, Refusal::UnknownRun, limits.greeting).await;
            }
        }
    }

    /// Hands a connection to its run; gives it back when the run isn't gathering here.
    fn deliver(&self, arrival: Arrival) -> Option<Arrival> {
        match self.shared.lock().runs.get(&arrival.greeting.run) {
            Some(run) => run.send(arrival).err().map(|unsent| unsent.0),
            None => Some(arrival),
        }
    }

    fn expect(&self, run: Run) -> Result<(Expected, mpsc::UnboundedReceiver<Arrival>)> {
        let mut state = self.shared.lock();
        if state.runs.contains_key(&run) {
            return Err(Error::SessionTwice { run: run.to_string() });
        }
        let (sender, arrivals) = mpsc::unbounded_channel();
        state.runs.insert(run, sender);
        drop(state);
        self.shared.gathering.notify_waiters();
        Ok((Expected { shared: Arc::clone(&self.shared), run }, arrivals))
    }

    /// From here on the connections block, each with its own threads.
    fn start(&self, plan: &Plan, joined: Vec<Option<Joined>>) -> Result<SessionTransport> {
        let limits = &self.shared.limits;
        let mut links = Vec::with_capacity(joined.len());
        for (joined, member) in joined.into_iter().zip(&plan.parties) {
            links.push(match joined {
                None => None,
                Some((party, socket, tls)) => {
                    let socket = socket.into_std().map_err(Error::System)?;
                    Some(
                        Link::start(plan.run, Party(party), member.clone(), tls, socket, limits)
                            .map_err(Error::System)?,
                    )
                }
            });
        }
        let silence_ms = limits.silence_max.as_millis().try_into().unwrap_or(u64::MAX);
        let deadline = std::time::Instant::now() + plan.deadline;
        Ok(SessionTransport::new(plan.me, links, limits.frame_bytes_max, silence_ms, deadline))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run that gathers here, until this is dropped.
struct Expected {
    shared: Arc<Shared>,
    run: Run,
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.shared.lock().runs.remove(&self.run);
    }
}

/// A place among the held connections, until this is dropped.
struct Held<'a> {
    shared: &'a Shared,
    member: MemberId,
}

impl<'a> Held<'a> {
    fn take(shared: &'a Shared, member: &MemberId) -> Option<Self> {
        let mut state = shared.lock();
        let of_member = state.held.iter().filter(|held| *held == member).count();
        if state.held.len() >= shared.limits.held_max || of_member >= shared.limits.held_per_member_max {
            return None;
        }
        state.held.push(member.clone());
        Some(Self { shared, member: member.clone() })
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(place) = state.held.iter().position(|held| *held == self.member) {
            state.held.swap_remove(place);
        }
    }
}

impl Arrival {
    /// Answers a connection that came for a plan's run; the connection if it is one of the parties that dial.
    async fn answer(mut self, plan: &Plan, within: Duration) -> Option<Joined> {
        let from = usize::from(self.greeting.from);
        let refusal = if self.greeting.roster != plan.roster() {
            Some(Refusal::OtherParties)
        } else if from <= plan.me.0
            || plan.parties.get(from) != Some(&self.member)
            || self.greeting != Greeting::of(plan, from).answered()
        {
            Some(Refusal::WrongParty)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            warn!(member = self.member, run = %plan.run, reason = %refusal, "turned away a connection for a run");
            turn_away(self.stream, refusal, within).await;
            return None;
        }
        let greeting = Message::Greeting(Greeting::of(plan, from));
        match timeout(within, greeting.write(&mut self.stream)).await {
            Ok(Ok(())) => {
                let (socket, tls) = self.stream.into_inner();
                Some((from, socket, tls.into()))
            }
            // The party will notice, and dial again.
            _ => None,
        }
    }
}

/// Says why and closes. The other side has nothing more to send, so nothing unread can reset the connection.
async fn turn_away(mut stream: server::TlsStream<TcpStream>, refusal: Refusal, within: Duration) {
    let saying = async {
        Message::Refusal(refusal).write(&mut stream).await?;
        tokio::io::AsyncWriteExt::shutdown(&mut stream)
            .await
            .map_err(|error| GreetingFault::Ended(error.to_string()))
    };
    // Whether a refusal is heard is the other side's business.
    timeout(within, saying).await.ok();
}

fn incomplete(plan: &Plan, joined: &[Option<Joined>]) -> Error {
    let missing = plan
        .parties
        .iter()
        .zip(joined)
        .enumerate()
        .filter(|(party, (_, joined))| *party != plan.me.0 && joined.is_none())
        .map(|(_, (member, _))| member.clone())
        .collect();
    Error::Incomplete { run: plan.run.to_string(), missing, within: plan.gather }
}

/// One party that is to be dialled for a run.
struct Dialling {
    channels: Channels,
    limits: SessionLimits,
    member: MemberId,
    greeting: Greeting,
    until: Instant,
}

impl Dialling {
    /// Dials until the party answers, refuses for good, or the time is over.
    async fn run(self) -> Result<(TcpStream, Connection)> {
        const PAUSE: Duration = Duration::from_millis(100);
        let mut before = None;
        loop {
            let failed = match self.attempt().await {
                Ok((socket, tls)) => return Ok((socket, tls.into())),
                // The last attempt may have had no time for a reason of its own.
                Err(failed) if is_late(&failed) => before.take().unwrap_or(failed),
                Err(failed) => failed,
            };
            if !may_pass(&failed) || Instant::now() + PAUSE >= self.until {
                return Err(failed);
            }
            debug!(member = self.member, run = %self.greeting.run, reason = %failed, "dials a compute party again");
            before = Some(failed);
            sleep(PAUSE).await;
        }
    }

    async fn attempt(&self) -> Result<(TcpStream, rustls::ClientConnection)> {
        let connect = self.left().min(self.limits.greeting);
        let mut stream = dial(&self.channels, &self.member, Carries::Frames, connect).await?.stream;
        let within = self.left().min(self.limits.greeting + self.limits.hold);
        let answer = match timeout(within, self.converse(&mut stream)).await {
            Ok(answer) => answer.map_err(|fault| self.unusable(fault))?,
            Err(_) => {
                let within_ms = within.as_millis().try_into().unwrap_or(u64::MAX);
                return Err(self.unusable(GreetingFault::Late { within_ms }));
            }
        };
        match answer {
            Message::Greeting(answer) if answer == self.greeting.answered() => Ok(stream.into_inner()),
            Message::Greeting(_) => Err(self.unusable(GreetingFault::NotAnAnswer)),
            Message::Refusal(reason) => Err(Error::SessionRefused {
                member: self.member.clone(),
                run: self.greeting.run.to_string(),
                reason,
            }),
        }
    }

    async fn converse(&self, stream: &mut client::TlsStream<TcpStream>) -> Result<Message, GreetingFault> {
        Message::Greeting(self.greeting).write(stream).await?;
        Message::read(stream).await
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    fn unusable(&self, fault: GreetingFault) -> Error {
        Error::Greeting { member: self.member.clone(), fault }
    }
}

/// Whether a party's node was reached but didn't answer in time.
fn is_late(error: &Error) -> bool {
    matches!(error, Error::ConnectTimedOut { .. } | Error::Greeting { fault: GreetingFault::Late { .. }, .. })
}

/// Whether a party that could not be had may be had a moment later.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } | Error::ConnectTimedOut { .. } | Error::Handshake { .. } => true,
        Error::SessionRefused { reason, .. } => matches!(reason, Refusal::UnknownRun | Refusal::Busy),
        Error::Greeting { fault, .. } => {
            matches!(fault, GreetingFault::Ended(_) | GreetingFault::Late { .. })
        }
        _ => false,
    }
}
