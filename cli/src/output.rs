//! The one place that prints: data to standard output, everything else to standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::args::GlobalArguments;

/// The width of text that does not go to a terminal.
const PLAIN_WIDTH: usize = 120;
/// No line of text is wider than this, however wide the terminal is.
const MAX_WIDTH: usize = 200;

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    colour: bool,
    width: usize,
}

impl Output {
    pub(crate) fn new(global: &GlobalArguments) -> Self {
        let colour = !global.no_color && io::stderr().is_terminal();
        Self {
            json: global.json,
            quiet: global.quiet,
            colour,
            width: width_of_stdout(),
        }
    }

    /// Whether standard error may be coloured.
    pub(crate) fn colours(self) -> bool {
        self.colour
    }

    /// Whether data is printed as JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Whether progress may be shown.
    pub(crate) fn shows_progress(self) -> bool {
        !self.quiet
    }

    /// Prints data: as one JSON value, or as text that is made only then.
    pub(crate) fn data(
        self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut stdout, value).map_err(io::Error::from)?;
            writeln!(stdout)?;
        } else {
            let text = text();
            writeln!(stdout, "{}", text.trim_end())?;
        }
        Ok(stdout.flush()?)
    }

    /// Prints one line of data, for commands whose data comes bit by bit.
    pub(crate) fn line(text: &str) -> anyhow::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")?;
        Ok(stdout.flush()?)
    }

    /// Prints a remark. A closed standard error is no reason to stop.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Prints a warning.
    pub(crate) fn warn(self, text: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{} {text}", self.paint("warning:", "33"));
        }
    }

    /// Prints an error and what can be done about it.
    pub(crate) fn error(self, text: &str, hint: Option<&str>) {
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "{} {text}", self.paint("error:", "1;31"));
        if let Some(hint) = hint {
            let _ = writeln!(stderr, "{} {hint}", self.paint("hint:", "36"));
        }
    }

    /// Asks on the terminal; without one the answer is no.
    pub(crate) fn confirm(question: &str) -> io::Result<bool> {
        if !io::stdin().is_terminal() {
            return Ok(false);
        }
        let mut stderr = io::stderr().lock();
        write!(stderr, "{question} [y/N] ")?;
        stderr.flush()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// Columns that text on standard output may use.
    pub(crate) fn width(self) -> usize {
        self.width
    }

    fn paint(self, text: &str, code: &str) -> String {
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

fn width_of_stdout() -> usize {
    terminal_size::terminal_size_of(io::stdout())
        .map_or(PLAIN_WIDTH, |(width, _)| usize::from(width.0))
        .min(MAX_WIDTH)
}
