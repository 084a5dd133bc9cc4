//! What runs in a one-off task, as a user writes it.

use crate::failure::Failure;
use crate::quote::quoted;
use crate::request::is_name;

/// A command for a container of the task definition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskCommand {
    /// The container.
    pub container: String,
    /// The command's words. Without any, the container runs its own command.
    pub words: Vec<String>,
}

impl TaskCommand {
    /// Takes `CONTAINER=command…`, split into words as a POSIX shell does, without variables, patterns or pipes.
    ///
    /// # Errors
    /// [`Failure::usage`], which never quotes the command: it may hold a secret.
    pub fn parse(text: &str, option: &str) -> Result<Self, Failure> {
        let advice = format!("Write it as {option} 'CONTAINER=command with its arguments'");
        let refused = |what: String, why: &str| Failure::usage(what).because(why).advice(advice.clone());
        let Some((container, command)) = text.split_once('=') else {
            return Err(refused(format!("{option} names no container"), "there is no `=` in it"));
        };
        if !is_name(container) {
            let what = format!("{option} names {}, which is no container", quoted(container));
            return Err(refused(what, "a name has 1 to 255 letters, digits, hyphens and underscores"));
        }
        let Some(words) = shlex::split(command) else {
            return Err(refused(
                format!("the command of {option} {container}=… cannot be split into words"),
                "a quotation mark is not closed, or it ends with a backslash",
            ));
        };
        if words.is_empty() {
            return Err(refused(format!("{option} {container}= has no command"), "nothing follows the `=`"));
        }
        Ok(Self { container: container.to_owned(), words })
    }
}

/// Takes `NAME=VALUE`, a variable of a one-off task's environment.
///
/// # Errors
/// [`Failure::usage`], which never quotes the value.
pub fn parse_variable(text: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => {
            Err(Failure::usage("--env names no variable").advice("Write it as --env NAME=VALUE"))
        }
    }
}
