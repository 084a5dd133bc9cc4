//! Colours, which only ever repeat what words or signs say.

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Palette {
    is_coloured: bool,
}

/// What a piece of text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Name,
    /// What runs, or went well.
    Running,
    /// What is not yet so, or a warning.
    Pending,
    /// What failed.
    Bad,
    /// What belongs to another revision.
    Others,
    /// What matters less.
    Faint,
}

impl Palette {
    /// Paints with the sixteen colours that every terminal has, so that they fit its background.
    #[must_use]
    pub fn coloured() -> Self {
        Self { is_coloured: true }
    }

    /// Leaves the text as it is.
    #[must_use]
    pub fn plain() -> Self {
        Self { is_coloured: false }
    }

    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => "",
            Tone::Name => "1",
            Tone::Running => "32",
            Tone::Pending => "33",
            Tone::Bad => "31",
            Tone::Others => "36",
            Tone::Faint => "2",
        };
        if self.is_coloured && !code.is_empty() && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
