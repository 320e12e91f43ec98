//! Statements compared as people write them: blanks and line breaks do not count, everything else does.

use std::{iter::Peekable, str::CharIndices};

/// The one statement of a text: up to its semicolon, after which only blanks, semicolons and comments stand. `None` when
/// another statement follows.
pub(crate) fn one(text: &str) -> Option<&str> {
    let mut end = None;
    for (at, character, place) in places(text) {
        match (end, place) {
            (None, Place::Words) if character == ';' => end = Some(at),
            (None, _) | (Some(_), Place::Line | Place::Block { .. }) => {}
            (Some(_), Place::Words) if character == ';' || character.is_whitespace() => {}
            (Some(_), Place::Words | Place::Quote(_)) => return None,
        }
    }
    end.map_or(Some(text), |end| text.get(..end))
}

/// A statement with as few blanks as its words need, and without a semicolon at its end.
///
/// Quoted texts and names are kept as they are, and so is a comment up to the line break that ends it. From a `\`, a `$` or
/// a `/*` on all is kept as it is, since programs differ in where a quote or a comment ends that these open. Two
/// statements that give the same text here have the same words, signs, quotes and comments in the same order. Nothing is
/// executed but the contract's own text.
pub(crate) fn canonical(statement: &str) -> String {
    let is_blank = |character: char| character == ';' || character.is_whitespace();
    // Views and the SELECT that reads them are one text.
    let statement = one(statement).unwrap_or_else(|| statement.trim_end_matches(is_blank)).trim();
    let mut canonical = String::with_capacity(statement.len());
    let mut gap = false;
    let mut as_it_is = false;
    for (_, character, place) in places(statement) {
        as_it_is |= matches!(place, Place::Block { .. }) || matches!(character, '\\' | '$');
        if place == Place::Words && !as_it_is && character.is_whitespace() {
            gap = true;
            continue;
        }
        let last = canonical.chars().next_back();
        if gap && last.is_some_and(|last| kind(last) == kind(character) && kind(last) != Kind::Alone) {
            canonical.push(' ');
        }
        gap = false;
        canonical.push(character);
    }
    canonical
}

/// What a character may grow together with.
#[derive(PartialEq, Eq)]
enum Kind {
    Word,
    Operator,
    /// Never: brackets, commas, the line break that ends a comment.
    Alone,
}

fn kind(character: char) -> Kind {
    match character {
        '(' | ')' | ',' | ';' | '\n' => Kind::Alone,
        '+' | '-' | '*' | '/' | '<' | '>' | '=' | '~' | '!' | '@' | '#' | '%' | '^' | '&' | '|' | '?' => {
            Kind::Operator
        }
        _ => Kind::Word,
    }
}

/// Where a character stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Words,
    /// In a quoted text or name; with its quotes.
    Quote(char),
    /// In a comment up to the end of the line; with its line break.
    Line,
    /// In a comment that may hold others.
    Block {
        depth: u32,
        /// The character before, when it may open or close a comment together with the next one.
        last: char,
    },
}

/// The characters of a text with their offsets and where each stands.
fn places(text: &str) -> impl Iterator<Item = (usize, char, Place)> {
    Walk { characters: text.char_indices().peekable(), next: Place::Words }
}

struct Walk<'a> {
    characters: Peekable<CharIndices<'a>>,
    /// Where the next character stands, unless it opens something.
    next: Place,
}

impl Iterator for Walk<'_> {
    type Item = (usize, char, Place);

    fn next(&mut self) -> Option<Self::Item> {
        let (at, character) = self.characters.next()?;
        let following = self.characters.peek().map(|(_, following)| *following);
        let (here, next) = match self.next {
            Place::Words => {
                let here = match (character, following) {
                    ('\'' | '"' | '`', _) => Place::Quote(character),
                    ('-', Some('-')) => Place::Line,
                    ('/', Some('*')) => Place::Block { depth: 0, last: '/' },
                    _ => Place::Words,
                };
                (here, here)
            }
            here @ Place::Quote(open) => (here, if character == open { Place::Words } else { here }),
            here @ Place::Line => (here, if character == '\n' { Place::Words } else { here }),
            here @ Place::Block { depth, last } => (here, in_block(depth, last, character)),
        };
        self.next = next;
        Some((at, character, here))
    }
}

/// Where the next character stands after this one of a comment.
fn in_block(depth: u32, last: char, character: char) -> Place {
    match (last, character) {
        ('/', '*') => Place::Block { depth: depth.saturating_add(1), last: ' ' },
        ('*', '/') if depth <= 1 => Place::Words,
        ('*', '/') => Place::Block { depth: depth - 1, last: ' ' },
        _ => Place::Block { depth, last: character },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blanks_do_not_count_and_everything_else_does() {
        let one = "SELECT team, COUNT(*) AS n\n  FROM pay WHERE a<=3 AND b = 'x  y'\n GROUP BY team";
        let same = "  SELECT team ,COUNT( * ) AS n FROM pay\tWHERE a <= 3 AND b='x  y' GROUP BY team ;\n";
        assert_eq!(canonical(one), canonical(same));
        for other in [
            "select team, COUNT(*) AS n FROM pay WHERE a<=3 AND b='x  y' GROUP BY team",
            "SELECT team, COUNT(*) AS n FROM pay WHERE a<=3 AND b='x y' GROUP BY team",
            "SELECT team, COUNT(*) ASn FROM pay WHERE a<=3 AND b='x  y' GROUP BY team",
            "SELECT team, COUNT(*) AS n FROM pay WHERE a<=3 AND b='x  y' GROUP BY team -- all",
            "SELECT team, COUNT(*) AS n FROM pay WHERE a< =3 AND b='x  y' GROUP BY team",
        ] {
            assert_ne!(canonical(one), canonical(other), "{other}");
        }
        assert_eq!(canonical("a 'it''s' b"), "a 'it''s' b");
        let views = canonical("CREATE VIEW v AS\n SELECT * FROM pay ;\nSELECT n FROM v; ");
        assert_eq!(views, "CREATE VIEW v AS SELECT*FROM pay;SELECT n FROM v");
        assert_eq!(canonical(&views), views);
        assert_eq!(canonical(""), "");
        assert_eq!(canonical(" ;; "), "");
        assert_eq!(canonical(&canonical(one)), canonical(one));
    }

    #[test]
    fn where_a_comment_ends_counts() {
        let signed = "SELECT n -- all\n  FROM pay\n WHERE a = 1";
        assert_eq!(canonical(signed), "SELECT n-- all\nFROM pay WHERE a=1");
        assert_eq!(canonical(signed), canonical("SELECT n -- all\nFROM pay WHERE a=1;"));
        for other in [
            "SELECT n -- all FROM pay WHERE a = 1",
            "SELECT n -- all\n FROM pay -- WHERE a = 1",
            "SELECT n - - all\n FROM pay WHERE a = 1",
            "SELECT n --  all\n FROM pay WHERE a = 1",
        ] {
            assert_ne!(canonical(signed), canonical(other), "{other}");
        }
        let (commented, asked) =
            ("SELECT 1 -- it's\n WHERE  a = 'x  y'", "SELECT 1 -- it's\n WHERE  a = 'x y'");
        assert_ne!(canonical(commented), canonical(asked));
        for (one, other) in [
            ("SELECT E'a\\'  b'", "SELECT E'a\\' b'"),
            ("SELECT $$a  b$$", "SELECT $$a b$$"),
            ("SELECT 1 /* ' */ WHERE a = 'x  y'", "SELECT 1 /* ' */ WHERE a = 'x y'"),
            ("SELECT `a  b`", "SELECT `a b`"),
        ] {
            assert_ne!(canonical(one), canonical(other), "{other}");
        }
    }

    #[test]
    fn a_second_statement_is_found_and_no_semicolon_taken_for_one() {
        for (text, first) in [
            ("SELECT 1", "SELECT 1"),
            ("SELECT 1 ; ;\n", "SELECT 1 "),
            ("SELECT 1; -- that; is all\n /* a; /* b; */ c; */ ;", "SELECT 1"),
            (
                "SELECT ';' AS \"a;b\", `c;d` -- e;f\n /* g;h */",
                "SELECT ';' AS \"a;b\", `c;d` -- e;f\n /* g;h */",
            ),
            ("SELECT 'it''s; so'", "SELECT 'it''s; so'"),
            ("SELECT 1 /*/ ; */", "SELECT 1 /*/ ; */"),
        ] {
            assert_eq!(one(text), Some(first));
        }
        for several in [
            "BEGIN; SELECT 1",
            "BEGIN -- it's\n; SELECT 1",
            "SELECT ''; SELECT 2",
            "SELECT 1;;'x'",
            "SELECT 1 /* /* */ ; */; SELECT 2",
        ] {
            assert_eq!(one(several), None, "{several}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_one_canonical_form(text in "[a1 \n;'\"`$\\\\/*,(=-]{0,24}") {
            let once = canonical(&text);
            prop_assert_eq!(&canonical(&once), &once);
            let bare = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert!(bare(&text).starts_with(&bare(&once)));
        }
    }
}
