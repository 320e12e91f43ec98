//! Statements compared as people write them: blanks and line breaks do not count, everything else does.

/// A statement with as few blanks as its words need, and without a semicolon at its end.
///
/// Quoted texts and names are kept as they are. Two statements that give the same text here have the same words, signs
/// and quotes in the same order. Nothing is executed but the contract's own text.
pub(crate) fn canonical(statement: &str) -> String {
    let statement = statement.trim().trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let mut canonical = String::with_capacity(statement.len());
    let mut quote: Option<char> = None;
    let mut gap = false;
    for character in statement.chars() {
        if let Some(open) = quote {
            canonical.push(character);
            quote = (character != open).then_some(open);
            continue;
        }
        if character.is_whitespace() {
            gap = true;
            continue;
        }
        let last = canonical.chars().next_back();
        if gap && last.is_some_and(|last| kind(last) == kind(character) && kind(last) != Kind::Alone) {
            canonical.push(' ');
        }
        gap = false;
        if matches!(character, '\'' | '"') {
            quote = Some(character);
        }
        canonical.push(character);
    }
    canonical
}

/// What a character may grow together with.
#[derive(PartialEq, Eq)]
enum Kind {
    Word,
    Operator,
    /// Never: brackets, commas.
    Alone,
}

fn kind(character: char) -> Kind {
    match character {
        '(' | ')' | ',' | ';' => Kind::Alone,
        '+' | '-' | '*' | '/' | '<' | '>' | '=' | '~' | '!' | '@' | '#' | '%' | '^' | '&' | '|' | '?' => {
            Kind::Operator
        }
        _ => Kind::Word,
    }
}

#[cfg(test)]
mod tests {
    use super::canonical;

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
        assert_eq!(canonical(""), "");
        assert_eq!(canonical(" ;; "), "");
        assert_eq!(canonical(&canonical(one)), canonical(one));
    }
}
