//! How progress is shown: what was asked for, and what standard error can show.

use std::io::{IsTerminal, Stderr, stderr};

use clap::{Args, ValueEnum};

use crate::output::progress::{LiveView, Narrator, Palette, ProgressView, Size, TaskNarrator, Warner};

use super::environment::Environment;

/// What a terminal is taken for that does not tell its size.
const UNKNOWN: Size = Size { columns: 80, rows: 24 };

/// The option of every command that watches rollouts or a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub(super) struct ProgressArgs {
    /// How to show progress on standard error [default: live on a terminal, else plain]
    #[arg(long, value_name = "HOW")]
    pub(super) progress: Option<ProgressArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressArg {
    /// Draw the rollouts again and again in their place; plain where standard error is no terminal
    Live,
    /// Write a line for each change, and one a minute where nothing changes
    Plain,
    /// Write warnings and errors only
    None,
}

/// What standard error can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ability {
    /// Lines can be drawn again.
    redraws: bool,
    /// Somebody looks at it, rather than at a log of it.
    is_watched: bool,
    colours: bool,
}

/// How progress will be shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProgressStyle {
    shown: ProgressArg,
    palette: Palette,
}

impl ProgressArgs {
    /// What was asked for, as far as standard error can show it.
    pub(super) fn style(self, environment: &Environment) -> ProgressStyle {
        let ability = Ability::of(environment, stderr().is_terminal());
        let palette = if ability.colours { Palette::coloured() } else { Palette::plain() };
        ProgressStyle { shown: self.shown(ability), palette }
    }

    fn shown(self, ability: Ability) -> ProgressArg {
        match self.progress {
            Some(ProgressArg::Live) if ability.redraws => ProgressArg::Live,
            None if ability.redraws && ability.is_watched => ProgressArg::Live,
            Some(ProgressArg::None) => ProgressArg::None,
            Some(ProgressArg::Live | ProgressArg::Plain) | None => ProgressArg::Plain,
        }
    }
}

impl ProgressStyle {
    /// Begins the view on standard error.
    pub(super) fn begin(self) -> ProgressView {
        let Self { shown, palette } = self;
        match shown {
            ProgressArg::Live => ProgressView::Live(LiveView::new(stderr(), size, palette).ticking()),
            ProgressArg::Plain => ProgressView::Plain(Narrator::every_minute(stderr(), palette)),
            ProgressArg::None => ProgressView::Quiet(Warner::new(stderr(), palette)),
        }
    }

    /// Begins the lines of a one-off task on standard error.
    pub(super) fn begin_task(self) -> TaskNarrator<Stderr> {
        let Self { shown, palette } = self;
        match shown {
            ProgressArg::Live | ProgressArg::Plain => TaskNarrator::new(stderr(), palette),
            ProgressArg::None => TaskNarrator::quiet(stderr(), palette),
        }
    }

    /// Whether the log of a one-off task is shown as it comes.
    pub(super) fn shows_log(self) -> bool {
        self.shown != ProgressArg::None
    }
}

impl Ability {
    /// By the conventions of `NO_COLOR` (no-color.org), `CLICOLOR` and `CLICOLOR_FORCE` (bixense.com/clicolors), of
    /// which the first one wins.
    fn of(environment: &Environment, is_terminal: bool) -> Self {
        let is = |name: &str, value: &str| environment.get(name) == Some(value);
        let is_on = |name: &str| environment.get(name).is_some_and(|value| value != "0" && value != "false");
        let redraws = is_terminal && !is("TERM", "dumb");
        let colours = if environment.get("NO_COLOR").is_some() {
            false
        } else {
            is_on("CLICOLOR_FORCE") || redraws && !is("CLICOLOR", "0")
        };
        Self { redraws, is_watched: !is_on("CI") && !environment.is_github(), colours }
    }
}

fn size() -> Size {
    terminal_size::terminal_size_of(stderr())
        .map_or(UNKNOWN, |(columns, rows)| Size { columns: columns.0, rows: rows.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ability(variables: &[(&str, &str)], is_terminal: bool) -> Ability {
        let given = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Ability::of(&given.collect(), is_terminal)
    }

    fn shown(progress: Option<ProgressArg>, variables: &[(&str, &str)], is_terminal: bool) -> ProgressArg {
        ProgressArgs { progress }.shown(ability(variables, is_terminal))
    }

    #[test]
    fn progress_is_live_where_somebody_watches_a_terminal() {
        assert_eq!(shown(None, &[("TERM", "xterm")], true), ProgressArg::Live);
        assert_eq!(shown(None, &[("CI", "false")], true), ProgressArg::Live);
        for variables in [("TERM", "dumb"), ("CI", "true"), ("GITHUB_ACTIONS", "true")] {
            assert_eq!(shown(None, &[variables], true), ProgressArg::Plain, "{variables:?}");
        }
        assert_eq!(shown(None, &[], false), ProgressArg::Plain);
    }

    #[test]
    fn what_was_asked_for_is_shown_as_far_as_it_can_be() {
        for wanted in [ProgressArg::Live, ProgressArg::Plain, ProgressArg::None] {
            assert_eq!(shown(Some(wanted), &[("CI", "true")], true), wanted);
        }
        assert_eq!(shown(Some(ProgressArg::Live), &[], false), ProgressArg::Plain);
        assert_eq!(shown(Some(ProgressArg::Live), &[("TERM", "dumb")], true), ProgressArg::Plain);
        assert_eq!(shown(Some(ProgressArg::None), &[], false), ProgressArg::None);
    }

    #[test]
    fn colours_follow_the_conventions_of_the_environment() {
        for (variables, is_terminal, colours) in [
            (&[][..], true, true),
            (&[], false, false),
            (&[("TERM", "dumb")], true, false),
            (&[("NO_COLOR", "1")], true, false),
            (&[("NO_COLOR", "0")], true, false),
            (&[("NO_COLOR", "")], true, true),
            (&[("CLICOLOR", "0")], true, false),
            (&[("CLICOLOR", "1")], false, false),
            (&[("CLICOLOR_FORCE", "1")], false, true),
            (&[("CLICOLOR_FORCE", "0")], false, false),
            (&[("CLICOLOR_FORCE", "1"), ("CLICOLOR", "0")], true, true),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], true, false),
        ] {
            assert_eq!(ability(variables, is_terminal).colours, colours, "{variables:?} {is_terminal}");
        }
    }
}
