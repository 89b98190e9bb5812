use super::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Outer {
    name: String,
    tolerance: f64,
    count: u32,
    mode: Mode,
    rungs: Vec<Inner>,
    password: String,
    headers: BTreeMap<String, String>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Inner {
    height: Option<u32>,
    tolerance: f64,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Newest,
    Every,
}

fn parse(text: &str) -> Result<Document, DocumentErrors> {
    Document::parse("f.yml".to_owned(), text.to_owned())
}

fn outer(text: &str) -> Result<Outer, String> {
    let document = parse(text).map_err(|e| e.to_string())?;
    deserialize(&document.root).map_err(|faults| document.errors(faults).to_string())
}

#[test]
fn all_problems_are_told_in_the_order_of_the_file() {
    let text = "name: x\ntolerence: 1\ncount: -3\nrungs:\n  - height: 720\n  - height: tall\n    tolerance: {}\n    hight: 3\nmode: evry\n";
    assert_eq!(
        outer(text).unwrap_err(),
        "f.yml:2:1: unknown key `tolerence`; did you mean `tolerance`? Known: name, tolerance, count, mode, rungs, password, headers\n\
         f.yml:3:8: count: expected a whole number, 0 or more, found -3\n\
         f.yml:6:13: rungs[1].height: expected a whole number, 0 or more, found the text `tall`\n\
         f.yml:7:16: rungs[1].tolerance: expected a number, found a section\n\
         f.yml:8:5: unknown key `hight` in rungs[1]; did you mean `height`? Known: height, tolerance\n\
         f.yml:9:7: mode: `evry` is not possible here; did you mean `every`? Known: newest, every"
    );
}

#[test]
fn what_is_empty_is_at_its_default() {
    assert_eq!(outer("").unwrap(), Outer::default());
    assert_eq!(outer("# nothing\n").unwrap(), Outer::default());
    assert_eq!(outer("rungs:\nheaders:\n").unwrap(), Outer::default());
}

#[test]
fn numbers_must_be_finite_and_text_must_be_text() {
    assert_eq!(outer("tolerance: .nan").unwrap_err(), "f.yml:1:12: tolerance: expected a finite number, found NaN");
    assert_eq!(outer("tolerance: .inf").unwrap_err(), "f.yml:1:12: tolerance: expected a finite number, found inf");
    let quotes = "f.yml:1:7: name: expected text (in quotes if it looks like a number), found 12";
    assert_eq!(outer("name: 12").unwrap_err(), quotes);
    assert_eq!(
        outer("name:").unwrap_err(),
        "f.yml:1:6: name: expected text (in quotes if it looks like a number), found nothing"
    );
}

#[test]
fn secrets_stay_out_of_messages() {
    let text = "password: 123456\nheaders:\n  X-Key: 654321\n";
    let message = outer(text).unwrap_err();
    assert_eq!(
        message,
        "f.yml:1:11: password: expected text; write it in quotes\nf.yml:3:10: headers.X-Key: expected text; write it in quotes"
    );
}

#[test]
fn a_key_given_twice_names_both_lines() {
    let error = parse("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n").unwrap_err().to_string();
    assert_eq!(error, "f.yml:5:3: `c` is given twice, first in line 3\nf.yml:6:1: `a` is given twice, first in line 1");
}

#[test]
fn what_is_not_yaml_is_told_with_its_place() {
    let error = parse("a: [1, 2\nb: 3\n").unwrap_err().to_string();
    assert!(error.starts_with("f.yml:2:"), "{error}");
    assert!(error.contains("not valid YAML"), "{error}");
    let error = parse("a:\n\tb: 1\n").unwrap_err().to_string();
    assert!(error.starts_with("f.yml:2:1: not valid YAML") && error.contains("never with tabs"), "{error}");
    let error = parse("a: !include other.yml\n").unwrap_err().to_string();
    assert!(error.starts_with("f.yml:1:4: ") && error.contains("plain YAML without tags"), "{error}");
}

#[test]
fn aliases_are_read_and_their_copies_bounded() {
    assert_eq!(outer("rungs: [&r {height: 1}, *r]").unwrap().rungs.len(), 2);
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let copies = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb += &format!("a{i}: &a{i} [{copies}]\n");
    }
    assert!(parse(&bomb).is_err());
    // One alias level only, which the parser's own limit on repetition lets through.
    let long = format!("a: &a [{}]\nb: [{}]\n", vec!["x"; 3000].join(","), vec!["*a"; 3000].join(","));
    let error = parse(&long).unwrap_err().to_string();
    assert!(error.contains("too much once aliases are copied out"), "{error}");
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 3000].join(","));
    assert!(parse(&long).unwrap_err().to_string().contains("too much once aliases"));
}

#[test]
fn deep_nesting_is_refused_not_overflowed() {
    let error = parse(&"[".repeat(5_000)).unwrap_err().to_string();
    assert!(error.contains("not valid YAML"), "{error}");
    let deep = "[".repeat(1_000) + &"]".repeat(1_000);
    assert!(parse(&deep).unwrap_err().to_string().contains("recursion limit"), "{deep}");
}

#[test]
fn a_file_over_the_bound_or_not_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.yml");
    std::fs::write(&path, "abcdef").unwrap();
    assert_eq!(read_text(&path, 5).unwrap_err(), "is larger than 5 bytes");
    assert_eq!(read_text(&path, 6).unwrap(), "abcdef");
    assert!(read_text(folder.path(), 5).unwrap_err().contains("not a regular file"));
    std::fs::write(&path, b"a: \xff").unwrap();
    assert!(read_text(&path, 100).unwrap_err().starts_with("is not UTF-8: bad byte at offset 3"));
    std::fs::write(&path, b"a: 1\nb: \xff").unwrap();
    assert!(read_text(&path, 100).unwrap_err().contains("offset 8, in line 2; save the file as UTF-8"));
}

#[test]
fn utf_16_with_a_byte_order_mark_is_read() {
    let units = || "\u{feff}mã\tB".encode_utf16();
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    assert_eq!((text_of(little).unwrap(), text_of(big).unwrap()), ("mã\tB".to_owned(), "mã\tB".to_owned()));
    assert!(text_of(vec![0xFF, 0xFE, 0x00, 0xD8]).unwrap_err().contains("UTF-16"), "half a pair of surrogates");
}

#[test]
fn many_problems_are_counted_not_listed() {
    let text: String = (0..30).map(|i| format!("k{i}: 1\n")).collect();
    let error = outer(&text).unwrap_err();
    assert_eq!(error.lines().count(), 21);
    assert!(error.ends_with("f.yml: 10 more problems are not shown"), "{error}");
}

#[test]
fn a_tree_over_another_keeps_what_it_does_not_say() {
    let base = parse("a: {x: 1, y: [1, 2]}\nb: 2\n").unwrap().root;
    let own = parse("a: {y: [3], z: 4}\nb:\n").unwrap().root;
    let merged = own.merged_over(&base);
    let a = merged.get("a").unwrap();
    assert_eq!(a.entries().iter().map(|(k, _)| k.name.as_str()).collect::<Vec<_>>(), ["x", "y", "z"]);
    assert!(matches!(&a.get("y").unwrap().value, Value::List(nodes) if nodes.len() == 1));
    assert_eq!(merged.get("b").unwrap().value, Value::Null);
}

#[test]
fn names_of_headers_are_the_same_in_upper_and_lower_case() {
    let base = parse("headers: {Authorization: a, X-One: b}\nother: {A: 1}\n").unwrap().root;
    let own = parse("headers: {authorization: c}\nother: {a: 2}\n").unwrap().root;
    let merged = own.merged_over(&base);
    let names = |key: &str| merged.get(key).unwrap().entries().iter().map(|(k, _)| k.name.clone()).collect::<Vec<_>>();
    assert_eq!(names("headers"), ["authorization", "X-One"]);
    assert_eq!(names("other"), ["A", "a"]);
}

#[test]
fn the_nearest_name_is_near() {
    assert_eq!(nearest("tolerence", ["tolerance", "target"]), Some("tolerance"));
    assert_eq!(nearest("CH_TV_HD_01", ["CH_TV_HD_001", "CH_TV_4K_001"]), Some("CH_TV_HD_001"));
    assert_eq!(nearest("xyz", ["tolerance"]), None);
    assert_eq!(nearest(&"a".repeat(200), ["a"]), None);
}

#[test]
fn a_whole_number_of_json_may_have_a_fraction_of_nothing() {
    let value = |number: &str| {
        Document::parse_json("body".to_owned(), number.to_owned()).map(|d| d.root.value).map_err(|e| e.to_string())
    };
    assert_eq!(value("25.0"), Ok(Value::Unsigned(25)));
    assert_eq!(value("-23.0"), Ok(Value::Signed(-23)));
    assert_eq!(value("-0.0"), Ok(Value::Unsigned(0)));
    assert_eq!(value("29.97"), Ok(Value::Float(29.97)));
    assert_eq!(value("1e300"), Ok(Value::Float(1e300)));
    assert_eq!(value("9007199254740992.0"), Ok(Value::Float(9_007_199_254_740_992.0)));
    assert_eq!(parse("1.0").unwrap().root.value, Value::Float(1.0));
    for (text, column) in [("{\"fps\": NaN}", 9), ("{\"fps\": -Infinity}", 10)] {
        let error = value(text).unwrap_err();
        assert!(
            error.starts_with(&format!("body:1:{column}: not valid JSON")) && error.contains("write null"),
            "{error}"
        );
    }
}
