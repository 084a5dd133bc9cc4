//! Why a text is no image reference, the likely cause, and what to write instead.

use std::fmt;

use super::super::registry::InvalidEcrImage;
use super::super::runner::Runner;

/// The longest image reference that ECS takes; of a reference with a digest, what stands before the `@`.
pub(super) const MAX_CHARACTERS: usize = 255;

/// Why a text is no image reference. `Display` is the end of a sentence that begins with the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidImage {
    /// There is nothing.
    NoName,
    /// It begins with the tag's colon or the digest's `@`.
    NoRepository,
    /// It begins with a slash.
    NoRegistry,
    /// Nothing stands between a slash and the tag or the digest, or at the end.
    NoRepositoryAfterRegistry,
    /// Two slashes in a row.
    EmptyPart,
    /// Two dots in a row in the registry's name, or one at either end of it.
    EmptyLabel,
    /// A colon with nothing after it, at the end.
    EmptyTag,
    /// A colon with nothing between it and a slash.
    EmptyPort,
    /// This number behind the registry is no port.
    Port(String),
    /// It begins as an address of the web does.
    Scheme {
        /// `https://`.
        scheme: String,
        /// What stands behind it.
        rest: String,
    },
    /// The repository has capital letters; this is the reference as it should be.
    UpperCase(String),
    /// A digest or an image's id without a repository.
    BareDigest,
    /// What follows the `@` is not `sha256:` and 64 hexadecimal digits.
    Digest,
    /// This tag has a character that no tag has, or begins with a dot or a hyphen.
    Tag(String),
    /// The tag is too long.
    LongTag {
        /// How many characters it has.
        characters: usize,
    },
    /// This part of the repository breaks the grammar.
    Part(String),
    /// This variable stands there, which nothing replaced.
    Variable(String),
    /// A secret that a CI system masked.
    Masked,
    /// A character that is in no reference; `position` counts from 1.
    Character {
        /// The character.
        character: char,
        /// Which character of the text it is, counted from 1.
        position: usize,
    },
    /// More than 255 characters before the digest.
    TooLong {
        /// How many there are.
        characters: usize,
    },
    /// It is in Amazon ECR, which has no such image.
    Ecr(InvalidEcrImage),
}

impl fmt::Display for InvalidImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("names no image"),
            Self::NoRepository => f.write_str("has no repository before its tag or digest"),
            Self::NoRegistry => f.write_str("begins with a slash"),
            Self::NoRepositoryAfterRegistry => f.write_str("has no repository after its last slash"),
            Self::EmptyPart => f.write_str("has nothing between two of its slashes"),
            Self::EmptyLabel => f.write_str("has an empty part in the name of its registry"),
            Self::EmptyTag => f.write_str("ends in a colon without a tag"),
            Self::EmptyPort => f.write_str("has a colon without a port before a slash"),
            Self::Port(port) => write!(f, "has the port {port}; ports end at 65535"),
            Self::Scheme { scheme, .. } => write!(f, "begins with {scheme}, which is no part of a reference"),
            Self::UpperCase(_) => f.write_str("has capital letters in its repository"),
            Self::BareDigest => f.write_str("is a digest or an image's id without a repository"),
            Self::Digest => f.write_str(
                "has no valid digest after the @: expected sha256: and 64 hexadecimal digits, letters in lower case",
            ),
            Self::Tag(tag) => write!(
                f,
                "has the tag {tag:?}; a tag has letters, digits, _, . and - only and does not begin with . or -"
            ),
            Self::LongTag { characters } => write!(f, "has a tag of {characters} characters; 128 are allowed"),
            Self::Part(part) => write!(
                f,
                "has the part {part:?} in its repository; a part has small letters and digits, and between them one \
                 dot, one or two underscores, or hyphens"
            ),
            Self::Variable(variable) => write!(f, "has the variable {variable:?}, which nothing replaced"),
            Self::Masked => f.write_str("has ***, which a CI system prints in the place of a secret"),
            Self::Character { character, position } => {
                write!(f, "has {} as its character {position}", name_of(*character))
            }
            Self::TooLong { characters } => {
                write!(f, "has {characters} characters; ECS allows {MAX_CHARACTERS}, a digest not counted")
            }
            Self::Ecr(invalid) => write!(f, "{invalid}"),
        }
    }
}

impl std::error::Error for InvalidImage {}

impl InvalidImage {
    /// The likely cause and what to write: sentences, the last without a full stop.
    #[must_use]
    pub fn remedy(&self, runner: Runner) -> String {
        let form = "Give a full reference: registry/repository:tag or registry/repository@sha256:DIGEST";
        let was_set = |what: &str| format!("Was the variable for the {what} set? {form}");
        let remedy = match self {
            Self::NoName => was_set("image"),
            Self::NoRepository | Self::NoRepositoryAfterRegistry => was_set("repository"),
            Self::NoRegistry => was_set("registry"),
            Self::EmptyPart => was_set("part of the repository between the slashes"),
            Self::EmptyLabel => was_set("missing part"),
            Self::EmptyTag => was_set("tag"),
            Self::EmptyPort => was_set("port"),
            Self::Scheme { rest, .. } => format!("Write {rest}"),
            Self::UpperCase(lower_case) => format!(
                "Write {lower_case}. GitHub's `github.repository` keeps capital letters; in bash, ${{NAME,,}} makes them \
                 small"
            ),
            Self::BareDigest => "Write registry/repository@sha256:DIGEST with the digest that the push printed; an id, as \
                                 `docker images` shows it, is another number and cannot be pulled"
                .to_owned(),
            Self::Digest => "Take the digest that the push printed, or `docker inspect --format '{{index .RepoDigests 0}}'`"
                .to_owned(),
            Self::Tag(tag) => {
                format!("Push the image under another tag, such as {}, and write that one", as_tag(tag))
            }
            Self::LongTag { .. } => "Push the image under a shorter tag, and write that one".to_owned(),
            Self::Variable(_) => "Let the shell replace it (single quotes keep it from that), or write it as the \
                                      tool that makes the file wants its variables written"
                .to_owned(),
            Self::Masked => "Give the image from a place where the secret is not masked".to_owned(),
            Self::Character { character: '\r', .. } => {
                "A file or a tool of Windows made the value: remove the carriage return, in a shell by `tr -d '\\r'`"
                    .to_owned()
            }
            Self::Character { character, .. } if character.is_whitespace() => {
                "Remove the white space; around a value, $(…) removes a line break and `tr -d '[:space:]'` all of it"
                    .to_owned()
            }
            Self::Port(_) | Self::Part(_) | Self::Character { .. } | Self::TooLong { .. } => {
                form.to_owned()
            }
            Self::Ecr(invalid) => invalid.remedy(),
        };
        match runner {
            Runner::GitHub if self.is_emptied() => format!(
                "GitHub empties a job's output that holds a secret, as the number of the account often is one: do not \
                 keep that number as a secret, or pass the tag alone and put the image together in this job. {remedy}"
            ),
            Runner::GitHub | Runner::Other => remedy,
        }
    }

    /// Whether it looks as if a value had been empty that holds the account's number.
    fn is_emptied(&self) -> bool {
        matches!(
            self,
            Self::NoName
                | Self::NoRepository
                | Self::NoRegistry
                | Self::Masked
                | Self::Ecr(InvalidEcrImage::Account(_))
        )
    }
}

/// The tag in characters that a tag may have.
fn as_tag(tag: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || "_.".contains(c) { c } else { '-' };
    let tag: String = tag.chars().map(letter).collect();
    tag.trim_start_matches(['.', '-']).to_owned()
}

fn name_of(character: char) -> String {
    match character {
        ' ' => "a space".to_owned(),
        '\n' => "a line break".to_owned(),
        '\r' => "a carriage return".to_owned(),
        '\t' => "a tab".to_owned(),
        '\\' => "a backslash".to_owned(),
        '"' | '\'' => "a quotation mark".to_owned(),
        other => format!("{other:?}"),
    }
}
