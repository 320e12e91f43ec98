//! The simple query protocol: a statement in one message, its rows in text.

use std::sync::Arc;

use crate::{
    ask::{self, Answering},
    refusal::{NO_TRANSACTION, PROTOCOL, Refusal, TRANSACTION_FAILED},
    rows::{Table, held_back},
    session::{Session, Talk, blocking, failed},
    statement::{Ask, Statement},
    views::{self, Answer, Question, Value},
    wire::{self, Messages, Status},
};

impl Session {
    pub(crate) async fn simple(&self, body: &[u8], talk: &mut Talk, out: &mut Messages) {
        talk.prepared.forget_unnamed();
        if let Err(refusal) = self.statement(body, talk, out).await {
            out.error(&refusal, false);
            talk.status = failed(talk.status);
        }
    }

    async fn statement(&self, body: &[u8], talk: &mut Talk, out: &mut Messages) -> Result<(), Refusal> {
        let Some((text, _)) = wire::text(body) else {
            let message = "the statement is not UTF-8 text";
            return Err(Refusal::new(PROTOCOL, message, "set client_encoding to UTF8"));
        };
        if is_empty(text) {
            out.empty();
            return Ok(());
        }
        let statement = Statement::read(text)?;
        if let Some(done) = talk.without_rows(&statement)? {
            out.complete(done);
            return Ok(());
        }
        let table = match statement {
            Statement::Ask(ask) => match self.answering(&ask, talk).await? {
                Answering::Run(contract) => self.run(contract, out).await?,
                Answering::Views(other) => {
                    let read = self.read(talk.question(&ask, &[], &[]), out).await;
                    read.map_err(|refusal| refusal.or(other))?
                }
            },
            Statement::Refresh(name) => {
                self.refresh(name, out).await?;
                return Ok(());
            }
            statement => self.known(&statement).await?,
        };
        out.columns(&table.columns, &[]);
        for row in &table.rows {
            out.row(row);
        }
        out.complete(&format!("SELECT {}", table.rows.len()));
        Ok(())
    }

    /// What answers a question. Of those that make a table views answer none.
    pub(crate) async fn answering(&self, ask: &Ask, talk: &Talk) -> Result<Answering, Refusal> {
        let (node, database, question) =
            (Arc::clone(&self.node), talk.database.clone(), ask.question.clone());
        let found = blocking(move || ask::find(&*node, &question, database.as_deref())).await?;
        let makes = ask.question.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("create"));
        match found {
            Answering::Views(other) if makes => Err(other.unwrap_or_else(ask::nobody_asks)),
            found => Ok(found),
        }
    }

    /// Runs a contract; takes one of its uses.
    pub(crate) async fn run(&self, contract: String, out: &mut Messages) -> Result<Table, Refusal> {
        let node = Arc::clone(&self.node);
        let result = blocking(move || ask::run(&*node, &contract)).await?;
        if let Some(words) = held_back(&result) {
            out.notice(&words);
        }
        Ok(Table::of_result(&result))
    }

    /// Runs a view's contract; takes one of its uses.
    pub(crate) async fn refresh(&self, name: String, out: &mut Messages) -> Result<(), Refusal> {
        let node = Arc::clone(&self.node);
        if let Some(words) = blocking(move || views::refresh(&*node, &name)).await? {
            out.notice(&words);
        }
        out.complete("REFRESH MATERIALIZED VIEW");
        Ok(())
    }

    /// Reads what contracts have given; takes no use.
    pub(crate) async fn read(&self, question: Question, out: &mut Messages) -> Result<Table, Refusal> {
        let Answer { table, notices, room } = self.reader.read(&self.node, question).await?;
        out.hold(room);
        notices.iter().for_each(|words| out.notice(words));
        Ok(table)
    }

    /// The rows of a statement that neither a contract nor a view answers.
    pub(crate) async fn known(&self, statement: &Statement) -> Result<Table, Refusal> {
        match statement {
            Statement::Show(name, value) => Ok(Table::of_setting(name, value)),
            _ => {
                let node = Arc::clone(&self.node);
                let listed = move || Ok(Table::of_contracts(&node.contracts()?, &node.member()?.1));
                blocking(listed).await
            }
        }
    }
}

impl Talk {
    /// A SELECT over views, of this client.
    pub(crate) fn question(&self, ask: &Ask, types: &[i32], values: &[Value]) -> Question {
        let database = self.database.clone().filter(|name| !name.is_empty());
        Question {
            text: ask.text.clone(),
            database: database.unwrap_or_else(|| "treaty".to_owned()),
            types: types.to_vec(),
            values: values.to_vec(),
        }
    }

    /// Does what a statement without rows asks for, and gives its tag; nothing for one that has rows.
    pub(crate) fn without_rows(&mut self, statement: &Statement) -> Result<Option<&'static str>, Refusal> {
        self.refuse_in_failed(statement)?;
        Ok(Some(match statement {
            Statement::Commit | Statement::Rollback => {
                let undone = self.status == Status::Failed || *statement == Statement::Rollback;
                self.status = Status::Idle;
                self.prepared.close_portals();
                if undone { "ROLLBACK" } else { "COMMIT" }
            }
            Statement::Begin => {
                self.status = Status::InTransaction;
                "BEGIN"
            }
            Statement::Savepoint | Statement::Release | Statement::RollbackTo
                if self.status == Status::Idle =>
            {
                let message = "savepoints can only be used in transaction blocks";
                return Err(Refusal::new(NO_TRANSACTION, message, "BEGIN first"));
            }
            Statement::Savepoint => "SAVEPOINT",
            Statement::Release => "RELEASE",
            Statement::RollbackTo => {
                self.status = Status::InTransaction;
                "ROLLBACK"
            }
            Statement::Set => "SET",
            Statement::Deallocate(name) => {
                self.prepared.deallocate(name.as_deref())?;
                "DEALLOCATE"
            }
            Statement::Discard => {
                self.prepared.discard();
                "DISCARD ALL"
            }
            Statement::Contracts | Statement::Show(..) | Statement::Refresh(_) | Statement::Ask(_) => {
                return Ok(None);
            }
        }))
    }

    /// In a transaction that failed nothing is answered but its end.
    pub(crate) fn refuse_in_failed(&self, statement: &Statement) -> Result<(), Refusal> {
        let ends = matches!(statement, Statement::Commit | Statement::Rollback | Statement::RollbackTo);
        if self.status == Status::Failed && !ends {
            return Err(Refusal::new(
                TRANSACTION_FAILED,
                "a statement before this one was refused",
                "end the transaction with ROLLBACK",
            ));
        }
        Ok(())
    }
}

pub(crate) fn is_empty(text: &str) -> bool {
    text.trim_matches(|c: char| c == ';' || c.is_whitespace()).is_empty()
}
