//! The JUnit report: well-formed, of the shape that CodeBuild and others read, and true.

use std::collections::BTreeMap;
use std::fs;

use evenkeel_sandbox::{FaultKind, RolloutOutcome};

use crate::world::Account;

/// An element of XML without anything between its children.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) children: Vec<Element>,
    pub(crate) text: String,
}

/// What may stand in what, with the attributes that each has to have.
const SHAPE: [(&str, &[&str], &[&str]); 6] = [
    ("testsuites", &["testsuite"], &["name", "tests", "failures", "errors", "time"]),
    (
        "testsuite",
        &["testcase", "system-out"],
        &["name", "tests", "failures", "errors", "skipped", "time", "timestamp"],
    ),
    ("testcase", &["failure", "error"], &["classname", "name", "time"]),
    ("failure", &[], &["message", "type"]),
    ("error", &[], &["message", "type"]),
    ("system-out", &[], &[]),
];

impl Element {
    /// Reads a document; panics where it is not well-formed.
    pub(crate) fn read(text: &str) -> Self {
        let mut rest = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap().trim_start();
        let root = Self::next(&mut rest);
        assert_eq!(rest.trim(), "");
        root.check();
        root
    }

    fn next(rest: &mut &str) -> Self {
        let (head, mut after) = rest.strip_prefix('<').unwrap().split_once('>').unwrap();
        let (head, is_empty) = head.strip_suffix('/').map_or((head, false), |head| (head, true));
        let (name, mut attributes) = head.split_once(' ').unwrap_or((head, ""));
        let mut element = Self {
            name: name.to_owned(),
            attributes: BTreeMap::new(),
            children: Vec::new(),
            text: String::new(),
        };
        while !attributes.trim().is_empty() {
            let (key, value) = attributes.trim_start().split_once("=\"").unwrap();
            let (value, more) = value.split_once('"').unwrap();
            assert_eq!(element.attributes.insert(key.to_owned(), unescaped(value)), None, "{key}");
            attributes = more;
        }
        let end = format!("</{name}>");
        while !is_empty && !after.starts_with(&end) {
            let (text, _) = after.split_once('<').unwrap();
            element.text.push_str(&unescaped(text));
            after = &after[text.len()..];
            if !after.starts_with(&end) {
                element.children.push(Self::next(&mut after));
            }
        }
        *rest = if is_empty { after } else { &after[end.len()..] };
        element
    }

    fn check(&self) {
        let (_, children, attributes) = SHAPE.iter().find(|(name, ..)| *name == self.name).unwrap();
        for attribute in *attributes {
            assert!(self.attributes.contains_key(*attribute), "{attribute}: {self:#?}");
        }
        for child in &self.children {
            assert!(children.contains(&child.name.as_str()), "{self:#?}");
            child.check();
        }
    }

    pub(crate) fn cases(&self) -> Vec<&Element> {
        self.children[0].children.iter().filter(|child| child.name == "testcase").collect()
    }

    pub(crate) fn attribute(&self, name: &str) -> &str {
        &self.attributes[name]
    }
}

fn unescaped(text: &str) -> String {
    assert!(!text.contains('<'), "{text}");
    assert!(text.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'), "{text:?}");
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

fn report(account: &Account, more: &[&str]) -> Element {
    account.deploy(&[more, &["--junit", "junit.xml"]].concat());
    Element::read(&fs::read_to_string(account.path().join("junit.xml")).unwrap())
}

fn names(report: &Element) -> Vec<(&str, &str)> {
    report.cases().iter().map(|case| (case.attribute("classname"), case.attribute("name"))).collect()
}

#[test]
fn every_step_is_a_test_case() {
    let account = Account::new();
    let first = report(&account, &[]);
    let steps = [
        ("evenkeel", "plan"),
        ("evenkeel", "register web:2"),
        ("prod.web", "update the service"),
        ("prod.web", "roll out web:2"),
    ];
    assert_eq!(names(&first), steps);
    let counts = ["tests", "failures", "errors"].map(|name| first.attribute(name).to_owned());
    assert_eq!(counts, ["4", "0", "0"]);
    let rollout: f64 = first.cases()[3].attribute("time").parse().unwrap();
    assert!(rollout >= 0.1, "{first:#?}");
    assert!(
        first.children[0].children.last().unwrap().text.starts_with("web was deployed in "),
        "{first:#?}"
    );

    assert_eq!(names(&report(&account, &[])), [("evenkeel", "plan"), ("prod.web", "be unchanged")]);
}

#[test]
fn a_rollout_that_fails_is_a_failure_with_its_reasons() {
    let account = Account::new();
    account.next_rollout(RolloutOutcome::Crash);
    let report = report(&account, &[]);
    assert_eq!(names(&report)[3..], [("prod.web", "roll out web:2"), ("prod.web", "go back to web:1")]);
    let failure = &report.cases()[3].children[0];
    assert_eq!((failure.name.as_str(), failure.attribute("type")), ("failure", "rollout_failed"));
    assert!(failure.attribute("message").contains("app exited with 1"), "{failure:#?}");
    assert!(report.cases()[4].children.is_empty());
    assert_eq!((report.attribute("failures"), report.attribute("errors")), ("1", "0"));
}

#[test]
fn what_keeps_it_from_a_verdict_is_an_error() {
    let account = Account::new();
    account.always("UpdateService", FaultKind::Denied);
    let refused = report(&account, &[]);
    let failed: Vec<_> = refused.cases().into_iter().filter(|case| !case.children.is_empty()).collect();
    assert_eq!(failed.len(), 1, "{refused:#?}");
    assert_eq!((failed[0].attribute("name"), failed[0].children[0].name.as_str()), ("be deployed", "error"));
    assert_eq!(failed[0].children[0].attribute("type"), "denied");

    let unread = report(&account, &["--image", "sidecar=<envoy>:\"2\" & more"]);
    let case = unread.cases()[0];
    assert_eq!((case.attribute("name"), case.children[0].attribute("type")), ("plan", "invalid_input"));
}

#[test]
fn a_report_that_cannot_be_written_is_a_warning() {
    let account = Account::new();
    let ended = account.deploy(&["--junit", "/no/such/folder/junit.xml"]);
    ended.is(0, "deployed", None, &[]);
    assert!(ended.stderr.contains("warning: the JUnit report cannot be written to /no/such"), "{ended:?}");
}
