//! The floors of the program: what each part of `src` may lean on, read from the source text.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::path::Path;

/// Each part of the program, from the bottom up, and the parts that it may name.
const FLOORS: [(&str, &[&str]); 16] = [
    ("domain", &[]),
    ("clock", &["domain"]),
    ("ports", &["clock", "domain"]),
    ("deploy", &["clock", "domain", "ports"]),
    ("live", &["domain", "ports"]),
    ("bookkeeping", &["clock", "domain", "live", "ports"]),
    ("drift", &["bookkeeping", "clock", "domain", "live", "ports"]),
    ("artifact", &["domain", "ports"]),
    ("aws", &["clock", "deploy", "domain", "ports"]),
    ("record", &["clock", "deploy", "domain", "ports"]),
    ("output", &["bookkeeping", "clock", "deploy", "domain", "live", "ports"]),
    ("worker", &["artifact", "clock", "deploy", "domain", "live", "output", "ports", "record"]),
    // The embedded AWS stands beside: only the command that runs it and the tests know of it.
    ("sandbox", &["clock", "domain"]),
    (
        "cli",
        &[
            "artifact",
            "aws",
            "bookkeeping",
            "clock",
            "deploy",
            "domain",
            "drift",
            "live",
            "output",
            "ports",
            "record",
            "sandbox",
            "worker",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// What the core never mentions: its answers depend on nothing but what it is handed.
const FOREIGN_TO_THE_CORE: [&str; 8] =
    ["aws_", "tokio", "SystemTime::now", "Instant", "std::env", "env!", "std::fs", "std::process"];

#[test]
fn every_part_leans_only_on_the_floors_below_it() {
    let sources = Source::all();
    let breaches: Vec<_> = sources.iter().flat_map(Source::breaches).collect();

    println!("{} files read", sources.len());
    assert!(sources.iter().any(|source| source.part == "domain"), "the core has moved away from src/domain");
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn a_breach_is_told_with_file_and_line() {
    for (part, text, told) in [
        ("ports", "use crate::domain::plan::Plan;\n// Not an import: crate::cli.", ""),
        ("ports", "\nuse crate::cli::Arguments;", "src/ports/x.rs:2: `ports` leans on `cli`"),
        ("deploy", "use crate::{clock, aws::Ecs};", "src/deploy/x.rs:1: `deploy` leans on `aws`"),
        (
            "aws",
            "use crate::{\n  clock::{cli, Clock},\n  output,\n};",
            "src/aws/x.rs:3: `aws` leans on `output`",
        ),
        ("aws", "let s = crate::sandbox::REGION;", "src/aws/x.rs:1: `aws` leans on `sandbox`"),
        ("aws", "#[cfg(test)]\nmod tests {\n    use crate::sandbox::Sandbox;\n}", ""),
        ("main", "use evenkeel::sandbox::Sandbox;", "src/main/x.rs:1: `main` leans on `sandbox`"),
        ("domain", "use crate::clock::Clock;", "src/domain/x.rs:1: `domain` leans on `clock`"),
        ("domain", "use std::time::Instant;", "src/domain/x.rs:1: the core mentions `Instant`"),
        (
            "domain",
            "#[cfg(test)]\nmod tests {\n    use tokio::time;\n}",
            "src/domain/x.rs:3: the core mentions `tokio`",
        ),
        ("domain", "fn tags_of_aws_are_dropped() {}", ""),
        ("util", "", "src/util/x.rs:1: `util` has no floor"),
    ] {
        let source = Source::new(part, format!("src/{part}/x.rs"), text);
        assert_eq!(source.breaches().join("\n"), told, "{text}");
    }
}

/// One file of `src`, without its comments.
struct Source {
    part: String,
    file: String,
    text: String,
}

impl Source {
    fn new(part: &str, file: String, text: &str) -> Self {
        Self { part: part.to_owned(), file, text: without_comments(text) }
    }

    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut sources, mut waiting) = (Vec::new(), vec![root.join("src")]);
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(root.join("src")).unwrap();
                let part = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
                let file = path.strip_prefix(root).unwrap().display().to_string();
                sources.push(Self::new(part, file, &fs::read_to_string(&path).unwrap()));
            }
        }
        sources
    }

    fn breaches(&self) -> Vec<String> {
        let Some((_, below)) = FLOORS.iter().find(|(part, _)| *part == self.part) else {
            return vec![self.breach(0, &format!("`{}` has no floor", self.part))];
        };
        let imports = named_parts(self.outside_of_tests())
            .filter(|(_, part)| *part != self.part && FLOORS.iter().any(|(floor, _)| floor == part))
            .filter(|(_, part)| !below.contains(part))
            .map(|(at, part)| self.breach(at, &format!("`{}` leans on `{part}`", self.part)));
        let words: &[&str] = if self.part == "domain" { &FOREIGN_TO_THE_CORE } else { &[] };
        let mentions = words
            .iter()
            .flat_map(|word| self.text.match_indices(word))
            .filter(|(at, _)| {
                !self.text[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
            })
            .map(|(at, word)| self.breach(at, &format!("the core mentions `{word}`")));
        imports.chain(mentions).collect()
    }

    /// Unit tests may play with the embedded AWS and stand last in their file, or in one of their own.
    fn outside_of_tests(&self) -> &str {
        let own_file = self.file.ends_with("/tests.rs") || self.file.contains("/tests/");
        let end = if own_file { Some(0) } else { self.text.find("#[cfg(test)]\nmod tests {") };
        &self.text[..end.unwrap_or(self.text.len())]
    }

    fn breach(&self, at: usize, what: &str) -> String {
        format!("{}:{}: {what}", self.file, self.text[..at].matches('\n').count() + 1)
    }
}

/// The text with every line's comment cut off, so that its lines keep their numbers.
fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect()
}

/// Every part that a path names right after `crate::` or `evenkeel::`, and where.
fn named_parts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let roots = ["crate::", "evenkeel::"];
    let after = move |root: &'static str| text.match_indices(root).map(move |(at, _)| at + root.len());
    roots.into_iter().flat_map(after).flat_map(move |at| {
        let heads = if text[at..].starts_with('{') { heads_of_group(text, at) } else { vec![at] };
        heads.into_iter().map(move |at| (at, identifier(&text[at..])))
    })
}

/// Where each item of the group starts that opens at `open`: `a` and `c` of `{a::{b}, c}`.
fn heads_of_group(text: &str, open: usize) -> Vec<usize> {
    let (mut depth, mut expected, mut heads) = (0, false, Vec::new());
    for (at, character) in text[open..].char_indices() {
        match character {
            '{' => (depth, expected) = (depth + 1, depth == 0),
            '}' => depth -= 1,
            ',' => expected = depth == 1,
            _ if expected && !character.is_whitespace() => {
                heads.push(open + at);
                expected = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn identifier(text: &str) -> &str {
    text.split(|character: char| !character.is_alphanumeric() && character != '_').next().unwrap_or_default()
}
