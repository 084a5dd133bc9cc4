//! `CONTAINER:NAME=VALUE`, as a user writes it. No message quotes the value, which may be a secret by mistake.

use super::super::failure::Failure;
use super::super::quote::quoted;
use super::super::request::{has_only, is_account, is_label, is_name};
use super::secret_like::secret_like;
use super::{VariableChanges, VariableKind, VariableName};

/// The longest reference to a secret that is taken; ECS documents no limit of its own.
const LONGEST_REFERENCE: usize = 2048;

impl VariableChanges {
    /// Adds the variable that `CONTAINER:NAME=VALUE`, the value of `--set-env`, `--set-secret` or `--set-label`, sets.
    ///
    /// # Errors
    /// [`Failure::usage`] for another form; [`Failure::invalid_input`] for one that is given twice, a value that looks like
    /// a secret, and a secret that is no reference to one.
    pub fn assign(&mut self, kind: VariableKind, text: &str) -> Result<(), Failure> {
        let option = format!("--set-{}", kind.word());
        let form = format!("{option} CONTAINER:NAME={}", value_form(kind));
        let Some((named, value)) = text.split_once('=') else {
            return Err(Failure::usage(format!("a value of {option} sets nothing"))
                .because("there is no `=` in it")
                .advice(format!("Write it as {form}")));
        };
        let name = parse_name(named, kind, &option, &form)?;
        self.refuse_repeated(&name)?;
        match kind {
            VariableKind::Environment | VariableKind::Label => {
                if let Some(why) = secret_like(value) {
                    return Err(Failure::invalid_input(format!(
                        "the value of the {name} looks like a secret"
                    ))
                    .because(format!(
                        "it {why}, and what the pipeline sets is public: it stands in the record and in plans"
                    ))
                    .advice(
                        "Keep it in AWS Secrets Manager and refer to it by --set-secret; nothing was changed",
                    ));
                }
            }
            VariableKind::Secret => {
                if !is_reference(value) {
                    return Err(Failure::invalid_input(format!("the value of the {name} refers to no secret"))
                        .because("it is neither an ARN of AWS Secrets Manager or AWS Systems Manager nor a parameter's name")
                        .advice(format!("Write it as {form}; nothing was changed")));
                }
            }
        }
        self.set.put(name, Some(value.to_owned()));
        Ok(())
    }

    /// Adds the variable that `CONTAINER:NAME`, the value of `--unset-env` and its like, gives back.
    ///
    /// # Errors
    /// [`Failure::usage`] for another form; [`Failure::invalid_input`] for one that is given twice.
    pub fn unassign(&mut self, kind: VariableKind, text: &str) -> Result<(), Failure> {
        let option = format!("--unset-{}", kind.word());
        let form = format!("{option} CONTAINER:NAME");
        if text.contains('=') {
            return Err(Failure::usage(format!("a value of {option} has an `=` in it"))
                .because("it gives a variable back and takes no value")
                .advice(format!("Write it as {form}")));
        }
        let name = parse_name(text, kind, &option, &form)?;
        self.refuse_repeated(&name)?;
        self.unset.insert(name);
        Ok(())
    }

    fn refuse_repeated(&self, name: &VariableName) -> Result<(), Failure> {
        let is_given = |name: &VariableName| self.set.has(name) || self.unset.contains(name);
        let advice = "Give each name once; nothing was changed";
        if is_given(name) {
            return Err(Failure::invalid_input(format!("the {name} is given twice")).advice(advice));
        }
        match name.rival().filter(|rival| is_given(rival)) {
            Some(rival) => Err(Failure::invalid_input(format!("the {name} is also given as the {rival}"))
                .because("ECS takes a name once, as an environment variable or as a secret")
                .advice(advice)),
            None => Ok(()),
        }
    }
}

fn value_form(kind: VariableKind) -> &'static str {
    match kind {
        VariableKind::Environment | VariableKind::Label => "VALUE",
        VariableKind::Secret => "ARN-or-parameter",
    }
}

fn parse_name(text: &str, kind: VariableKind, option: &str, form: &str) -> Result<VariableName, Failure> {
    let refused =
        |what: String, why: &str| Failure::usage(what).because(why).advice(format!("Write it as {form}"));
    let Some((container, name)) = text.split_once(':') else {
        return Err(refused(
            format!("a value of {option} names no container"),
            "there is no `:` before the name",
        ));
    };
    if !is_name(container) {
        let what = format!("{option} names {}, which is no container", quoted(container));
        return Err(refused(what, "a name has 1 to 255 letters, digits, hyphens and underscores"));
    }
    if name.is_empty() || name.contains(char::is_control) {
        let what = format!("{option} {container}: has no name that can be set");
        return Err(refused(what, "a name is not empty and has no control characters"));
    }
    Ok(VariableName { container: container.to_owned(), kind, name: name.to_owned() })
}

/// Whether ECS reads a secret by it: the ARN of a secret or of a parameter, or the name of a parameter in the task's
/// Region (ECS API reference, `Secret`).
fn is_reference(value: &str) -> bool {
    if value.len() > LONGEST_REFERENCE {
        return false;
    }
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "secretsmanager", region, account, rest] => {
            is_placed(partition, region, account) && rest.strip_prefix("secret:").is_some_and(is_path)
        }
        ["arn", partition, "ssm", region, account, rest] => {
            is_placed(partition, region, account) && rest.strip_prefix("parameter/").is_some_and(is_path)
        }
        [name] => has_only(name, LONGEST_REFERENCE, "-_./"),
        _ => false,
    }
}

fn is_placed(partition: &str, region: &str, account: &str) -> bool {
    is_label(partition) && is_label(region) && is_account(account)
}

/// A secret's name may be followed by a key, a stage and a version.
fn is_path(text: &str) -> bool {
    has_only(text, LONGEST_REFERENCE, "-_./+=@:")
}
