//! What comes from PostgreSQL's clients, at a gateway, and from its servers, of which tables are linked.

use crate::cell::{Cell, Form, decimal_text};
use crate::text::{canonical, one};
use crate::wire::{Bind, Execute, Named, Parse, Startup, sasl_initial};

/// The first message of a connection, or the first of a login.
pub(crate) fn startup(bytes: &[u8]) -> bool {
    let first = Startup::read(bytes);
    if let Some(Startup::Session { user, database, .. }) = &first {
        let held = |name: &str| bytes.windows(name.len().max(1)).any(|part| part == name.as_bytes());
        assert!(user.is_empty() || held(user), "a user that is not in the message");
        assert!(database.as_ref().is_none_or(|name| name.is_empty() || held(name)));
    }
    let login = sasl_initial(bytes);
    if let Some((mechanism, message)) = login {
        assert!(bytes.starts_with(mechanism.as_bytes()) && bytes.ends_with(message.as_bytes()));
    }
    first.is_some() || login.is_some()
}

/// A message about a prepared statement, after its letter: what was read is written as the same bytes again.
pub(crate) fn prepared(bytes: &[u8]) -> bool {
    let Some((letter, body)) = bytes.split_first() else { return false };
    let again = match letter {
        b'P' => Parse::read(body).map(|parse| {
            let types = parse.parameters.iter().flat_map(|oid| oid.to_be_bytes());
            let count = (parse.parameters.len() as u16).to_be_bytes();
            [parse.name.as_bytes(), &[0], parse.text.as_bytes(), &[0], &count, &types.collect::<Vec<_>>()]
                .concat()
        }),
        b'B' => Bind::read(body).map(|bind| {
            let codes = |codes: &[i16]| {
                let count = (codes.len() as u16).to_be_bytes();
                count.into_iter().chain(codes.iter().flat_map(|code| code.to_be_bytes())).collect::<Vec<_>>()
            };
            let mut parameters = (bind.parameters.len() as u16).to_be_bytes().to_vec();
            for parameter in &bind.parameters {
                let length = parameter.map_or(-1, |value| value.len() as i32);
                parameters.extend(length.to_be_bytes());
                parameters.extend(parameter.unwrap_or_default());
            }
            let names = [bind.portal.as_bytes(), &[0], bind.statement.as_bytes(), &[0]].concat();
            [names, codes(&bind.parameter_formats), parameters, codes(&bind.result_formats)].concat()
        }),
        b'D' | b'C' => Named::read(body).map(|named| {
            let (kind, name) = match named {
                Named::Statement(name) => (b'S', name),
                Named::Portal(name) => (b'P', name),
            };
            [&[kind], name.as_bytes(), &[0]].concat()
        }),
        b'E' => Execute::read(body)
            .map(|execute| [execute.portal.as_bytes(), &[0], &execute.rows_max.to_be_bytes()].concat()),
        _ => None,
    };
    if let Some(again) = &again {
        assert_eq!(again, body, "read and written differently");
    }
    again.is_some()
}

/// A statement: its canonical form is its own, and holds nothing that the statement does not.
pub(crate) fn statement(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let form = canonical(text);
    assert_eq!(canonical(&form), form);
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    assert!(bare(text).starts_with(&bare(&form)), "words that are not in the statement");
    one(text).is_some()
}

/// The forms of columns; the first byte chooses one.
const FORMS: [Form; 13] = [
    Form::Boolean,
    Form::Integer2,
    Form::Integer4,
    Form::Integer8,
    Form::Numeric(None),
    Form::Numeric(Some(2)),
    Form::Numeric(Some(38)),
    Form::Float4,
    Form::Float8,
    Form::Text,
    Form::Padded,
    Form::Date,
    Form::Timestamp,
];

/// A value in a form.
pub(crate) fn cell(bytes: &[u8]) -> bool {
    let Some((first, value)) = bytes.split_first() else { return false };
    let form = FORMS[usize::from(*first) % FORMS.len()];
    let Ok(cell) = form.read(Some(value)) else { return false };
    assert!(form.kind().is_some() || matches!(cell, Cell::Decimal { .. }));
    if let Cell::Decimal { unscaled, scale } = cell {
        assert_eq!(decimal_text(unscaled, scale).replace('.', "").parse(), Ok(unscaled));
        // As it is with one digit more, where that has room.
        if let (Some(unscaled), Some(scale)) = (unscaled.checked_mul(10), scale.checked_add(1)) {
            assert_eq!(Cell::Decimal { unscaled, scale }.key(), cell.key());
        }
    }
    true
}
