//! From a stream of tags and text to blocks.

use html5ever::LocalName;
use html5ever::tokenizer::Tag;

use super::elements::{Role, attribute, is_void, role};
use crate::block::BlockKind;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;

/// State of the walk.
///
/// Only block elements are on the stack: inline ones change no block, and pages leave them open.
pub(super) struct Walk<'a> {
    builder: &'a mut DocumentBuilder,
    limits: &'a Limits,
    keep_navigation: bool,
    open: Vec<Open>,
    /// Block elements inside the deepest one that the limit allows; they are not on the stack.
    beyond_limit: usize,
    /// Length of the stack when text began to be ignored.
    hidden_from: Option<usize>,
    skipped_navigation: bool,
    /// Within the link that documentation generators put beside a heading.
    in_heading_link: bool,
    title: String,
    /// Text of the block that is open.
    run: String,
    tables: Vec<Table>,
    cells: usize,
    pushed: usize,
}

struct Open {
    name: LocalName,
    role: Role,
}

/// An open table. One with headings or tables in its cells lays out a page: its cells are not cells.
#[derive(Default)]
struct Table {
    layout: bool,
    row: Vec<String>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        limits: &'a Limits,
        builder: &'a mut DocumentBuilder,
        keep_navigation: bool,
    ) -> Self {
        Self {
            builder,
            limits,
            keep_navigation,
            open: Vec::new(),
            beyond_limit: 0,
            hidden_from: None,
            skipped_navigation: false,
            in_heading_link: false,
            title: String::new(),
            run: String::new(),
            tables: Vec::new(),
            cells: 0,
            pushed: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pushed == 0
    }

    pub(super) fn skipped_navigation(&self) -> bool {
        self.skipped_navigation
    }

    pub(super) fn text(&mut self, text: &str) {
        let role = self.open.last().map(|open| open.role);
        if role == Some(Role::Title) {
            self.title.push_str(text);
        } else if self.hidden_from.is_some() || self.in_heading_link {
        } else if self.is_within(Role::Preformatted) {
            self.run.push_str(text);
        } else {
            self.push_collapsed(text);
        }
    }

    /// A line break in the source is a blank; only `<br>` breaks lines.
    fn push_collapsed(&mut self, text: &str) {
        for character in text.chars() {
            if !character.is_ascii_whitespace() {
                self.run.push(character);
            } else if !self.run.ends_with([' ', '\n']) {
                self.run.push(' ');
            }
        }
    }

    pub(super) fn start(&mut self, tag: &Tag) {
        let role = role(tag);
        match role {
            Role::Inline => {
                self.in_heading_link = &*tag.name == "a"
                    && attribute(tag, "class").is_some_and(|class| class.contains("headerlink"));
                return;
            }
            Role::Break => return self.run.push('\n'),
            Role::Rule => return self.flush(),
            _ => {}
        }
        if is_void(&tag.name) || self.beyond_limit > 0 || self.open.len() >= self.limits.max_nesting
        {
            self.flush();
            self.beyond_limit += usize::from(!is_void(&tag.name));
            return;
        }
        self.close_implied(role);
        if self.hidden_from.is_none() {
            self.flush();
            self.enter(role);
        }
        self.open.push(Open {
            name: tag.name.clone(),
            role,
        });
    }

    fn enter(&mut self, role: Role) {
        match role {
            Role::Hidden => self.hidden_from = Some(self.open.len()),
            Role::Navigation if !self.keep_navigation => {
                self.hidden_from = Some(self.open.len());
                self.skipped_navigation = true;
            }
            Role::Heading(_) => self.dissolve_table(),
            Role::Table => {
                self.dissolve_table();
                self.tables.push(Table::default());
            }
            Role::Cell => {
                self.cells += 1;
                if let Some(table) = self.tables.last_mut().filter(|table| !table.layout) {
                    table.row.push(String::new());
                }
            }
            _ => {}
        }
    }

    /// Closes what HTML closes by itself before an element of this role.
    fn close_implied(&mut self, next: Role) {
        if self
            .open
            .last()
            .is_some_and(|open| matches!(open.role, Role::Paragraph | Role::Title))
        {
            self.pop();
        }
        match next {
            Role::Item => self.close(&[Role::Item], &[Role::List, Role::Cell]),
            Role::Cell => self.close(&[Role::Cell], &[Role::Row, Role::Table]),
            Role::Row => self.close(&[Role::Row], &[Role::Table]),
            Role::Heading(_)
                if matches!(
                    self.open.last(),
                    Some(Open {
                        role: Role::Heading(_),
                        ..
                    })
                ) =>
            {
                self.pop();
            }
            _ => {}
        }
    }

    /// Pops to the innermost element of `roles`, unless one of `barriers` is further in.
    fn close(&mut self, roles: &[Role], barriers: &[Role]) {
        let found = self
            .open
            .iter()
            .rposition(|open| roles.contains(&open.role) || barriers.contains(&open.role))
            .filter(|&at| roles.contains(&self.open[at].role));
        if let Some(at) = found {
            self.pop_to(at);
        }
    }

    pub(super) fn end(&mut self, name: &LocalName) {
        if &**name == "a" {
            self.in_heading_link = false;
        }
        if is_void(name) {
            return;
        }
        let found = self.open.iter().rposition(|open| open.name == *name);
        if self.beyond_limit > 0 && self.is_block(name) {
            self.flush();
            self.beyond_limit -= 1;
        } else if let Some(at) = found {
            self.pop_to(at);
        }
    }

    /// Tells whether an end tag belongs to the elements that are counted beyond the limit.
    fn is_block(&self, name: &LocalName) -> bool {
        self.open.iter().any(|open| open.name == *name)
            || matches!(&**name, "div" | "p" | "table" | "tr" | "td" | "ul" | "li")
    }

    fn pop_to(&mut self, length: usize) {
        while self.open.len() > length {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if self.hidden_from.is_none() {
            self.flush();
        }
        let Some(open) = self.open.pop() else { return };
        match self.hidden_from {
            Some(from) if self.open.len() <= from => self.hidden_from = None,
            Some(_) => return,
            None => {}
        }
        match open.role {
            Role::Row => self.flush_row(),
            Role::Table => {
                self.flush_row();
                self.tables.pop();
            }
            Role::Title => {
                let title = std::mem::take(&mut self.title);
                self.builder.set_title(&title);
            }
            _ => {}
        }
    }

    /// The innermost open table lays out the page: what was taken for a row becomes paragraphs.
    fn dissolve_table(&mut self) {
        let Some(table) = self.tables.last_mut() else {
            return;
        };
        table.layout = true;
        for cell in std::mem::take(&mut table.row) {
            self.push(BlockKind::Paragraph, &cell);
        }
    }

    fn flush_row(&mut self) {
        let Some(table) = self.tables.last_mut() else {
            return;
        };
        let row = std::mem::take(&mut table.row);
        if self.cells > self.limits.max_cells {
            self.builder.warn(format!(
                "stopped tables after {} cells",
                self.limits.max_cells
            ));
        } else if row.iter().any(|cell| !cell.is_empty()) {
            self.push(BlockKind::Table, &row.join(" | "));
        }
    }

    /// Ends the block that is open: into its cell, or to the builder.
    fn flush(&mut self) {
        if self.run.trim().is_empty() {
            return self.run.clear();
        }
        let run = std::mem::take(&mut self.run);
        if let Some(cell) = self.cell() {
            for word in run.split_whitespace() {
                if !cell.is_empty() {
                    cell.push(' ');
                }
                cell.push_str(word);
            }
        } else {
            self.push(self.kind(), &run);
        }
    }

    fn cell(&mut self) -> Option<&mut String> {
        let innermost = self
            .open
            .iter()
            .rev()
            .find(|open| matches!(open.role, Role::Cell | Role::Table | Role::Caption));
        if innermost?.role != Role::Cell {
            return None;
        }
        self.tables
            .last_mut()
            .filter(|table| !table.layout)?
            .row
            .last_mut()
    }

    fn kind(&self) -> BlockKind {
        self.open
            .iter()
            .rev()
            .find_map(|open| match open.role {
                Role::Heading(level) => Some(BlockKind::Heading(level)),
                Role::Preformatted => Some(BlockKind::Code),
                Role::Item => Some(BlockKind::ListItem),
                Role::Quote => Some(BlockKind::Quote),
                Role::Caption => Some(BlockKind::Caption),
                Role::Cell | Role::Table => Some(BlockKind::Paragraph),
                _ => None,
            })
            .unwrap_or(BlockKind::Paragraph)
    }

    fn push(&mut self, kind: BlockKind, text: &str) {
        self.pushed += 1;
        self.builder.push(kind, text);
    }

    fn is_within(&self, role: Role) -> bool {
        self.open.iter().rev().any(|open| open.role == role)
    }

    /// Closes what the page left open.
    pub(super) fn finish(&mut self) {
        self.pop_to(0);
        self.flush();
    }
}
