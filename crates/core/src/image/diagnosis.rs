//! What is wrong with a text that is no image reference.

use super::invalid::InvalidImage;

/// The longest tag.
pub(super) const MAX_TAG: usize = 128;

/// What a character says that no reference has; none if there is no such character.
///
/// `#` is among the characters that ECS documents, and in no reference that a runtime can pull.
pub(super) fn strange_character(text: &str) -> Option<InvalidImage> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_:./#+@[]".contains(c);
    let (index, character) = text.chars().enumerate().find(|&(_, c)| !allowed(c))?;
    let rest: String = text.chars().skip(index).collect();
    Some(match character {
        '$' | '{' | '<' | '%' => InvalidImage::Variable(variable(&rest)),
        '*' if rest.starts_with("***") => InvalidImage::Masked,
        character => InvalidImage::Character { character, position: index + 1 },
    })
}

/// A variable or a placeholder at the beginning of `rest`, which ends where its bracket does, or its name.
fn variable(rest: &str) -> String {
    let brackets = [("${{", "}}"), ("${", "}"), ("$(", ")"), ("{{", "}}"), ("{", "}"), ("<", ">")];
    let in_brackets = brackets.iter().find_map(|(open, close)| {
        let inner = rest.strip_prefix(open)?;
        let end = inner.find(close)?;
        Some(open.len() + end + close.len())
    });
    let mark = rest.chars().next().map_or(0, char::len_utf8);
    let name = rest[mark..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let end = in_brackets.unwrap_or_else(|| name.map_or(rest.len(), |end| mark + end));
    let closing = usize::from(rest.starts_with('%') && rest[end..].starts_with('%'));
    rest[..end + closing].to_owned()
}

/// Why the grammar refuses `text`, which has no strange character and no bad digest.
pub(super) fn diagnose(text: &str) -> InvalidImage {
    let name = text.split_once('@').map_or(text, |(name, _)| name);
    if let Some((scheme, rest)) = name.split_once("://") {
        return InvalidImage::Scheme { scheme: format!("{scheme}://"), rest: rest.to_owned() };
    }
    let signs = [
        (name.is_empty() || name.starts_with(':'), InvalidImage::NoRepository),
        (name.starts_with('/'), InvalidImage::NoRegistry),
        (name.ends_with(':'), InvalidImage::EmptyTag),
        (name.contains("//"), InvalidImage::EmptyPart),
        (name.ends_with('/') || name.contains("/:"), InvalidImage::NoRepositoryAfterRegistry),
    ];
    if let Some((_, invalid)) = signs.into_iter().find(|(is_there, _)| *is_there) {
        return invalid;
    }
    let (registry, path) = parts(name);
    if let Some(registry) = registry {
        let (host, port) = match registry.rsplit_once(':') {
            Some((host, port)) if !registry.ends_with(']') => (host, Some(port)),
            _ => (registry, None),
        };
        match port {
            Some("") => return InvalidImage::EmptyPort,
            // Behind the colon is a tag with a slash in it.
            Some(tag) if !tag.bytes().all(|byte| byte.is_ascii_digit()) => {
                return InvalidImage::Tag(format!("{tag}/{path}"));
            }
            Some(_) | None => {}
        }
        if host.split('.').any(str::is_empty) {
            return InvalidImage::EmptyLabel;
        }
    }
    let (repository, tag) = path.split_once(':').unwrap_or((path, ""));
    if tag.len() > MAX_TAG {
        return InvalidImage::LongTag { characters: tag.len() };
    }
    let is_tag = |tag: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        tag.chars().all(allowed) && !tag.starts_with(['.', '-'])
    };
    if !is_tag(tag) {
        return InvalidImage::Tag(tag.to_owned());
    }
    if repository.contains(|c: char| c.is_ascii_uppercase()) {
        let before = name.len() - path.len();
        let lower_case =
            format!("{}{}{}", &text[..before], repository.to_lowercase(), &text[before + repository.len()..]);
        return InvalidImage::UpperCase(lower_case);
    }
    let part = repository.split('/').find(|part| !is_part(part)).unwrap_or(registry.unwrap_or(repository));
    InvalidImage::Part(part.to_owned())
}

/// The registry and the rest, by Docker's rule: the first part is a registry if it has a dot or a colon, or is
/// `localhost`.
fn parts(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        Some(_) | None => (None, name),
    }
}

/// Whether it is one part of a repository's path.
fn is_part(part: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = part.split(is_word).filter(|separator| !separator.is_empty());
    let is_separator = |it: &str| matches!(it, "." | "_" | "__") || it.bytes().all(|byte| byte == b'-');
    part.starts_with(is_word) && part.ends_with(is_word) && separators.into_iter().all(is_separator)
}
