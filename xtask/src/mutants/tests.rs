use super::nearest_first;
use super::rewrite::{Rewritten, Switched, rewrite};
use super::sites::{self, Site};
use std::path::Path;

fn sites(source: &str) -> Vec<Site> {
    sites::find(source).unwrap().sites
}

/// Each change that is found, as the text of the file with only that change and its switch.
fn changed(source: &str) -> Vec<String> {
    let sites = sites(source);
    let all = sites.iter().flat_map(|site| site.changes.iter().map(move |change| (site, change)));
    all.map(|(site, change)| rewrite(source, "on", vec![Switched { mutant: 7, site, change }]).text).collect()
}

fn all_switched(source: &str) -> Rewritten {
    let sites = sites(source);
    let switched = sites.iter().enumerate().map(|(mutant, site)| Switched { mutant, site, change: &site.changes[0] });
    rewrite(source, "on", switched.collect())
}

#[test]
fn operators_literals_and_conditions_change_by_the_smallest_step() {
    let texts = changed("fn f(a: u8) -> u8 { if a < 2 && b { c(a + 1) } else { a } }");
    for text in [
        "(if on(7) { (a) <= (2) } else { a < 2 })",
        "(if on(7) { (a < 2) || (b) } else { a < 2 && b })",
        "(if on(7) { !(a < 2 && b) } else { a < 2 && b })",
        "(if on(7) { (a) - (1) } else { a + 1 })",
        "a < (if on(7) { 3 } else { 2 })",
        "a < (if on(7) { 1 } else { 2 })",
        "{ if on(7) { return Default::default(); } if a < 2",
    ] {
        assert!(texts.iter().any(|t| t.contains(text)), "{text} isn't in {texts:#?}");
    }
}

#[test]
fn a_statement_is_left_out_and_a_function_returns_at_once() {
    let texts = changed("fn f() -> Option<u8> { x.clear(); g()?; let y = 1; None }");
    for text in ["if !on(7) { x.clear(); }", "if !on(7) { g()?; }", "if on(7) { return None; } x.clear();"] {
        assert!(texts.iter().any(|t| t.contains(text)), "{text} isn't in {texts:#?}");
    }
}

#[test]
fn places_that_no_switch_can_stand_at_are_passed_over() {
    let source = "
        const A: usize = 1 + 2;
        static B: [u8; 4] = [0; 4];
        const fn c() -> bool { 1 < 2 }
        enum D { E = 1 }
        fn f(x: [u8; 3]) { match x[..] { [1 | 2, (..=3)] => {} _ => m!(1 < 2) } }
        #[cfg(test)] mod tests { fn g() -> bool { 1 < 2 } }
        #[test] fn h() { assert(1 < 2); }";
    let found: Vec<_> = sites(source).into_iter().map(|site| (site.function, site.changes)).collect();
    assert_eq!(found, [("f".to_owned(), vec!["return;".to_owned()])]);
}

#[test]
fn modules_of_tests_are_known_by_name_or_file() {
    let source = "#[cfg(test)] mod tests; #[cfg(test)] #[path = \"others.rs\"] mod more; mod code;";
    assert_eq!(sites::find(source).unwrap().test_modules, ["tests", "others.rs"]);
}

#[test]
fn a_let_chain_keeps_its_let_outside_of_parentheses() {
    let texts = changed("fn f() { if let Some(x) = y && x > 3 { g(x) } }");
    assert!(
        texts.iter().any(|t| t.contains("if let Some(x) = y && (if on(7) { (x) >= (3) } else { x > 3 })")),
        "{texts:#?}"
    );
    assert!(!texts.iter().any(|t| t.contains("!(let") || t.contains("(if on(7) { (let")), "{texts:#?}");
}

#[test]
fn guards_of_patterns_have_changes_and_patterns_have_none() {
    let texts = changed("fn f(x: u8) -> u8 { match x { 1..=9 if x != y => x, _ => z } }");
    assert!(texts.iter().any(|t| t.contains("1..=9 if (if on(7) { (x) == (y) } else { x != y }) => x")), "{texts:#?}");
}

#[test]
fn places_inside_of_each_other_are_switched_apart() {
    let rewritten = all_switched("fn f() -> bool { (a < b) == c }");
    let inner = rewritten.text.find("a < b)").unwrap();
    assert!(syn::parse_file(&rewritten.text).is_ok(), "{}", rewritten.text);
    assert_eq!(rewritten.text.matches("on(").count(), 3);
    let last = rewritten.text.rfind("a < b").unwrap();
    assert_eq!(rewritten.mutant_at(&(last..last + 5)), Some(2), "{} at {inner}", rewritten.text);
}

#[test]
fn an_error_outside_of_every_place_is_no_mutants() {
    let rewritten = Rewritten { text: String::new(), places: vec![(4, 10..20), (5, 12..15)] };
    assert_eq!([12..14, 10..13, 18..21, 30..31].map(|at| rewritten.mutant_at(&at)), [Some(5), Some(4), None, None]);
}

#[test]
fn the_tests_of_a_module_run_before_those_of_its_neighbours_and_the_rest() {
    let steps = |file: &str| -> Vec<(String, String)> {
        let steps = nearest_first(Path::new(file)).into_iter();
        steps.map(|step| (step.only.join(" "), step.skip.join(" "))).collect()
    };
    let pair = |only: &str, skip: &str| (only.to_owned(), skip.to_owned());
    let whole = [pair("history::", ""), pair("", "history::")];
    assert_eq!(steps("src/history/mod.rs"), whole);
    let parts =
        [pair("container::ts::pes::", ""), pair("container::", "container::ts::pes::"), pair("", "container::")];
    assert_eq!(steps("crates/media/src/container/ts/pes.rs"), parts);
}
