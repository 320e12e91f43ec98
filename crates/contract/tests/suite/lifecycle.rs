//! The table of transitions, and the page that is printed from it.

use std::{fmt::Write, fs, path::PathBuf};

use treaty_contract::lifecycle::{Event, NotAllowed, State, TABLE};

#[test]
fn no_state_has_two_answers_to_one_event() {
    for row in TABLE {
        let same = TABLE.iter().filter(|other| (other.from, other.on) == (row.from, row.on));
        assert_eq!(same.count(), 1, "{row:?}");
    }
}

#[test]
fn what_is_not_in_the_table_is_refused() {
    for (state, event) in pairs() {
        let row = TABLE.iter().find(|row| (row.from, row.on) == (state, event));
        assert_eq!(state.after(event), row.map(|row| row.to).ok_or(NotAllowed { state, event }));
    }
}

#[test]
fn only_an_active_contract_gives_uses() {
    for (state, event) in pairs() {
        if let Event::UseTaken { .. } = event {
            assert_eq!(state.after(event).is_ok(), state == State::Active);
        }
    }
}

#[test]
fn only_all_signatures_make_a_proposal_active() {
    for event in Event::ALL {
        let activates = State::Proposed.after(event) == Ok(State::Active);
        assert_eq!(activates, event == Event::SignedByAll);
    }
}

#[test]
fn a_final_state_is_never_left() {
    for (state, event) in pairs().filter(|(state, _)| state.is_final()) {
        assert!(matches!(state.after(event), Ok(to) if to == state) || state.after(event).is_err());
    }
}

#[test]
fn every_party_can_revoke_until_the_end() {
    for state in State::ALL {
        assert_eq!(
            state.after(Event::Revoked),
            if state.is_final() {
                Err(NotAllowed { state, event: Event::Revoked })
            } else {
                Ok(State::Revoked)
            }
        );
    }
}

#[test]
fn a_refusal_says_what_and_where() {
    let refused = State::Revoked.after(Event::UseTaken { last: true }).unwrap_err();
    assert_eq!(refused.to_string(), "`last use taken` cannot happen to a contract that is revoked");
}

#[test]
fn states_are_spelled_as_in_json() {
    for state in State::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.word());
    }
}

/// Prints the page again with `UPDATE_DOCS=1`.
#[test]
fn the_page_shows_the_table() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/contract-lifecycle.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    assert!(
        found == page(),
        "docs/contract-lifecycle.md differs from lifecycle::TABLE: run with UPDATE_DOCS=1"
    );
}

fn pairs() -> impl Iterator<Item = (State, Event)> {
    State::ALL.into_iter().flat_map(|state| Event::ALL.into_iter().map(move |event| (state, event)))
}

fn page() -> String {
    let mut page = String::from(
        "# The life of a contract\n\n\
         Printed from `lifecycle::TABLE` in crate `contract`; a test holds the two equal.\n\n\
         Columns are the states a contract can be in, rows are what happens to it, cells are the state that follows. \
         A dot means that the event cannot happen in that state and is refused.\n\n|  |",
    );
    for state in State::ALL {
        write!(page, " {state} |").unwrap();
    }
    page.push_str("\n| --- |");
    page.push_str(&" --- |".repeat(State::ALL.len()));
    for event in Event::ALL {
        write!(page, "\n| **{event}** |").unwrap();
        for state in State::ALL {
            let cell = state.after(event).map_or("·", State::word);
            write!(page, " {cell} |").unwrap();
        }
    }
    page.push_str(
        "\n\n- A run that was permitted may end after its contract did. Its late events (a use returned, a dispute, \
         its decision) are accepted by *expired*, *revoked* and *superseded* and change nothing there: they concern \
         the run and the points held for it.\n\
         - A dispute outlives the expiry, so that it cannot be sat out; the contract expires once it is resolved.\n\
         - Any party can revoke at any time before the end, also before all have signed.\n\
         - *Signed by all* is also when every auditor has approved the audit report, whichever comes later.\n",
    );
    page
}
