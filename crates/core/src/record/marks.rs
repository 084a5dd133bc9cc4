//! The deployments that a record says are under way or ended recently. Each run has a mark of its own.
//!
//! One mark for all is not enough: of three runs at once, the third may copy a revision of the second while the first has
//! overwritten the mark that tells what the second revision descends from.
//!
//! # Guarantees
//! * A run puts its mark into the record before it updates the service. So the record tells what every live revision of
//!   Evenkeel's descends from.
//! * The mark of a deployment that has ended stays, as over, until the time of that deployment is over, or there is no more
//!   room: a run may copy each revision that it saw live, however late it reads the record.

use super::super::arn::TaskDefinitionArn;
use super::super::brought::BroughtParts;
use super::super::variables::{VariableEdits, Variables};
use super::{Candidate, Record, Status};

/// How many bytes the marks beside the newest one may take. A parameter has 4,096 bytes; a record without marks takes
/// about 1,000, and a mark about 400.
const ROOM: usize = 2_600;

/// How many bytes a record without blanks may have with marks of deployments that are over: a parameter's 4,096, but for
/// `replacesVersion`, which the store adds.
const LONGEST: usize = 4_050;

impl Record {
    /// The marks, newest first; those of deployments that are over come last.
    pub fn marks(&self) -> impl Iterator<Item = &Candidate> {
        self.candidate.iter().chain(&self.others)
    }

    /// The mark of the deployment that brought this revision.
    #[must_use]
    pub fn mark_of(&self, revision: &str) -> Option<Candidate> {
        self.whole_marks().into_iter().find(|mark| mark.is(revision))
    }

    /// The ancestor of the revision `live` that Evenkeel did not make: the record's base if `live` is a
    /// revision that the record names, else `live` itself.
    ///
    /// A copy has the base of the revision that it is a copy of, so the revision that was replaced last is
    /// known as well. A still earlier revision of Evenkeel's, to which somebody rolled back by hand, is not
    /// known: it counts as somebody else's, and Terraform's plan shows it.
    #[must_use]
    pub fn base(former: Option<&Self>, live: &TaskDefinitionArn) -> String {
        former.map_or_else(|| live.as_str().to_owned(), |record| record.base_of(live.as_str()))
    }

    pub(super) fn base_of(&self, live: &str) -> String {
        let mut word = live;
        let mut at = live;
        // Each step leads to an earlier revision, so there are no more steps than marks.
        for _ in 0..=self.marks().count() {
            if self.task_definition_arn == at || self.previous_task_definition_arn == at {
                return self.base_task_definition_arn.clone();
            }
            if let Some(mark) = self.marks().find(|mark| mark.is(at)) {
                (word, at) = (&mark.base_task_definition_arn, &mark.source_task_definition_arn);
                continue;
            }
            // Of two copies of a revision, one run may know less of it than the other.
            let copies = self.marks().filter(|mark| mark.source_task_definition_arn == at);
            let known = copies.map(|mark| &mark.base_task_definition_arn).find(|base| *base != at);
            return known.map_or_else(|| word.to_owned(), Clone::clone);
        }
        word.to_owned()
    }

    /// The containers that the pipeline owns once `revision`, a copy of `source`, is live: also those that
    /// only a deployment between the recorded revision and this one brought an image for.
    pub(super) fn owned_through(&self, source: &str, revision: &str) -> Vec<&str> {
        let made = [revision, source].into_iter().flat_map(|arn| self.line_of(arn));
        self.images.keys().chain(made.flat_map(|mark| mark.images.keys())).map(String::as_str).collect()
    }

    /// The variables that the pipeline owns once `revision`, a copy of `source`, is live, with the values that are known of
    /// them: the changes of each deployment between the recorded revision and this one, in their order.
    #[must_use]
    pub fn variables_through(&self, source: &str, revision: &str) -> Variables {
        let made = [source, revision].into_iter().flat_map(|arn| self.line_of(arn).into_iter().rev());
        made.fold(self.variables.clone(), |owned, mark| mark.edits().owned_after(owned))
    }

    /// The marks from that of `revision` back to the oldest that it descends from.
    pub(super) fn line_of(&self, revision: &str) -> Vec<&Candidate> {
        let mut line: Vec<&Candidate> = Vec::new();
        let mut at = revision;
        while let Some(mark) = self.marks().find(|mark| mark.is(at))
            && line.len() <= self.others.len()
        {
            line.push(mark);
            at = &mark.source_task_definition_arn;
        }
        line
    }

    /// What the deployment of `revision`, and those that it descends from, brought, as far as they have marks; nothing
    /// where none has one.
    #[must_use]
    pub fn brought_by(&self, revision: &TaskDefinitionArn) -> Option<BroughtParts> {
        let line = self.line_of(revision.as_str());
        if line.is_empty() {
            return None;
        }
        let mut brought = BroughtParts::default();
        for mark in line.into_iter().rev() {
            brought.containers.extend(mark.images.keys().cloned());
            let VariableEdits { set, given_back } = &mut brought.variables;
            for name in mark.given_back.names() {
                set.remove(name);
                given_back.put(name.clone(), mark.given_back.value(name).map(str::to_owned));
            }
            for name in mark.variables.names() {
                given_back.remove(name);
                if let Some(rival) = name.rival() {
                    set.remove(&rival);
                    given_back.remove(&rival);
                }
                set.put(name.clone(), mark.variables.value(name).map(str::to_owned));
            }
        }
        Some(brought)
    }

    /// This record while the deployments of `mine`, newest first, are under way as well.
    #[must_use]
    pub fn knowing(self, mine: &[Candidate]) -> Self {
        let mut marks = self.whole_marks();
        for mark in mine.iter().rev() {
            marks.retain(|known| !known.is_same(mark));
            marks.insert(0, mark.clone());
        }
        let known = self.with_marks(marks);
        // Another run may have taken a revision of ours for somebody else's while the record did not name it.
        let line = known.line_of(&known.base_task_definition_arn);
        match line.last().map(|oldest| oldest.base_task_definition_arn.clone()) {
            Some(base) => Self { base_task_definition_arn: base, ..known },
            None => known,
        }
    }

    /// This record where `mark`, whose revision was not known, is about `revision`.
    #[must_use]
    pub fn naming(self, mark: &Candidate, revision: &str) -> Self {
        let mut marks = self.whole_marks();
        for known in marks.iter_mut().filter(|known| known.is_same(mark)) {
            known.task_definition_arn = Some(revision.to_owned());
        }
        self.with_marks(marks)
    }

    /// This record without the marks that `is_gone` names; what descends from them keeps its ancestor.
    #[must_use]
    pub fn without(self, is_gone: impl Fn(&Candidate) -> bool) -> Self {
        let marks = self.whole_marks().into_iter().filter(|mark| !is_gone(mark)).collect();
        self.with_marks(marks)
    }

    /// This record when the deployments that `has_ended` names have ended. Others may descend from them: the marks stay.
    #[must_use]
    pub fn ended(self, has_ended: impl Fn(&Candidate) -> bool) -> Self {
        let mut marks = self.whole_marks();
        for mark in &mut marks {
            mark.is_over |= has_ended(mark);
        }
        self.with_marks(marks)
    }

    /// This record, of a deployment that has ended, beside `others`, those that are under way or ended recently. If this
    /// deployment replaced another revision, `replaced`, than `former` names, that one stays as a mark as well, until
    /// `expires`: a run that replaced it, and has not ended, will copy it.
    #[must_use]
    pub fn beside(
        self,
        others: Vec<Candidate>,
        former: &Self,
        replaced: &TaskDefinitionArn,
        expires: Option<String>,
    ) -> Self {
        let recorded = former.as_mark(expires).filter(|mark| !mark.is(replaced.as_str()));
        let marks = others.into_iter().chain(recorded);
        let marks = marks.filter(|mark| !mark.is(&self.task_definition_arn)).collect();
        self.with_marks(marks)
    }

    /// The recorded revision as the mark of a deployment that is over; nothing if it is its own ancestor.
    fn as_mark(&self, expires: Option<String>) -> Option<Candidate> {
        (self.task_definition_arn != self.base_task_definition_arn).then(|| Candidate {
            task_definition_arn: Some(self.task_definition_arn.clone()),
            source_task_definition_arn: self.previous_task_definition_arn.clone(),
            base_task_definition_arn: self.base_task_definition_arn.clone(),
            images: self.images.clone(),
            variables: self.variables.clone(),
            given_back: self.no_longer_owned(),
            expires_at: expires,
            source: Some(self.deployed_by().clone()),
            is_over: true,
            unknown: serde_json::Map::new(),
        })
    }

    /// What older marks say was set and is no longer owned: a run that follows the marks must not own that again.
    fn no_longer_owned(&self) -> Variables {
        let set = self.marks().flat_map(|mark| mark.variables.names());
        set.filter(|name| !self.variables.has(name)).map(|name| (name.clone(), None)).collect()
    }

    /// Each mark with the time and the source that the record itself has for the newest one.
    #[must_use]
    pub fn whole_marks(&self) -> Vec<Candidate> {
        let newest = self.candidate.iter().map(|newest| Candidate {
            expires_at: self.expires_at.clone(),
            source: Some(self.source.clone()),
            ..newest.clone()
        });
        newest.chain(self.others.iter().cloned()).collect()
    }

    /// This record with these marks, newest first. It is in progress while one of them is not over.
    #[must_use]
    pub fn with_marks(self, marks: Vec<Candidate>) -> Self {
        let known = Self {
            candidate: None,
            others: marks.iter().chain(self.marks()).cloned().collect(),
            ..self.clone()
        };
        let bases: Vec<String> = marks
            .iter()
            .map(|mark| match known.base_of(&mark.source_task_definition_arn) {
                // Nothing is known of the source: the run itself knew more.
                base if base == mark.source_task_definition_arn => mark.base_task_definition_arn.clone(),
                base => base,
            })
            .collect();
        let marks = marks.into_iter().zip(bases);
        let marks = marks.map(|(mark, base)| Candidate { base_task_definition_arn: base, ..mark });
        let (over, mut under_way): (Vec<_>, Vec<_>) = marks.partition(|mark| mark.is_over);
        let former = self.deployed_by().clone();
        if under_way.is_empty() {
            return Self {
                status: Status::Succeeded,
                candidate: None,
                others: over,
                expires_at: None,
                source: former,
                former_source: None,
                ..self
            };
        }
        let newest = under_way.remove(0);
        let others = under_way.into_iter().chain(over).collect();
        Self {
            status: Status::InProgress,
            expires_at: newest.expires_at.clone(),
            source: newest.source.clone().unwrap_or_else(|| former.clone()),
            former_source: Some(former),
            candidate: Some(Candidate { expires_at: None, source: None, ..newest }),
            others,
            ..self
        }
    }

    /// This record with as many marks as there is room for: the oldest, and those of deployments that are over, are left
    /// out first. A mark of a deployment that is over never makes the record longer than a parameter can be.
    #[must_use]
    pub fn within_room(self) -> Self {
        let mut left = ROOM;
        let fits = |mark: &Candidate| {
            let length = serde_json::to_vec(mark).map(|text| text.len());
            let rest = left.checked_sub(length.unwrap_or_default());
            left = rest.unwrap_or_default();
            rest.is_some()
        };
        let others = self.others.clone().into_iter().take_while(fits).collect();
        let mut fitting = Self { others, ..self };
        let is_too_long = |record: &Self| serde_json::to_vec(record).is_ok_and(|text| text.len() > LONGEST);
        while fitting.others.last().is_some_and(|mark| mark.is_over) && is_too_long(&fitting) {
            fitting.others.pop();
        }
        fitting
    }

    /// This record with marks that were there earlier, and that tell what a revision descends from.
    #[must_use]
    pub fn recalling(self, earlier: &[Candidate]) -> Self {
        let mut marks = self.whole_marks();
        let forgotten = earlier.iter().filter(|mark| !marks.iter().any(|known| known.is_same(mark)));
        let forgotten: Vec<_> = forgotten.map(|mark| Candidate { is_over: true, ..mark.clone() }).collect();
        marks.extend(forgotten);
        self.with_marks(marks)
    }
}
