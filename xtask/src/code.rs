//! What no source file may contain: unsafe code outside `crates/ring`, stubs, panics on outside input, and lint
//! exceptions without a reason.

use crate::finding::Finding;
use crate::rust::RustFile;

/// The one crate that may hold `unsafe`.
const UNSAFE_CRATE: &str = "ring";

pub(crate) fn check(files: &[RustFile<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        exceptions_without_reason(file, &mut findings);
        stubs(file, &mut findings);
        unsafe_outside_its_crate(file, &mut findings);
        panics(file, &mut findings);
    }
    findings
}

fn exceptions_without_reason(file: &RustFile<'_>, findings: &mut Vec<Finding>) {
    for (offset, attribute) in file.attributes() {
        let excepts = ["allow(", "expect("].iter().any(|word| {
            attribute.match_indices(word).any(|(at, _)| {
                let before = attribute[..at].chars().next_back();
                before.is_some_and(|before| matches!(before, '[' | ' ' | ','))
            })
        });
        if excepts && !attribute.contains("reason =") {
            let message = "lint exception without a reason; add `reason = \"…\"`";
            findings.push(Finding::at(file.path(), file.line(offset), message));
        }
    }
}

fn stubs(file: &RustFile<'_>, findings: &mut Vec<Finding>) {
    for stub in ["todo", "unimplemented"] {
        for offset in file.words(stub) {
            if file.code()[offset + stub.len()..].starts_with('!') {
                let message = format!("`{stub}!` is a stub; build it, or refuse it by name with an error");
                findings.push(Finding::at(file.path(), file.line(offset), message));
            }
        }
    }
}

fn unsafe_outside_its_crate(file: &RustFile<'_>, findings: &mut Vec<Finding>) {
    if file.crate_name() == Some(UNSAFE_CRATE) {
        return;
    }
    for offset in file.words("unsafe") {
        let message = format!("`unsafe` is expected only in crates/{UNSAFE_CRATE}");
        findings.push(Finding::at(file.path(), file.line(offset), message));
    }
}

fn panics(file: &RustFile<'_>, findings: &mut Vec<Finding>) {
    for (call, lint) in [("unwrap", "clippy::unwrap_used"), ("expect", "clippy::expect_used")] {
        for offset in file.words(call) {
            if !panics_at(file, offset, call) || file.is_test_at(offset) || file.is_expected_at(offset, lint)
            {
                continue;
            }
            let message = format!(
                "`.{call}(…)` outside tests; return an error, or state why it cannot fail in `#[expect({lint}, reason = \"…\")]`"
            );
            findings.push(Finding::at(file.path(), file.line(offset), message));
        }
    }
}

/// Whether the method call at `offset` is the one that panics. A call with several arguments, or whose result is
/// handed on with `?`, is a method of our own that has the same name.
fn panics_at(file: &RustFile<'_>, offset: usize, call: &str) -> bool {
    let code = file.code();
    let open = offset + call.len();
    if !code[..offset].ends_with('.') || !code[open..].starts_with('(') {
        return false;
    }
    let Some(close) = file.closing(open) else { return true };
    !code[close + 1..].starts_with('?') && !has_several_arguments(&code[open + 1..close])
}

/// Whether a comma separates arguments, neither inside brackets nor behind the last one.
fn has_several_arguments(arguments: &str) -> bool {
    let mut depth = 0_usize;
    arguments.trim_end().trim_end_matches(',').chars().any(|c| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&[RustFile::new(path, text)]).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_lint_exception_needs_a_reason() {
        assert_eq!(
            found("a.rs", "#[allow(dead_code, reason = \"r\")]\nfn allow(x: u8) { allow(x) }"),
            [""; 0]
        );
        assert_eq!(found("a.rs", "\n#![allow(dead_code)]").len(), 1);
        assert_eq!(found("a.rs", "#![cfg_attr(test, allow(clippy::panic))]").len(), 1);
        assert!(found("a.rs", "\n#[expect(dead_code)]\nfn a() {}")[0].starts_with("a.rs:2: lint exception"));
    }

    #[test]
    fn stubs_are_found_and_prose_about_them_is_not() {
        assert_eq!(found("a.rs", "fn a() { todo!() }\nfn b() { unimplemented!(\"x\") }").len(), 2);
        assert_eq!(found("a.rs", "// todo!()\nfn todo() -> &'static str { \"todo!()\" }"), [""; 0]);
    }

    #[test]
    fn unsafe_is_for_one_crate() {
        let text = "#![forbid(unsafe_code)]\nfn a() { unsafe { b() } }";
        assert_eq!(found("crates/ring/src/lib.rs", text), [""; 0]);
        assert_eq!(
            found("crates/engine/src/lib.rs", text),
            ["crates/engine/src/lib.rs:2: `unsafe` is expected only in crates/ring"]
        );
    }

    #[test]
    fn panics_are_for_tests() {
        assert_eq!(found("src/a.rs", "fn a() { b().unwrap(); c().expect(\"d\"); }").len(), 2);
        assert_eq!(found("src/a.rs", "#[cfg(test)]\nmod tests { fn a() { b().unwrap() } }"), [""; 0]);
        assert_eq!(found("crates/a/tests/b.rs", "fn a() { b().unwrap() }"), [""; 0]);
    }

    #[test]
    fn a_stated_expectation_and_a_method_of_the_same_name_pass() {
        let stated = "fn a() {\n #[expect(clippy::unwrap_used, reason = \"r\")]\n let b = c.unwrap();\n}";
        assert_eq!(found("src/a.rs", stated), [""; 0]);
        assert_eq!(found("src/a.rs", "fn a() { self.expect(\"(\")?; x.unwrap_or(1); expect(2); }"), [""; 0]);
        assert_eq!(found("src/a.rs", "fn a() { verdict.expect(of(b, c), rule) }"), [""; 0]);
        assert_eq!(found("src/a.rs", "fn a() { b().expect(&format!(\"c {}\", d),) }").len(), 1);
    }
}
