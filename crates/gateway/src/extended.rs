//! The extended query protocol: `Parse`, `Bind`, `Describe`, `Execute` and `Close` ("Message Flow", "Extended Query").
//!
//! The columns of a question are those that its contract's program has, which the node tells without running it. `Bind` asks
//! again which contract is meant, since between two executions one may be used up and another signed; a use is taken by the
//! first `Execute` of a portal, never before.

use std::sync::Arc;

use crate::{
    ask,
    binary::binary,
    prepared::{Plan, Portal},
    refusal::{FAILED, NOT_SUPPORTED, PROTOCOL, Refusal},
    rows::{Columns, Row, Table, held_back},
    session::{Session, Talk, blocking},
    simple::is_empty,
    statement::Statement,
    wire::{Bind, Execute, Format, Messages, Named, Parse, Status},
};

impl Session {
    /// Answers one message; after a refusal the client has to synchronise.
    pub(crate) async fn extended(
        &self,
        letter: u8,
        body: &[u8],
        talk: &mut Talk,
        out: &mut Messages,
    ) -> Result<(), Refusal> {
        match letter {
            b'P' => {
                self.parse(Parse::read(body).ok_or_else(malformed)?, talk).await?;
                out.parsed();
            }
            b'B' => {
                self.bind(Bind::read(body).ok_or_else(malformed)?, talk).await?;
                out.bound();
            }
            b'D' => describe(Named::read(body).ok_or_else(malformed)?, talk, out)?,
            b'E' => self.execute(Execute::read(body).ok_or_else(malformed)?, talk, out).await?,
            _ => {
                match Named::read(body).ok_or_else(malformed)? {
                    Named::Statement(name) => talk.prepared.close_statement(name),
                    Named::Portal(name) => talk.prepared.close_portal(name),
                }
                out.closed();
            }
        }
        Ok(())
    }

    async fn parse(&self, parse: Parse<'_>, talk: &mut Talk) -> Result<(), Refusal> {
        let Parse { name, text, parameters } = parse;
        if name.is_empty() {
            // Also when this one is refused: what follows must not execute the one before.
            talk.prepared.close_statement("");
        }
        if !parameters.is_empty() {
            return Err(parameters_refused());
        }
        let statement = if is_empty(text) { None } else { Some(Statement::read(text)?) };
        let columns = match &statement {
            Some(statement) => {
                talk.refuse_in_failed(statement)?;
                self.columns(statement, talk).await?.1
            }
            None => None,
        };
        talk.prepared.keep(name, Plan { statement, columns, bytes: text.len() })
    }

    /// Which contract answers a statement, and the columns of its rows if it has any.
    async fn columns(
        &self,
        statement: &Statement,
        talk: &Talk,
    ) -> Result<(Option<String>, Option<Columns>), Refusal> {
        match statement {
            Statement::Ask(question) => {
                let (node, database) = (Arc::clone(&self.node), talk.database.clone());
                let question = question.clone();
                let found = move || {
                    let contract = ask::find(&*node, &question, database.as_deref())?;
                    let columns = ask::columns(&*node, &contract)?;
                    Ok((Some(contract), Some(columns)))
                };
                blocking(found).await
            }
            Statement::Contracts => Ok((None, Some(Table::of_contracts(&[], "").columns))),
            Statement::TypeNames(names) => Ok((None, Some(names.table().columns))),
            _ => Ok((None, None)),
        }
    }

    async fn bind(&self, bind: Bind<'_>, talk: &mut Talk) -> Result<(), Refusal> {
        let plan = Arc::clone(talk.prepared.statement(bind.statement)?);
        if !bind.parameters.is_empty() {
            return Err(parameters_refused());
        }
        if bind.parameter_formats.len() > 1 {
            return Err(malformed());
        }
        let width = plan.columns.as_ref().map_or(0, Vec::len);
        let formats = formats(&bind.result_formats, width)?;
        let mut contract = None;
        if let Some(statement) = &plan.statement {
            talk.refuse_in_failed(statement)?;
            if let Statement::Ask(_) = statement {
                let found = self.columns(statement, talk).await?;
                if found.1 != plan.columns {
                    // PostgreSQL's own words and routine, by which drivers know that they have to.
                    let message = "cached plan must not change result type";
                    let refusal = Refusal::new(NOT_SUPPORTED, message, "prepare the statement again");
                    return Err(refusal.of_routine("RevalidateCachedQuery"));
                }
                contract = found.0;
            }
        }
        talk.prepared.open(bind.portal, Portal { plan, contract, formats, rest: None })
    }

    async fn execute(
        &self,
        execute: Execute<'_>,
        talk: &mut Talk,
        out: &mut Messages,
    ) -> Result<(), Refusal> {
        let mut portal = talk.prepared.take(execute.portal)?;
        let plan = Arc::clone(&portal.plan);
        let Some(statement) = &plan.statement else {
            out.empty();
            return talk.prepared.put_back(execute.portal, portal);
        };
        if let Some(done) = talk.without_rows(statement)? {
            out.complete(done);
            return Ok(());
        }
        let mut rest = match portal.rest.take() {
            Some(rest) => rest,
            None => self.rows(&portal, statement, out).await?.into_iter(),
        };
        let most = usize::try_from(execute.rows_max).ok().filter(|most| *most > 0).unwrap_or(usize::MAX);
        let columns = plan.columns.as_deref().unwrap_or_default();
        let mut sent = 0;
        for row in rest.by_ref().take(most) {
            out.row(&encoded(row, columns, &portal.formats)?);
            sent += 1;
        }
        match rest.len() {
            0 => out.complete(&format!("SELECT {sent}")),
            _ => out.suspended(),
        }
        talk.prepared.put_back(execute.portal, Portal { rest: Some(rest), ..portal })
    }

    /// All rows of a statement; a question's contract runs for it.
    async fn rows(
        &self,
        portal: &Portal,
        statement: &Statement,
        out: &mut Messages,
    ) -> Result<Vec<Row>, Refusal> {
        let table = match portal.contract.clone() {
            Some(contract) => {
                let node = Arc::clone(&self.node);
                let result = blocking(move || ask::run(&*node, &contract)).await?;
                if let Some(words) = held_back(&result) {
                    out.notice(&words);
                }
                Table::of_result(&result)
            }
            None => self.known(statement).await?,
        };
        match &portal.plan.columns {
            Some(columns) => Ok(table.held_to(columns)?.rows),
            None => Ok(table.rows),
        }
    }
}

impl Talk {
    /// `Sync`: outside of a transaction its portals end.
    pub(crate) fn synchronised(&mut self) {
        if self.status == Status::Idle {
            self.prepared.close_portals();
        }
    }
}

fn describe(named: Named<'_>, talk: &Talk, out: &mut Messages) -> Result<(), Refusal> {
    let (plan, formats) = match named {
        Named::Statement(name) => {
            let plan = talk.prepared.statement(name)?;
            out.no_parameters();
            (plan, [].as_slice())
        }
        Named::Portal(name) => {
            let portal = talk.prepared.portal(name)?;
            (&portal.plan, portal.formats.as_slice())
        }
    };
    match &plan.columns {
        Some(columns) => out.columns(columns, formats),
        None => out.no_rows(),
    }
    Ok(())
}

/// One format for each column.
fn formats(codes: &[i16], columns: usize) -> Result<Vec<Format>, Refusal> {
    let format = |code: &i16| match code {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        _ => Err(Refusal::new(PROTOCOL, format!("there is no format {code}"), "0 is text, 1 is binary")),
    };
    let formats = codes.iter().map(format).collect::<Result<Vec<_>, _>>()?;
    match formats.as_slice() {
        [] => Ok(vec![Format::Text; columns]),
        [all] => Ok(vec![*all; columns]),
        each if each.len() == columns || columns == 0 => Ok(formats),
        each => {
            let message = format!("{} formats for {columns} columns", each.len());
            Err(Refusal::new(PROTOCOL, message, "give none, one for all, or one for each"))
        }
    }
}

fn encoded(
    row: Row,
    columns: &[(String, crate::wire::Type)],
    formats: &[Format],
) -> Result<Vec<Option<Vec<u8>>>, Refusal> {
    let cells = row.into_iter().zip(columns).zip(formats);
    let cell =
        |((cell, (name, kind)), format): ((Option<String>, &(String, crate::wire::Type)), &Format)| match (
            cell, format,
        ) {
            (None, _) => Ok(None),
            (Some(text), Format::Text) => Ok(Some(text.into_bytes())),
            (Some(text), Format::Binary) => binary(*kind, &text).map(Some).ok_or_else(|| {
                let message = format!("a value of column \"{name}\" has no binary form");
                Refusal::new(FAILED, message, "ask for results in text")
            }),
        };
    cells.map(cell).collect()
}

fn parameters_refused() -> Refusal {
    let hint = "write the values into the statement, as the contract has them";
    Refusal::new(NOT_SUPPORTED, "statements have no parameters here", hint)
}

fn malformed() -> Refusal {
    Refusal::new(PROTOCOL, "a message is not as the protocol has it", "is the client's text UTF-8?")
}
