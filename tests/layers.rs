//! The floors of the program: what each crate may be built from, and what each part of `src` may lean on, read from the
//! source text.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Each part of the program above the core, from the bottom up, and the parts that it may name.
const FLOORS: [(&str, &[&str]); 15] = [
    ("clock", &[]),
    ("scheduled", &[]),
    ("live", &["scheduled"]),
    ("one_off", &["clock", "live"]),
    ("deploy", &["clock", "one_off", "scheduled"]),
    ("record_commands", &["clock", "live"]),
    ("drift", &["record_commands", "clock", "live"]),
    ("artifact", &[]),
    ("aws", &["clock", "deploy"]),
    ("record", &["clock", "deploy"]),
    ("output", &["record_commands", "clock", "deploy", "live", "one_off"]),
    ("worker", &["artifact", "clock", "deploy", "live", "output", "record"]),
    (
        "cli",
        &[
            "artifact",
            "aws",
            "record_commands",
            "clock",
            "deploy",
            "drift",
            "live",
            "one_off",
            "output",
            "record",
            "worker",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// What the core never mentions, although the standard library has it: the core's results depend on nothing but its
/// arguments.
const FOREIGN_TO_THE_CORE: [&str; 8] =
    ["aws_", "tokio", "SystemTime::now", "Instant", "std::env", "env!", "std::fs", "std::process"];

/// The crates that a build of `package` is made of, with the features of each.
fn crates_of(package: &str, features: &str) -> String {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p} {f}",
        ])
        .args(features.split_whitespace())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).unwrap()
}

/// Tokio's line.
fn tokio(crates: &str) -> &str {
    crates.lines().find(|line| line.starts_with("tokio v")).unwrap()
}

#[test]
fn what_ships_has_neither_the_embedded_aws_nor_a_clock_that_can_be_paused() {
    let shipped = crates_of("evenkeel", "--no-default-features");
    assert!(!shipped.contains("evenkeel-sandbox") && !tokio(&shipped).contains("test-util"), "{shipped}");
    let played = crates_of("evenkeel", "");
    assert!(played.contains("evenkeel-sandbox") && tokio(&played).contains("test-util"), "{played}");
}

#[test]
fn the_core_is_built_without_aws_and_without_tokio() {
    let core = crates_of("evenkeel-core", "");
    assert!(core.contains("\nserde_json v1."), "{core}");
    assert!(core.lines().all(|line| !line.starts_with("aws-") && !line.starts_with("tokio")), "{core}");
}

#[test]
fn every_part_leans_only_on_the_floors_below_it() {
    let sources = Source::below("src");
    let breaches: Vec<_> = sources.iter().flat_map(Source::breaches).collect();

    println!("{} files read", sources.len());
    assert!(
        sources.iter().any(|source| source.part == "deploy"),
        "the use case has moved away from src/deploy"
    );
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn the_core_mentions_no_clock_no_environment_and_no_files() {
    let sources = Source::below("crates/core/src");
    let breaches: Vec<_> = sources.iter().flat_map(Source::mentions).collect();
    assert!(sources.len() > 50, "the core has moved away from crates/core/src");
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
    for (text, told) in [
        ("use std::time::Instant;", "x.rs:1: the core mentions `Instant`"),
        ("#[cfg(test)]\nmod tests {\n    use tokio::time;\n}", "x.rs:3: the core mentions `tokio`"),
        ("fn tags_of_aws_are_dropped() {}", ""),
    ] {
        let source = Source::new("core", "x.rs".to_owned(), text);
        assert_eq!(source.mentions().join("\n"), told, "{text}");
    }
}

#[test]
fn a_breach_is_told_with_file_and_line() {
    for (part, text, told) in [
        ("deploy", "use crate::clock::Clock;\n// Not an import: crate::cli.", ""),
        ("deploy", "\nuse crate::cli::Arguments;", "src/deploy/x.rs:2: `deploy` leans on `cli`"),
        ("deploy", "use crate::{clock, aws::Ecs};", "src/deploy/x.rs:1: `deploy` leans on `aws`"),
        (
            "aws",
            "use crate::{\n  clock::{cli, Clock},\n  output,\n};",
            "src/aws/x.rs:3: `aws` leans on `output`",
        ),
        ("aws", "let s = crate::worker::SLICE;", "src/aws/x.rs:1: `aws` leans on `worker`"),
        ("clock", "#[cfg(test)]\nmod tests {\n    use crate::aws::Aws;\n}", ""),
        ("main", "use evenkeel::worker::run;", "src/main/x.rs:1: `main` leans on `worker`"),
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

    /// Every file below this folder.
    fn below(folder: &str) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut sources, mut waiting) = (Vec::new(), vec![root.join(folder)]);
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(root.join(folder)).unwrap();
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
        imports.collect()
    }

    fn mentions(&self) -> Vec<String> {
        let mentions =
            FOREIGN_TO_THE_CORE.iter().flat_map(|word| self.text.match_indices(word)).filter(|(at, _)| {
                !self.text[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
            });
        mentions.map(|(at, word)| self.breach(at, &format!("the core mentions `{word}`"))).collect()
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
