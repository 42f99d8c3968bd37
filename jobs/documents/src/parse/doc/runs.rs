//! Text that is there and is not to be read: deleted while changes were tracked, or hidden.

use super::header::Header;
use super::pages::{for_each_property, for_each_run};

/// Runs of such text, by their places in the main stream; sorted.
#[derive(Debug, Default)]
pub(super) struct DeletedRuns {
    runs: Vec<(u32, u32)>,
}

impl DeletedRuns {
    pub(super) fn read(header: &Header, main: &[u8], table: &[u8]) -> Self {
        let mut runs = Vec::new();
        // The numbers of properties were others before Word 97.
        if header.table.is_some() {
            for_each_run(
                header.character_pages,
                table,
                main,
                true,
                |run, page, index| {
                    if is_deleted(page, index).unwrap_or(false) {
                        runs.push((run.start, run.end));
                    }
                },
            );
        }
        runs.sort_unstable();
        Self { runs }
    }

    pub(super) fn contains(&self, place: u32) -> bool {
        let index = self.runs.partition_point(|(start, _)| *start <= place);
        index
            .checked_sub(1)
            .and_then(|index| self.runs.get(index))
            .is_some_and(|(_, end)| place < *end)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

fn is_deleted(page: &[u8], index: usize) -> Option<bool> {
    const DELETED: u16 = 0x0800;
    const HIDDEN: u16 = 0x083C;
    let runs = usize::from(*page.last()?);
    let at = 2 * usize::from(*page.get(4 * (runs + 1) + index)?);
    if at == 0 {
        return Some(false);
    }
    let size = usize::from(*page.get(at)?);
    let list = page.get(at + 1..(at + 1 + size).min(page.len()))?;
    let mut deleted = false;
    for_each_property(list, |number, operand| {
        if matches!(number, DELETED | HIDDEN) {
            deleted |= operand.first() == Some(&1);
        }
    });
    Some(deleted)
}
