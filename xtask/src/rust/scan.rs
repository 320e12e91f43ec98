//! Finding comments, literals, brackets, names and attributes in Rust text, in one pass each.

use super::Attribute;

/// The text with each byte of a comment or literal replaced by a space; line breaks stay.
pub(super) fn blank_comments_and_literals(text: &str) -> String {
    let mut blanked = text.as_bytes().to_vec();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if let Some(end) = comment_or_literal_end(bytes, at) {
            let end = end.min(bytes.len());
            for byte in blanked[at..end].iter_mut().filter(|byte| **byte != b'\n') {
                *byte = b' ';
            }
            at = end;
        } else {
            at = name_end(bytes, at).max(at + 1);
        }
    }
    String::from_utf8_lossy(&blanked).into_owned()
}

/// Every attribute in blanked code.
pub(super) fn attributes(code: &str) -> Vec<Attribute> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (start, _) in code.match_indices('#') {
        let inner = bytes.get(start + 1) == Some(&b'!');
        let open = start + 1 + usize::from(inner);
        if bytes.get(open) != Some(&b'[') {
            continue;
        }
        let Some(close) = closing(bytes, open) else { continue };
        let covers = if inner { 0..code.len() } else { start..item_end(bytes, close + 1) };
        found.push(Attribute { range: start..close + 1, covers });
    }
    found
}

/// Offsets at which `word` stands alone in `code`.
pub(super) fn words<'a>(code: &'a str, word: &'static str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(word).map(|(start, _)| start).filter(move |start| {
        let before = start.checked_sub(1).and_then(|index| bytes.get(index));
        let after = bytes.get(start + word.len());
        !before.is_some_and(|byte| is_name(*byte)) && !after.is_some_and(|byte| is_name(*byte))
    })
}

/// Offset of the bracket that closes the one at `open`, in blanked code.
pub(super) fn closing(code: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in code.iter().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Where the item or statement that begins at `at` ends: behind its `;`, behind its last `}`, or before the bracket
/// that closes what it stands in.
fn item_end(code: &[u8], mut at: usize) -> usize {
    while let Some(byte) = code.get(at) {
        match byte {
            b'(' | b'[' | b'{' => {
                let Some(close) = closing(code, at) else { return code.len() };
                at = close + 1;
                let next = code[at..].iter().find(|byte| !byte.is_ascii_whitespace());
                if *byte == b'{' && !matches!(next, Some(b'.' | b'?' | b';')) {
                    return at;
                }
            }
            b')' | b']' | b'}' => return at,
            b';' => return at + 1,
            _ => at += 1,
        }
    }
    code.len()
}

/// Where the comment or literal that begins exactly at `at` ends, if one does.
fn comment_or_literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => Some(at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(at + block_comment_length(rest)),
        [b'"', ..] => Some(at + quoted_length(rest, b'"')),
        [b'\'', ..] => character_length(rest).map(|length| at + length),
        [b'b' | b'c', b'"', ..] => Some(at + 1 + quoted_length(&rest[1..], b'"')),
        [b'b', b'\'', ..] => Some(at + 1 + quoted_length(&rest[1..], b'\'')),
        [b'r', ..] => raw_length(&rest[1..]).map(|length| at + 1 + length),
        [b'b' | b'c', b'r', ..] => raw_length(&rest[2..]).map(|length| at + 2 + length),
        _ => None,
    }
}

/// Length of a block comment; they nest.
fn block_comment_length(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Length of a literal between two `quote`s, of which the first is at the start.
fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of the character literal at the start; `None` for a lifetime.
fn character_length(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        return Some(quoted_length(rest, b'\''));
    }
    let width = rest[1..].iter().skip(1).take_while(|byte| (0x80..0xC0).contains(*byte)).count() + 1;
    (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
}

/// Length of `#…#"…"#…#`, the part of a raw string behind its `r`; `None` where it is something else.
fn raw_length(rest: &[u8]) -> Option<usize> {
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    if rest.get(hashes) != Some(&b'"') {
        return None;
    }
    let end = [&b"\""[..], &rest[..hashes]].concat();
    let body = &rest[hashes + 1..];
    let length = body.windows(end.len()).position(|window| window == end);
    Some(length.map_or(rest.len(), |length| hashes + 1 + length + end.len()))
}

/// Where the name or number that begins at `at` ends; `at` itself where none does.
fn name_end(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| is_name(**byte)).count()
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> String {
        let blanked = blank_comments_and_literals(text);
        assert_eq!(blanked.len(), text.len());
        blanked.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_blanked() {
        assert_eq!(kept("a // b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(kept("a /* never closed"), "a");
    }

    #[test]
    fn literals_are_blanked() {
        assert_eq!(kept(r#"a("b\"c", 'd', '\'', b'\\', b"e", '…') f"#), "a( , , , , , ) f");
        assert_eq!(kept("a r\"b\\\" c r#\"d\"e\"# f br##\"g\"# h\"## i"), "a c f i");
        assert_eq!(kept("a \"never closed"), "a");
    }

    #[test]
    fn lifetimes_and_raw_names_stay() {
        assert_eq!(kept("fn a<'a, 'b>(x: &'a str) -> r#type"), "fn a<'a, 'b>(x: &'a str) -> r#type");
        assert_eq!(kept("'outer: loop { break 'outer }"), "'outer: loop { break 'outer }");
        assert_eq!(kept("bar(\"x\")"), "bar( )");
    }

    #[test]
    fn words_stand_alone() {
        assert_eq!(words("f64 as_f64 f64x f64", "f64").collect::<Vec<_>>(), [0, 16]);
    }
}
