//! What GitHub's runner does with a container action: its environment, its files, and how it reads
//! the log (the runner's source: `ContainerActionHandler`, `ActionCommandManager`, `FileCommandManager`).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::docker::Network;
use crate::world::{Account, SECRETS};
use crate::yaml;

/// The user, and the group, that GitHub's hosted runners are.
const RUNNER: u32 = 1001;

/// What the runner gives every container, and no log may show.
const RUNTIME_TOKEN: &str = "s3cret-of-the-runner";

/// The files by which a step tells the runner something.
const FILES: [(&str, &str); 6] = [
    ("GITHUB_ENV", "file_commands/set_env_1"),
    ("GITHUB_EVENT_PATH", "workflow/event.json"),
    ("GITHUB_OUTPUT", "file_commands/set_output_1"),
    ("GITHUB_PATH", "file_commands/add_path_1"),
    ("GITHUB_STATE", "file_commands/save_state_1"),
    ("GITHUB_STEP_SUMMARY", "file_commands/step_summary_1"),
];

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

/// The action, as its repository has it.
pub(crate) fn action() -> Value {
    yaml::read(include_str!("../../../action.yml"))
}

/// The names of a part of `action.yml`, in alphabetical order.
pub(crate) fn declared(part: &str) -> Vec<String> {
    action()[part].as_object().unwrap().keys().cloned().collect()
}

/// Where the runner has the action run.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// The binary alone, which takes less time than a container and sees the same, but for the paths.
    Process,
    /// A container of this image, on the network that the runner makes for a job with services.
    Container {
        /// The image.
        image: &'a str,
        /// The network.
        network: &'a Network,
    },
}

/// Runs the action's binary with these inputs; those that are not given are empty, as the runner has them.
pub(crate) fn run(account: &Account, inputs: &[(&str, &str)]) -> Step {
    run_in(Place::Process, account, inputs)
}

/// Runs the action there with these inputs.
pub(crate) fn run_in(place: Place<'_>, account: &Account, inputs: &[(&str, &str)]) -> Step {
    let folders = Folders::create(account.path());
    let mut environment = of_the_step(account);
    environment.extend(FILES.map(|(name, file)| (name.to_owned(), folders.seen_from(place, file))));
    for (name, folder) in [("HOME", "home"), ("GITHUB_WORKSPACE", "workspace")] {
        environment.insert(name.to_owned(), folders.seen_from(place, folder));
    }
    let names = declared("inputs").into_iter().map(|name| (name, ""));
    for (name, value) in names.chain(inputs.iter().map(|(name, value)| ((*name).to_owned(), *value))) {
        environment.insert(format!("INPUT_{}", name.to_uppercase()), value.to_owned());
    }
    let mut command = match place {
        Place::Process => {
            let mut command = account.command(&[]);
            command.current_dir(folders.0.join("workspace"));
            command
        }
        Place::Container { image, network } => folders.docker_run(image, network, environment.keys()),
    };
    let arguments = action()["runs"]["args"].take();
    let ended = command.args(yaml::texts(&arguments)).envs(&environment).output().unwrap();

    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut step = Step { status: ended.status.code(), ..Step::default() };
    step.read_log(&text(&ended.stderr));
    step.read_log(&text(&ended.stdout));
    step.outputs = outputs(&folders.read("file_commands/set_output_1"));
    step.summary = folders.read("file_commands/step_summary_1");
    assert_eq!(step.open_groups, 0, "{step:#?}");
    for file in ["set_env_1", "add_path_1", "save_state_1"] {
        assert_eq!(folders.read(&format!("file_commands/{file}")), "", "{file}");
    }
    let shown = format!("{:?} {:?} {:?} {}", step.log, step.annotations, step.outputs, step.summary);
    let mut secrets = SECRETS.iter().chain([&RUNTIME_TOKEN]);
    assert!(secrets.all(|secret| !shown.contains(secret)), "{shown}");
    step
}

/// Runs a command of the binary as a script of a step does.
pub(crate) fn run_command(account: &Account, arguments: &[&str]) -> Step {
    let ended = account.command(arguments).envs(of_the_step(account)).output().unwrap();
    let mut step = Step { status: ended.status.code(), ..Step::default() };
    for text in [ended.stderr, ended.stdout] {
        step.read_log(&String::from_utf8(text).unwrap());
    }
    assert_eq!(step.open_groups, 0, "{step:#?}");
    step
}

/// What a step has in its environment wherever it runs: of the job, and of the steps before it.
fn of_the_step(account: &Account) -> BTreeMap<String, String> {
    let job = [
        ("CI", "true"),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_ACTION", "deploy"),
        ("GITHUB_ACTION_REPOSITORY", "evenkeel/evenkeel"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_JOB", "deploy"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_REPOSITORY", "shop/web"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_RUN_ID", "42"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_SHA", "4f2c"),
        ("RUNNER_OS", "Linux"),
        ("ACTIONS_RUNTIME_TOKEN", RUNTIME_TOKEN),
    ];
    let job = job.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let account = account.command(&[]);
    let text = |text: &OsStr| text.to_str().unwrap().to_owned();
    let account = account.get_envs().map(|(name, value)| (text(name), text(value.unwrap())));
    account.chain(job).collect()
}

/// The folders that the runner mounts below `/github`, in the account's folder.
struct Folders(PathBuf);

impl Folders {
    /// They are the runner's own, and nobody else may write to them.
    fn create(account: &Path) -> Self {
        let folders = Self(account.join("github"));
        let names = ["home", "workflow", "file_commands", "workspace"].map(|name| folders.0.join(name));
        for name in &names {
            std::fs::create_dir_all(name).unwrap();
        }
        let files = FILES.map(|(_, file)| folders.0.join(file));
        for file in &files {
            std::fs::write(file, "").unwrap();
        }
        if std::fs::metadata(account).unwrap().uid() == 0 {
            for path in names.iter().chain(&files) {
                chown(path, Some(RUNNER), Some(RUNNER)).unwrap();
            }
        }
        folders
    }

    fn seen_from(&self, place: Place<'_>, path: &str) -> String {
        match place {
            Place::Process => self.0.join(path).to_str().unwrap().to_owned(),
            Place::Container { .. } => format!("/github/{path}"),
        }
    }

    /// A container as the runner starts it, which gets the variables of these names.
    fn docker_run<'a>(
        &self,
        image: &str,
        network: &Network,
        variables: impl Iterator<Item = &'a String>,
    ) -> Command {
        let account = self.0.parent().and_then(Path::file_name).unwrap().to_str().unwrap();
        let mut command = Command::new("docker");
        command.args(["run", "--name", account.trim_start_matches('.'), "--label", "evenkeel-test"]);
        command.args(["--workdir", "/github/workspace", "--rm"]);
        variables.for_each(|name| {
            command.args(["-e", name]);
        });
        command.args(["-e", "GITHUB_ACTIONS=true", "--network", &network.0]);
        command.args(["-v", "/var/run/docker.sock:/var/run/docker.sock"]);
        for folder in ["home", "workflow", "file_commands", "workspace"] {
            command.args(["-v", &format!("{}:/github/{folder}", self.0.join(folder).display())]);
        }
        command.arg(image);
        command
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.0.join(path)).unwrap()
    }
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
fn outputs(text: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let (name, word) = line.split_once("<<").unwrap_or_else(|| panic!("{line:?} is no output: {text}"));
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != word).collect();
        assert_eq!(outputs.insert(name.to_owned(), value.join("\n")), None, "{name} is there twice");
    }
    outputs
}
