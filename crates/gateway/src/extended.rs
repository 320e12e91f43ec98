//! The extended query protocol: `Parse`, `Bind`, `Describe`, `Execute` and `Close` ("Message Flow", "Extended Query").
//!
//! The columns of a contract's question are those that its program has, which the node tells without running it; those of
//! another SELECT are those of its plan over views. Only the latter has parameters. `Bind` asks
//! again which contract is meant, since between two executions one may be used up and another signed; a use is taken by the
//! first `Execute` of a portal, never before.

use std::sync::Arc;

use crate::{
    ask::{self, Answering},
    binary::binary,
    prepared::{Plan, Portal},
    refusal::{FAILED, NOT_SUPPORTED, PROTOCOL, Refusal},
    rows::{Columns, Row, Table, plan_changed},
    session::{Session, Talk, blocking},
    simple::is_empty,
    statement::Statement,
    views::{Described, Value, value},
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
        let Parse { name, text, parameters: declared } = parse;
        if name.is_empty() {
            // Also when this one is refused: what follows must not execute the one before.
            talk.prepared.close_statement("");
        }
        let statement = if is_empty(text) { None } else { Some(Statement::read(text)?) };
        let described = match &statement {
            Some(statement) => {
                talk.refuse_in_failed(statement)?;
                self.described(statement, &declared, talk).await?
            }
            None => None,
        };
        let (columns, parameters) =
            described.map(|Described { columns, parameters }| (columns, parameters)).unzip();
        let parameters = parameters.unwrap_or_default();
        if parameters.is_empty() && !declared.is_empty() {
            return Err(parameters_refused());
        }
        talk.prepared.keep(name, Plan { statement, columns, parameters, bytes: text.len() })
    }

    /// The columns of a statement's rows if it has any, and its parameters.
    async fn described(
        &self,
        statement: &Statement,
        declared: &[i32],
        talk: &Talk,
    ) -> Result<Option<Described>, Refusal> {
        let columns = match statement {
            Statement::Ask(ask) => match self.answering(ask, talk).await? {
                Answering::Run(contract) => self.columns(contract).await?,
                Answering::Views(other) => {
                    let question = talk.question(ask, declared, &[]);
                    let described = self.reader.describe(&self.node, question).await;
                    return described.map(Some).map_err(|refusal| refusal.or(other));
                }
            },
            Statement::Contracts => Table::of_contracts(&[], "").columns,
            Statement::Show(name, value) => Table::of_setting(name, value).columns,
            _ => return Ok(None),
        };
        Ok(Some(Described { columns, parameters: Vec::new() }))
    }

    async fn columns(&self, contract: String) -> Result<Columns, Refusal> {
        let node = Arc::clone(&self.node);
        blocking(move || ask::columns(&*node, &contract)).await
    }

    async fn bind(&self, bind: Bind<'_>, talk: &mut Talk) -> Result<(), Refusal> {
        let plan = Arc::clone(talk.prepared.statement(bind.statement)?);
        let values = values(&bind, &plan.parameters)?;
        let width = plan.columns.as_ref().map_or(0, Vec::len);
        let formats = formats(&bind.result_formats, width)?;
        let mut answering = Answering::Views(None);
        if let Some(statement) = &plan.statement {
            talk.refuse_in_failed(statement)?;
            if let Statement::Ask(ask) = statement {
                answering = self.answering(ask, talk).await?;
                if let Answering::Run(contract) = &answering {
                    let columns = Some(self.columns(contract.clone()).await?);
                    if columns != plan.columns || !plan.parameters.is_empty() {
                        return Err(plan_changed());
                    }
                }
            }
        }
        talk.prepared.open(bind.portal, Portal { plan, answering, values, formats, rest: None })
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
        if let Statement::Refresh(name) = statement {
            return self.refresh(name.clone(), out).await;
        }
        let mut rest = match portal.rest.take() {
            Some(rest) => rest,
            None => self.rows(&portal, statement, talk, out).await?.into_iter(),
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
        talk: &Talk,
        out: &mut Messages,
    ) -> Result<Vec<Row>, Refusal> {
        let Some(columns) = &portal.plan.columns else { return Ok(Vec::new()) };
        let table = match (statement, portal.answering.clone()) {
            (_, Answering::Run(contract)) => self.run(contract, out).await?.held_to(columns)?,
            (Statement::Ask(ask), Answering::Views(other)) => {
                let question = talk.question(ask, &portal.plan.parameters, &portal.values);
                let read = self.read(question, out).await;
                read.map_err(|refusal| refusal.or(other))?.described_as(columns)?
            }
            (statement, Answering::Views(_)) => self.known(statement).await?,
        };
        Ok(table.rows)
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
            out.parameters(&plan.parameters);
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

fn format(code: &i16) -> Result<Format, Refusal> {
    match code {
        0 => Ok(Format::Text),
        1 => Ok(Format::Binary),
        _ => Err(Refusal::new(PROTOCOL, format!("there is no format {code}"), "0 is text, 1 is binary")),
    }
}

/// The values of parameters, in text.
fn values(bind: &Bind<'_>, types: &[i32]) -> Result<Vec<Value>, Refusal> {
    let given = bind.parameters.len();
    if given != types.len() {
        let message =
            format!("bind message supplies {given} parameters, but the statement has {}", types.len());
        return Err(Refusal::new(PROTOCOL, message, "bind as many as were described"));
    }
    let formats = bind.parameter_formats.iter().map(format).collect::<Result<Vec<_>, _>>()?;
    if formats.len() > 1 && formats.len() != given {
        return Err(malformed());
    }
    let read = |(place, (bytes, kind)): (usize, (&Option<&[u8]>, &i32))| {
        let format = formats.get(place).or(formats.first()).copied().unwrap_or_default();
        bytes.map(|bytes| value(*kind, format, bytes)).transpose()
    };
    bind.parameters.iter().zip(types).enumerate().map(read).collect()
}

/// One format for each column.
fn formats(codes: &[i16], columns: usize) -> Result<Vec<Format>, Refusal> {
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
    Refusal::new(NOT_SUPPORTED, "this statement has no parameters", hint)
}

fn malformed() -> Refusal {
    Refusal::new(PROTOCOL, "a message is not as the protocol has it", "is the client's text UTF-8?")
}
