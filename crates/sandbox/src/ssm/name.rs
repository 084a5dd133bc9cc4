//! What a parameter may be called.

use super::invalid;
use crate::wire::{ApiError, refuse_if};

/// The name that a request gives for a parameter.
pub(super) fn checked(name: &str) -> Result<&str, ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    let reserved = |prefix: &str| {
        let start = name.trim_start_matches('/').get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    refuse_if(!name.chars().all(allowed) || name.ends_with('/') || name.contains("//"), || {
        invalid(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist \
             of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the \
             following 3 symbols .-_",
        )
    })?;
    refuse_if(reserved("aws") || reserved("ssm"), || {
        ApiError::new("AccessDeniedException", format!("No access to reserved parameter name: {name}."))
    })?;
    refuse_if(name.contains('/') && !name.starts_with('/'), || {
        invalid("Parameter name must be a fully qualified name.")
    })?;
    refuse_if(name.matches('/').count() > 15, || {
        let message = "A hierarchy can have a maximum of 15 levels.";
        ApiError::new("HierarchyLevelLimitExceededException", message)
    })?;
    Ok(name)
}

/// The name and the version of `/web:3`.
pub(super) fn selected(text: &str) -> Result<(&str, Option<u64>), ApiError> {
    let Some((name, version)) = text.split_once(':') else { return Ok((checked(text)?, None)) };
    let version = version.parse().map_err(|_| super::not_found())?;
    Ok((checked(name)?, Some(version)))
}
