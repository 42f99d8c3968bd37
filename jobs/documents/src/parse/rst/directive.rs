//! Directives: what is shown of each.

use super::{Reader, dedented, end_of_indented, field, item_width};
use crate::block::BlockKind;

/// Tells whether this is the name of a directive, perhaps with its domain: `note`, `py:function`.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|character| character.is_alphanumeric() || "-_+:.".contains(character))
}

/// What is done with a directive.
enum Shown {
    Nothing,
    /// The body as it is.
    Code,
    /// The body alone: the argument is for the processor.
    Body,
    /// The argument as it is, then the body: signatures.
    Signature,
    /// The argument as text, then the body.
    Text,
    /// A version with its meaning, then the body.
    Version(&'static str),
    Figure,
    Title,
    CsvTable,
    ListTable,
}

fn shown(name: &str) -> Shown {
    match name {
        "toctree" | "contents" | "sectnum" | "index" | "include" | "raw" | "meta" | "highlight"
        | "module" | "currentmodule" | "sectionauthor" | "moduleauthor" | "codeauthor"
        | "default-domain" | "default-role" | "role" | "tabularcolumns" | "testsetup"
        | "testcleanup" | "literalinclude" | "program" | "automodule" | "autoclass"
        | "autofunction" | "namespace" | "target-notes" => Shown::Nothing,
        "code-block" | "code" | "sourcecode" | "parsed-literal" | "doctest" | "testcode"
        | "testoutput" | "productionlist" | "prompt" | "math" | "graphviz" | "digraph"
        | "ipython" => Shown::Code,
        "only" | "ifconfig" | "container" | "rst-class" | "compound" | "cssclass" => Shown::Body,
        "function" | "method" | "class" | "classmethod" | "staticmethod" | "data" | "attribute"
        | "property" | "exception" | "decorator" | "decoratormethod" | "macro" | "type" | "var"
        | "member" | "struct" | "union" | "enum" | "enumerator" | "option" | "cmdoption"
        | "envvar" | "opcode" | "describe" | "object" | "confval" | "directive" | "kernel-doc" => {
            Shown::Signature
        }
        "versionadded" => Shown::Version("New in version"),
        "versionchanged" => Shown::Version("Changed in version"),
        "deprecated" | "deprecated-removed" => Shown::Version("Deprecated since version"),
        "image" | "figure" => Shown::Figure,
        "title" => Shown::Title,
        "csv-table" => Shown::CsvTable,
        "list-table" => Shown::ListTable,
        _ => Shown::Text,
    }
}

impl Reader<'_> {
    /// Reads a directive; `body` is its indented lines, options first.
    pub(super) fn directive(
        &mut self,
        name: &str,
        argument: &str,
        body: &[&str],
        kind: BlockKind,
        depth: usize,
    ) {
        let body = dedented(body);
        let options = body.iter().take_while(|line| field(line).is_some()).count();
        let (options, body) = body.split_at(options);
        let name = name.rsplit(':').next().unwrap_or(name).to_ascii_lowercase();
        match shown(&name) {
            Shown::Nothing => return,
            Shown::Code => return self.builder.push(BlockKind::Code, &body.join("\n")),
            Shown::Title => return self.builder.set_title(argument),
            Shown::CsvTable => return self.csv_table(argument, options, body),
            Shown::ListTable => return self.list_table(argument, body),
            Shown::Figure => {
                if let Some(alternative) = option(options, "alt") {
                    self.push(BlockKind::Caption, alternative);
                }
                return self.blocks(body, BlockKind::Caption, depth + 1);
            }
            Shown::Body => {}
            Shown::Signature => self.builder.push(kind, argument),
            Shown::Version(meaning) => {
                self.push(kind, &format!("{meaning} {argument}"));
            }
            Shown::Text if name == "table" => self.push(BlockKind::Caption, argument),
            Shown::Text => self.push(kind, argument),
        }
        self.blocks(body, kind, depth + 1);
    }

    fn csv_table(&mut self, title: &str, options: &[&str], body: &[&str]) {
        self.push(BlockKind::Caption, title);
        let header = option(options, "header").unwrap_or_default();
        // A blank may come before a quote.
        let content = format!("{header}\n{}", body.join("\n")).replace(", \"", ",\"");
        let mut rows = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(content.as_bytes());
        for row in rows.records().flatten() {
            let cells: Vec<String> = row.iter().map(|cell| self.inline(cell)).collect();
            self.builder.push(BlockKind::Table, &cells.join(" | "));
        }
    }

    /// A list of lists: each item of the outer one is a row.
    fn list_table(&mut self, title: &str, body: &[&str]) {
        self.push(BlockKind::Caption, title);
        for row in items(body) {
            let cells: Vec<String> = items(&row)
                .iter()
                .map(|cell| self.inline(&cell.join(" ")))
                .collect();
            self.builder.push(BlockKind::Table, &cells.join(" | "));
        }
    }
}

/// Cuts a bullet list into the lines of its items.
fn items<'l>(lines: &[&'l str]) -> Vec<Vec<&'l str>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if line.is_empty() || line.starts_with(' ') {
            at += 1;
        } else if let Some(width) = item_width(lines, at) {
            let end = end_of_indented(lines, at + 1, 1);
            let mut item = vec![line[width..].trim_start()];
            item.extend(dedented(&lines[at + 1..end]));
            found.push(item);
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

fn option<'l>(options: &[&'l str], name: &str) -> Option<&'l str> {
    options
        .iter()
        .filter_map(|line| field(line))
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}
