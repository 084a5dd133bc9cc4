//! What GitHub's runner does with a container action: its environment, its files, and how it reads
//! the log (the runner's source: `ContainerActionHandler`, `ActionCommandManager`, `FileCommandManager`).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::world::{Account, SECRETS};

const ACTION: &str = include_str!("../../../action.yml");

/// The commands that the runner knows.
const COMMANDS: [&str; 12] = [
    "add-mask",
    "add-matcher",
    "add-path",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "notice",
    "save-state",
    "set-env",
    "warning",
];

/// What a step came to.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) status: Option<i32>,
    /// Level, title and message of each annotation.
    pub(crate) annotations: Vec<(String, String, String)>,
    pub(crate) groups: Vec<String>,
    pub(crate) masks: Vec<String>,
    /// Commands of other kinds: none of them is ours.
    pub(crate) others: Vec<String>,
    /// The log's lines that are no commands.
    pub(crate) log: Vec<String>,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) summary: String,
    open_groups: usize,
}

/// The names at the second level of a part of `action.yml`.
pub(crate) fn declared(part: &str) -> Vec<&'static str> {
    let lines = ACTION.lines().skip_while(|line| *line != format!("{part}:")).skip(1);
    let lines = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    lines
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':').filter(|name| !name.starts_with(' ')))
        .collect()
}

/// Runs the action with these inputs; those that are not given are empty, as the runner has them.
pub(crate) fn run(account: &Account, inputs: &[(&str, &str)]) -> Step {
    let github = account.path().join("github");
    for folder in ["home", "workflow", "file_commands", "workspace"] {
        std::fs::create_dir_all(github.join(folder)).unwrap();
    }
    let file = |name: &str| {
        let path = github.join("file_commands").join(name);
        std::fs::write(&path, "").unwrap();
        path
    };
    let (output, summary) = (file("set_output_1"), file("step_summary_1"));
    let mut command: Command = account.command(&["deploy"]);
    command.current_dir(github.join("workspace"));
    command.env("HOME", github.join("home")).env("CI", "true").env("GITHUB_ACTIONS", "true");
    command.env("GITHUB_WORKSPACE", github.join("workspace")).env("GITHUB_RUN_ID", "42");
    command.env("GITHUB_SERVER_URL", "https://github.com").env("GITHUB_REPOSITORY", "shop/web");
    command.env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", &summary);
    for (name, path) in
        [("GITHUB_ENV", "set_env_1"), ("GITHUB_PATH", "add_path_1"), ("GITHUB_STATE", "save_state_1")]
    {
        command.env(name, file(path));
    }
    let names = declared("inputs").into_iter().map(|name| (name, ""));
    for (name, value) in names.chain(inputs.iter().copied()) {
        command.env(format!("INPUT_{}", name.to_uppercase()), value);
    }
    let ended = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut step = Step { status: ended.status.code(), ..Step::default() };
    step.read_log(&text(&ended.stderr));
    step.read_log(&text(&ended.stdout));
    step.outputs = outputs(&output);
    step.summary = std::fs::read_to_string(&summary).unwrap();
    assert_eq!(step.open_groups, 0, "{step:#?}");
    let shown = format!("{:?} {:?} {:?} {}", step.log, step.annotations, step.outputs, step.summary);
    assert!(SECRETS.iter().all(|secret| !shown.contains(secret)), "{shown}");
    step
}

impl Step {
    /// Reads one stream as the runner does, which obeys commands in both.
    fn read_log(&mut self, text: &str) {
        let mut stopped: Option<String> = None;
        for line in text.lines() {
            let command = modern(line, stopped.as_deref()).or_else(|| old(line, stopped.as_deref()));
            match (&stopped, command) {
                (Some(token), Some((name, ..))) if name == *token => stopped = None,
                (None, Some((name, _, data))) if name == "stop-commands" => stopped = Some(data),
                (None, Some((name, properties, data))) => self.obey(&name, &properties, data),
                (Some(_), _) | (None, None) => self.log.push(line.to_owned()),
            }
        }
        assert_eq!(stopped, None, "commands were stopped for good: {text}");
    }

    fn obey(&mut self, name: &str, properties: &BTreeMap<String, String>, data: String) {
        match name {
            "error" | "warning" | "notice" => {
                let title = properties.get("title").cloned().unwrap_or_default();
                self.annotations.push((name.to_owned(), title, data));
            }
            "group" => {
                self.open_groups += 1;
                self.groups.push(data);
            }
            "endgroup" => self.open_groups -= 1,
            "add-mask" => self.masks.push(data),
            other => self.others.push(other.to_owned()),
        }
    }
}

type Found = (String, BTreeMap<String, String>, String);

fn is_known(name: &str, stopped: Option<&str>) -> bool {
    COMMANDS.contains(&name) || name == "stop-commands" || Some(name) == stopped
}

/// `::name key=value,key=value::data`, blanks before it or not.
fn modern(line: &str, stopped: Option<&str>) -> Option<Found> {
    let (head, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let property = |text: &str| {
        let (key, value) = text.split_once('=')?;
        let value = value.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",");
        Some((key.trim().to_owned(), value.replace("%25", "%")))
    };
    let properties = properties.split(',').filter_map(property).collect();
    let data = data.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%");
    is_known(name, stopped).then(|| (name.to_owned(), properties, data))
}

/// `##[name]data`, anywhere in the line.
fn old(line: &str, stopped: Option<&str>) -> Option<Found> {
    let (head, data) = line.split_once("##[")?.1.split_once(']')?;
    let name = head.split(' ').next()?;
    is_known(name, stopped).then(|| (name.to_owned(), BTreeMap::new(), data.to_owned()))
}

/// The file of outputs: `name=value`, or `name<<word` and all lines until that word.
fn outputs(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut outputs = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (name, word) = line.split_once("<<").unwrap_or_else(|| panic!("{line:?} is no output: {text}"));
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != word).collect();
        assert_eq!(outputs.insert(name.to_owned(), value.join("\n")), None, "{name} is there twice");
    }
    outputs
}
