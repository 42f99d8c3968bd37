//! The strings that cells of a workbook share, in one allocation.

/// Strings by index.
#[derive(Debug, Default)]
pub(super) struct SharedStrings {
    text: String,
    /// One past the end of each.
    ends: Vec<usize>,
}

impl SharedStrings {
    /// Appends to the string that is being read.
    pub(super) fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Ends the string that is being read; the next one follows.
    pub(super) fn end(&mut self) {
        self.ends.push(self.text.len());
    }

    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::SharedStrings;

    #[test]
    fn strings_are_found_by_index() {
        let mut strings = SharedStrings::default();
        for text in ["one", "", "三"] {
            strings.push_str(text);
            strings.end();
        }
        let found: Vec<_> = (0..4).map(|index| strings.get(index)).collect();
        assert_eq!(found, [Some("one"), Some(""), Some("三"), None]);
    }
}
