//! The token's JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::arn::TaskDefinitionArn;
use super::super::deployment::{Ending, Outcome, Phase, Target, Way, Why};
use super::super::failure::FailureKind;
use super::super::one_off::{Step, StepsProgress, TaskPhase};
use super::super::plan::CarriedChange;
use super::super::rollout::Rollout;
use super::super::service::DeploymentId;
use super::super::timestamp::Timestamp;
use super::super::variables::{VariableKind, VariableName};
use super::{Checkpoint, MAX_TOKEN, ServiceCheckpoint};
use crate::keeps_unknown_members;

/// The version that is written, and the only one that is read: `CONTRIBUTING.md` says what makes another one.
pub(super) const VERSION: u64 = 2;

/// What every deployment id begins with.
const DEPLOYMENT: &str = "ecs-svc/";

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self")]
struct Token {
    /// The version.
    v: u64,
    /// The action execution.
    x: String,
    /// When it began, in milliseconds since the Unix epoch.
    t: u64,
    /// What all revisions' ARNs begin with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    a: String,
    /// The families.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    f: Vec<String>,
    /// The services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    s: Vec<ServiceWire>,
    /// The one-off tasks of revisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    o: Vec<StepsWire>,
    #[serde(skip)]
    unknown: Map<String, Value>,
}

keeps_unknown_members!(Token, ["v", "x", "t", "a", "f", "s", "o"]);

/// How far a revision's one-off tasks are: the revision, the service's place, how many are over, the next one's task, and
/// which kind of step failed.
#[derive(Serialize, Deserialize)]
struct StepsWire(RevisionWire, usize, usize, Option<TaskWire>, Option<Step>);

/// A task that starts: the attempt, since when it is to, and when it was first asked for; or one that was started: its id,
/// since when, and whether ECS has shown it.
#[derive(Serialize, Deserialize)]
enum TaskWire {
    S(u32, u64, Option<u64>),
    F(String, u64, bool),
}

/// A revision: the place of its family and its number, or an ARN with another beginning.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum RevisionWire {
    Short(usize, u64),
    Whole(String),
}

/// A variable that is carried: its container, kind and name, the revision that brought it, and whether it was given back.
#[derive(Serialize, Deserialize)]
struct VariableWire(String, String, String, RevisionWire, bool);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Self")]
struct ServiceWire {
    /// The phase.
    p: PhaseWire,
    /// What it began on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    o: Option<RevisionWire>,
    /// The base.
    b: RevisionWire,
    /// The target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<RevisionWire>,
    /// The deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    d: Option<String>,
    /// The service deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    i: Option<String>,
    /// How often it was planned again.
    #[serde(default, skip_serializing_if = "is_zero")]
    n: u32,
    /// The failure's kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k: Option<FailureKind>,
    /// The overtaken revision, while its deployment is replaced by a rollout or a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<RevisionWire>,
    /// The containers whose images are carried, and the revisions that brought them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    c: BTreeMap<String, RevisionWire>,
    /// The variables that are carried. Their values are in the revisions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    v: Vec<VariableWire>,
    #[serde(skip)]
    unknown: Map<String, Value>,
}

keeps_unknown_members!(ServiceWire, ["p", "o", "b", "t", "d", "i", "n", "k", "r", "c", "v"]);

/// Which version a token is of, whatever else is in it.
#[derive(Deserialize)]
struct Head {
    v: u64,
}

/// The phases by their initials; `U` is undoing, `B` going back.
#[derive(Serialize, Deserialize)]
enum PhaseWire {
    P,
    R(RevisionWire, RevisionWire, RevisionWire, Option<String>, u64),
    O(Roll, Option<RevisionWire>),
    U(Roll, Option<RevisionWire>, Ended, Going),
    B(Roll, Ended),
    D(Outcome, String),
}

/// Who puts it back: nobody yet, ECS, which was asked at this time in milliseconds, or an update.
#[derive(Serialize, Deserialize)]
enum Going {
    O,
    A(u64),
    U,
}

/// An outcome, and what happened.
#[derive(Serialize, Deserialize)]
struct Ended(Outcome, String);

/// A rollout: its revision, its deployment, the replaced one, and since when in milliseconds.
#[derive(Serialize, Deserialize)]
struct Roll(RevisionWire, Option<String>, Option<String>, u64);

/// Writes the token, with at most `words` characters of each reason.
pub(super) fn encode(checkpoint: &Checkpoint, words: usize) -> String {
    let first = checkpoint.services.first().map(|service| service.base.prefix().to_owned());
    let mut writer = Writer { prefix: first.unwrap_or_default(), families: Vec::new(), words };
    let services = checkpoint.services.iter().map(|service| writer.service(service)).collect();
    let steps =
        checkpoint.steps.iter().map(|(revision, progress)| writer.steps(revision, progress)).collect();
    let token = Token {
        v: VERSION,
        x: checkpoint.execution.clone(),
        t: millis(checkpoint.began),
        s: services,
        o: steps,
        a: writer.prefix,
        f: writer.families,
        unknown: checkpoint.unknown.clone(),
    };
    // A document of our own making has no keys that are not strings.
    serde_json::to_string(&token).unwrap_or_default()
}

/// Reads a token.
///
/// # Errors
/// The version that the token is of, if it is another one than [`VERSION`]; none if the token is garbled.
pub(super) fn decode(text: &str) -> Result<Checkpoint, Option<u64>> {
    if text.len() > MAX_TOKEN {
        return Err(None);
    }
    // The version comes first: the rest of a token of another version may have any form.
    let Head { v } = serde_json::from_str(text).map_err(|_| None)?;
    if v != VERSION {
        return Err(Some(v));
    }
    let token: Token = serde_json::from_str(text).map_err(|_| None)?;
    let reader = Reader { prefix: token.a, families: token.f };
    let services = token.s.into_iter().map(|service| reader.service(service)).collect::<Option<_>>();
    let steps = token.o.into_iter().map(|steps| reader.steps(steps)).collect::<Option<_>>();
    Ok(Checkpoint {
        services: services.ok_or(None)?,
        steps: steps.ok_or(None)?,
        execution: token.x,
        began: timestamp(token.t),
        unknown: token.unknown,
    })
}

struct Writer {
    prefix: String,
    families: Vec<String>,
    words: usize,
}

impl Writer {
    fn service(&mut self, checkpoint: &ServiceCheckpoint) -> ServiceWire {
        ServiceWire {
            p: self.stage(&checkpoint.phase),
            o: self.maybe(checkpoint.began_on.as_ref()),
            b: self.revision(&checkpoint.base),
            t: self.maybe(checkpoint.target.as_ref()),
            d: deployment(checkpoint.deployment.as_ref()),
            i: checkpoint.service_deployment.clone(),
            n: checkpoint.plans_again,
            k: checkpoint.failed,
            r: match &checkpoint.phase {
                Phase::RollingOut { overtaken, .. } | Phase::RollingBack { overtaken, .. } => {
                    self.maybe(overtaken.as_ref())
                }
                Phase::Pending | Phase::Registered(_) | Phase::Undoing { .. } | Phase::Done(_) => None,
            },
            c: checkpoint
                .carried
                .iter()
                .map(|(container, revision)| (container.clone(), self.revision(revision)))
                .collect(),
            v: checkpoint
                .carried_variables
                .iter()
                .map(|(name, change)| {
                    let VariableName { container, kind, name } = name.clone();
                    let revision = self.revision(&change.revision);
                    VariableWire(container, kind.word().to_owned(), name, revision, change.is_given_back)
                })
                .collect(),
            unknown: checkpoint.unknown.clone(),
        }
    }

    fn steps(&mut self, revision: &TaskDefinitionArn, progress: &StepsProgress) -> StepsWire {
        let task = progress.task.as_ref().and_then(|task| match task {
            TaskPhase::Starting { attempt, since, sent } => {
                Some(TaskWire::S(*attempt, millis(*since), sent.map(millis)))
            }
            TaskPhase::Started { id, since, was_shown } => {
                Some(TaskWire::F(id.clone(), millis(*since), *was_shown))
            }
            // What it came to is in the service's phase.
            TaskPhase::Ended(_) => None,
        });
        StepsWire(self.revision(revision), progress.service, progress.done, task, progress.failed)
    }

    fn stage(&mut self, phase: &Phase) -> PhaseWire {
        match phase {
            Phase::Pending => PhaseWire::P,
            Phase::Registered(Target { revision, base, live, replaces, seen_until }) => PhaseWire::R(
                self.revision(revision),
                self.revision(base),
                self.revision(live),
                deployment(replaces.as_ref()),
                millis(*seen_until),
            ),
            Phase::RollingOut { rollout, former, overtaken: _ } => {
                PhaseWire::O(self.roll(rollout), self.maybe(former.as_ref()))
            }
            Phase::Undoing { rollout, to, why, way } => {
                let going = match way {
                    Way::Open => Going::O,
                    Way::Asked(at) => Going::A(millis(*at)),
                    Way::Update => Going::U,
                };
                PhaseWire::U(self.roll(rollout), self.maybe(to.as_ref()), self.ended(why), going)
            }
            Phase::RollingBack { rollout, why, overtaken: _ } => {
                PhaseWire::B(self.roll(rollout), self.ended(why))
            }
            Phase::Done(Ending { outcome, reason }) => PhaseWire::D(*outcome, self.cut(reason)),
        }
    }

    fn roll(&mut self, rollout: &Rollout) -> Roll {
        Roll(
            self.revision(&rollout.revision),
            deployment(rollout.deployment.as_ref()),
            deployment(rollout.replaced.as_ref()),
            millis(rollout.since),
        )
    }

    fn revision(&mut self, arn: &TaskDefinitionArn) -> RevisionWire {
        if arn.prefix() != self.prefix {
            return RevisionWire::Whole(arn.as_str().to_owned());
        }
        let place = self.families.iter().position(|family| family == arn.family()).unwrap_or_else(|| {
            self.families.push(arn.family().to_owned());
            self.families.len() - 1
        });
        RevisionWire::Short(place, arn.revision())
    }

    fn maybe(&mut self, arn: Option<&TaskDefinitionArn>) -> Option<RevisionWire> {
        arn.map(|arn| self.revision(arn))
    }

    fn ended(&self, why: &Why) -> Ended {
        Ended(why.outcome, self.cut(&why.reason))
    }

    fn cut(&self, reason: &str) -> String {
        reason.chars().take(self.words).collect()
    }
}

struct Reader {
    prefix: String,
    families: Vec<String>,
}

impl Reader {
    fn service(&self, service: ServiceWire) -> Option<ServiceCheckpoint> {
        let carried = service.c.into_iter();
        let carried = carried.map(|(container, revision)| Some((container, self.revision(revision)?)));
        let variables =
            service.v.into_iter().map(|VariableWire(container, word, name, revision, is_given_back)| {
                let kind = VariableKind::ALL.into_iter().find(|kind| kind.word() == word)?;
                let revision = self.revision(revision)?;
                Some((VariableName { container, kind, name }, CarriedChange { revision, is_given_back }))
            });
        Some(ServiceCheckpoint {
            carried_variables: variables.collect::<Option<_>>()?,
            phase: self.phase(service.p, self.maybe(service.r)?)?,
            began_on: self.maybe(service.o)?,
            base: self.revision(service.b)?,
            target: self.maybe(service.t)?,
            deployment: service.d.map(id),
            service_deployment: service.i,
            plans_again: service.n,
            carried: carried.collect::<Option<_>>()?,
            failed: service.k,
            unknown: service.unknown,
        })
    }

    fn steps(&self, steps: StepsWire) -> Option<(TaskDefinitionArn, StepsProgress)> {
        let StepsWire(revision, service, done, task, failed) = steps;
        let task = task.map(|task| match task {
            TaskWire::S(attempt, since, sent) => {
                TaskPhase::Starting { attempt, since: timestamp(since), sent: sent.map(timestamp) }
            }
            TaskWire::F(id, since, was_shown) => {
                TaskPhase::Started { id, since: timestamp(since), was_shown }
            }
        });
        Some((self.revision(revision)?, StepsProgress { service, done, task, failed }))
    }

    fn phase(&self, stage: PhaseWire, overtaken: Option<TaskDefinitionArn>) -> Option<Phase> {
        Some(match stage {
            PhaseWire::P => Phase::Pending,
            PhaseWire::R(revision, base, live, replaces, seen_until) => Phase::Registered(Target {
                revision: self.revision(revision)?,
                base: self.revision(base)?,
                live: self.revision(live)?,
                replaces: replaces.map(id),
                seen_until: timestamp(seen_until),
            }),
            PhaseWire::O(roll, former) => {
                Phase::RollingOut { rollout: self.rollout(roll)?, former: self.maybe(former)?, overtaken }
            }
            PhaseWire::U(roll, to, ended, going) => Phase::Undoing {
                rollout: self.rollout(roll)?,
                to: self.maybe(to)?,
                why: why(ended),
                way: match going {
                    Going::O => Way::Open,
                    Going::A(at) => Way::Asked(timestamp(at)),
                    Going::U => Way::Update,
                },
            },
            PhaseWire::B(roll, ended) => {
                Phase::RollingBack { rollout: self.rollout(roll)?, why: why(ended), overtaken }
            }
            PhaseWire::D(outcome, reason) => Phase::Done(Ending { outcome, reason }),
        })
    }

    fn rollout(&self, Roll(revision, deployment, replaced, since): Roll) -> Option<Rollout> {
        Some(Rollout {
            revision: self.revision(revision)?,
            deployment: deployment.map(id),
            replaced: replaced.map(id),
            since: timestamp(since),
        })
    }

    /// The revision if there is one; none at all if it is none.
    fn maybe(&self, revision: Option<RevisionWire>) -> Option<Option<TaskDefinitionArn>> {
        revision.map_or(Some(None), |revision| self.revision(revision).map(Some))
    }

    fn revision(&self, revision: RevisionWire) -> Option<TaskDefinitionArn> {
        let text = match revision {
            RevisionWire::Short(place, number) => {
                format!("{}{}:{number}", self.prefix, self.families.get(place)?)
            }
            RevisionWire::Whole(arn) => arn,
        };
        TaskDefinitionArn::parse(&text).ok()
    }
}

fn why(Ended(outcome, reason): Ended) -> Why {
    Why { outcome, reason }
}

/// A deployment id without what all of them begin with; whole if the rest could be taken for a whole one.
fn deployment(id: Option<&DeploymentId>) -> Option<String> {
    let id = id?.as_str();
    Some(id.strip_prefix(DEPLOYMENT).filter(|rest| !rest.contains('/')).unwrap_or(id).to_owned())
}

fn id(text: String) -> DeploymentId {
    DeploymentId::new(if text.contains('/') { text } else { format!("{DEPLOYMENT}{text}") })
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.since_epoch().as_millis()).unwrap_or(u64::MAX)
}

fn timestamp(millis: u64) -> Timestamp {
    Timestamp::from_unix(Duration::from_millis(millis))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
