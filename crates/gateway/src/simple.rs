//! The simple query protocol: a statement in one message, its rows in text.

use std::sync::Arc;

use crate::{
    ask,
    refusal::{PROTOCOL, Refusal, TRANSACTION_FAILED},
    rows::{Table, held_back},
    session::{Session, Talk, blocking, failed},
    statement::Statement,
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
            Statement::Ask(question) => {
                let (node, database) = (Arc::clone(&self.node), talk.database.clone());
                let run = move || ask::run(&*node, &ask::find(&*node, &question, database.as_deref())?);
                let result = blocking(run).await?;
                if let Some(words) = held_back(&result) {
                    out.notice(&words);
                }
                Table::of_result(&result)
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

    /// The rows of a statement that no contract answers.
    pub(crate) async fn known(&self, statement: &Statement) -> Result<Table, Refusal> {
        match statement {
            Statement::TypeNames(names) => Ok(names.table()),
            _ => {
                let node = Arc::clone(&self.node);
                let listed = move || Ok(Table::of_contracts(&node.contracts()?, &node.member()?.1));
                blocking(listed).await
            }
        }
    }
}

impl Talk {
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
            Statement::Set => "SET",
            Statement::Deallocate(name) => {
                self.prepared.deallocate(name.as_deref())?;
                "DEALLOCATE"
            }
            Statement::Discard => {
                self.prepared.discard();
                "DISCARD ALL"
            }
            Statement::Contracts | Statement::TypeNames(_) | Statement::Ask(_) => return Ok(None),
        }))
    }

    /// In a transaction that failed nothing is answered but its end.
    pub(crate) fn refuse_in_failed(&self, statement: &Statement) -> Result<(), Refusal> {
        if self.status == Status::Failed && !matches!(statement, Statement::Commit | Statement::Rollback) {
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
