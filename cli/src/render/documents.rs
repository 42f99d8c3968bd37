//! Documents.

use bytesize::ByteSize;

use super::fields;
use crate::{
    table::{Table, fixed, number, text},
    views::{Document, Stage},
};

pub(crate) fn documents(documents: &[Document], width: usize) -> String {
    if documents.is_empty() {
        return "no documents; submit some with `graphmill ingest PATH`".to_owned();
    }
    let mut table = Table::new([
        fixed("ID"),
        fixed("STATUS"),
        fixed("TYPE"),
        number("SIZE"),
        number("CHUNKS"),
        text("TITLE"),
        text("ERROR"),
    ]);
    for document in documents {
        table.row([
            document.document_id.clone(),
            status(document),
            document.file_type.clone().unwrap_or_default(),
            ByteSize(document.size_bytes).to_string(),
            document
                .chunks
                .map(|chunks| chunks.to_string())
                .unwrap_or_default(),
            document.title.clone(),
            document
                .error
                .as_ref()
                .map(|error| error.code.clone())
                .unwrap_or_default(),
        ]);
    }
    table.render(width)
}

/// The status, and while it is on its way how far it has come.
fn status(document: &Document) -> String {
    match &document.progress {
        Some(progress) if document.status == "processing" && progress.total > 0 => {
            format!("{} {}/{}", document.status, progress.done, progress.total)
        }
        _ => document.status.clone(),
    }
}

pub(crate) fn document(document: &Document, width: usize) -> String {
    let mut lines = vec![
        ("document", document.document_id.clone()),
        ("title", document.title.clone()),
        ("source", document.source.clone()),
        ("status", status(document)),
        (
            "type",
            document
                .file_type
                .clone()
                .unwrap_or_else(|| "not known yet".to_owned()),
        ),
        ("size", ByteSize(document.size_bytes).to_string()),
    ];
    let optional = [
        ("language", document.language.clone()),
        (
            "pages",
            document
                .pages
                .filter(|pages| *pages > 0)
                .map(|pages| pages.to_string()),
        ),
        ("chunks", document.chunks.map(|chunks| chunks.to_string())),
        (
            "error",
            document
                .error
                .as_ref()
                .map(|error| format!("{}: {}", error.code, error.message)),
        ),
    ];
    lines.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    lines.push(("created", document.created_at.clone()));
    lines.push(("updated", document.updated_at.clone()));
    for warning in &document.warnings {
        lines.push((
            "warning",
            warning
                .as_str()
                .map_or_else(|| warning.to_string(), str::to_owned),
        ));
    }
    let mut text = fields(&lines);
    if !document.stages.is_empty() {
        text.push('\n');
        text.push_str(&stages(&document.stages, width));
    }
    text
}

fn stages(stages: &[Stage], width: usize) -> String {
    let mut table = Table::new([
        fixed("STAGE"),
        number("SHARD"),
        fixed("STATE"),
        number("ITEMS"),
        number("ATTEMPT"),
        text("ERROR"),
    ]);
    for stage in stages {
        let error = match (&stage.error_code, &stage.error_message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.clone(),
            (None, _) => String::new(),
        };
        let count = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        table.row([
            stage.stage.clone(),
            stage.shard.to_string(),
            stage.state.clone(),
            count(stage.items),
            count(stage.attempt),
            error,
        ]);
    }
    table.render(width)
}
