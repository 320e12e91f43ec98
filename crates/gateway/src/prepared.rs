//! What a session has prepared: statements and portals by name, as many as a driver keeps and no more.

use std::{collections::BTreeMap, sync::Arc, vec};

use crate::{
    ask::Answering,
    refusal::{NO_PORTAL, NO_STATEMENT, PORTAL_EXISTS, PROTOCOL, Refusal, STATEMENT_EXISTS, TOO_MUCH},
    rows::{Columns, Row},
    statement::Statement,
    views::Value,
    wire::Format,
};

/// Statements with a name at once; drivers keep 256 or 512 at most unless told otherwise.
const STATEMENTS_MAX: usize = 1024;
/// Bytes of all statements of a session together, with their names.
const STATEMENTS_BYTES_MAX: usize = 4 << 20;
/// Portals at once; each may hold the rest of a result.
const PORTALS_MAX: usize = 16;
/// Bytes of all rows together that portals of a session have still to give, of what costs no run to ask for again.
const REST_BYTES_MAX: usize = 8 << 20;
/// Longest name of a portal.
const NAME_BYTES_MAX: usize = 1 << 10;

/// Statements and portals by name; the empty name is one that the next overwrites.
#[derive(Default)]
pub(crate) struct Prepared {
    statements: BTreeMap<String, Arc<Plan>>,
    portals: BTreeMap<String, Portal>,
}

/// A statement that was prepared.
pub(crate) struct Plan {
    /// Nothing for an empty text.
    pub(crate) statement: Option<Statement>,
    /// Nothing when it has no rows.
    pub(crate) columns: Option<Columns>,
    /// The types of its parameters, as OIDs.
    pub(crate) parameters: Vec<i32>,
    /// Of its text.
    pub(crate) bytes: usize,
}

/// A statement that can be executed, or is being so.
pub(crate) struct Portal {
    pub(crate) plan: Arc<Plan>,
    /// Which contract answers it, of those that ask the same, or none.
    pub(crate) answering: Answering,
    /// Of the parameters, in text.
    pub(crate) values: Vec<Value>,
    pub(crate) formats: Vec<Format>,
    /// What is not fetched yet; nothing before it was executed.
    pub(crate) rest: Option<vec::IntoIter<Row>>,
}

impl Portal {
    /// Of the rows that are not fetched yet; a contract's are not counted, since a use was taken for them.
    fn bytes(&self) -> usize {
        let is_run = matches!(self.answering, Answering::Run(_));
        let rows = self.rest.iter().filter(|_| !is_run).flat_map(vec::IntoIter::as_slice);
        rows.flatten().map(|cell| size_of_val(cell) + cell.as_ref().map_or(0, String::len)).sum()
    }
}

impl Prepared {
    /// Keeps a statement under a name that is free.
    pub(crate) fn keep(&mut self, name: &str, plan: Plan) -> Result<(), Refusal> {
        if name.is_empty() {
            self.statements.remove("");
        } else if self.statements.contains_key(name) {
            let message = format!("prepared statement \"{}\" already exists", shown(name));
            return Err(Refusal::new(STATEMENT_EXISTS, message, "close it first, or choose another name"));
        }
        let held = self.statements.iter().map(|(name, plan)| name.len() + plan.bytes).sum::<usize>();
        let named = self.statements.keys().filter(|name| !name.is_empty()).count();
        if named >= STATEMENTS_MAX || held + name.len() + plan.bytes > STATEMENTS_BYTES_MAX {
            let message = format!(
                "a session has {STATEMENTS_MAX} prepared statements at most, of {STATEMENTS_BYTES_MAX} bytes together"
            );
            return Err(Refusal::new(TOO_MUCH, message, "close some: `DEALLOCATE ALL`"));
        }
        self.statements.insert(name.to_owned(), Arc::new(plan));
        Ok(())
    }

    pub(crate) fn statement(&self, name: &str) -> Result<&Arc<Plan>, Refusal> {
        self.statements.get(name).ok_or_else(|| no_statement(name))
    }

    /// Opens a portal under a name that is free.
    pub(crate) fn open(&mut self, name: &str, portal: Portal) -> Result<(), Refusal> {
        if name.is_empty() {
            self.portals.remove("");
        } else if self.portals.contains_key(name) {
            let message = format!("portal \"{}\" already exists", shown(name));
            return Err(Refusal::new(PORTAL_EXISTS, message, "close it first, or choose another name"));
        }
        if name.len() > NAME_BYTES_MAX {
            let message = format!("a portal's name has {NAME_BYTES_MAX} bytes at most");
            return Err(Refusal::new(PROTOCOL, message, "choose a shorter name"));
        }
        if self.portals.len() >= PORTALS_MAX {
            let message = format!("a session has {PORTALS_MAX} portals at most");
            return Err(Refusal::new(TOO_MUCH, message, "close some, or end the transaction"));
        }
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    pub(crate) fn portal(&self, name: &str) -> Result<&Portal, Refusal> {
        self.portals.get(name).ok_or_else(|| no_portal(name))
    }

    /// Takes a portal out while it is executed, so that one that fails is gone.
    pub(crate) fn take(&mut self, name: &str) -> Result<Portal, Refusal> {
        self.portals.remove(name).ok_or_else(|| no_portal(name))
    }

    /// Puts it back.
    pub(crate) fn put_back(&mut self, name: &str, portal: Portal) -> Result<(), Refusal> {
        let held = self.portals.values().chain([&portal]).map(Portal::bytes).sum::<usize>();
        if held > REST_BYTES_MAX && portal.bytes() > 0 {
            let message = format!("portals have {REST_BYTES_MAX} bytes of rows at most still to give");
            return Err(Refusal::new(TOO_MUCH, message, "fetch all rows at once, or close other portals"));
        }
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }

    /// No error when there is none.
    pub(crate) fn close_statement(&mut self, name: &str) {
        self.statements.remove(name);
    }

    /// No error when there is none.
    pub(crate) fn close_portal(&mut self, name: &str) {
        self.portals.remove(name);
    }

    /// At the end of a transaction.
    pub(crate) fn close_portals(&mut self) {
        self.portals.clear();
    }

    /// A simple query overwrites what has no name.
    pub(crate) fn forget_unnamed(&mut self) {
        self.statements.remove("");
        self.portals.remove("");
    }

    /// One statement or all.
    pub(crate) fn deallocate(&mut self, name: Option<&str>) -> Result<(), Refusal> {
        match name {
            Some(name) => self.statements.remove(name).map(drop).ok_or_else(|| no_statement(name)),
            None => {
                self.statements.clear();
                Ok(())
            }
        }
    }

    pub(crate) fn discard(&mut self) {
        self.statements.clear();
        self.portals.clear();
    }
}

fn no_statement(name: &str) -> Refusal {
    let message = format!("prepared statement \"{}\" does not exist", shown(name));
    Refusal::new(NO_STATEMENT, message, "prepare it with `Parse`; SQL's PREPARE is not offered")
}

fn no_portal(name: &str) -> Refusal {
    let message = format!("portal \"{}\" does not exist", shown(name));
    Refusal::new(NO_PORTAL, message, "portals end with their transaction, without one at `Sync`; bind again")
}

/// As much of a name as an error needs.
fn shown(name: &str) -> String {
    name.chars().take(63).collect()
}
