//! A byte trie in one array: the pieces of a vocabulary, found from any position of a text in one step a byte.
//!
//! Each node owns one slot; the child along byte `b` of a node sits at `node.base + b` and names its parent, so a step
//! is an addition and a comparison. Built once at load from sorted keys: a node takes a base at which all its children
//! fall on free slots.

/// No piece ends here, or no node lives here.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Node {
    base: u32,
    parent: u32,
    value: u32,
}

const FREE: Node = Node {
    base: 0,
    parent: NONE,
    value: NONE,
};

pub(super) struct Trie {
    nodes: Vec<Node>,
}

impl Trie {
    /// Builds the trie of `(key, value)` pairs. Empty keys are ignored; of equal keys the last wins.
    pub(super) fn new(mut keys: Vec<(&[u8], u32)>) -> Self {
        keys.retain(|(key, _)| !key.is_empty());
        keys.sort_by_key(|&(key, _)| key);
        let mut builder = Builder {
            nodes: vec![FREE],
            first_free: FIRST_SLOT,
            search_from: FIRST_SLOT,
        };
        builder.fill(0, &keys, 0);
        // Any node may be asked for any byte, so the last base must have 256 slots after it.
        let slots = builder
            .nodes
            .iter()
            .map(|node| node.base as usize + 256)
            .max()
            .unwrap_or(0);
        builder.nodes.resize(slots.max(builder.nodes.len()), FREE);
        Self {
            nodes: builder.nodes,
        }
    }

    /// Calls `found(length, value)` for each key that `text` begins with, shortest first.
    #[inline]
    pub(super) fn prefixes(&self, text: &[u8], mut found: impl FnMut(usize, u32)) {
        let mut at = 0u32;
        for (depth, &byte) in text.iter().enumerate() {
            let next = self.nodes[at as usize].base + u32::from(byte);
            let node = &self.nodes[next as usize];
            if node.parent != at {
                return;
            }
            if node.value != NONE {
                found(depth + 1, node.value);
            }
            at = next;
        }
    }
}

/// Where children may live. From here on any byte leads to any slot, so no slot stays free for good and holds up the
/// search for others.
const FIRST_SLOT: usize = 256;

struct Builder {
    nodes: Vec<Node>,
    /// Every slot from `FIRST_SLOT` to this one is taken.
    first_free: usize,
    /// Where the search for room for several children begins; moves on when the slots behind it are nearly full.
    search_from: usize,
}

/// Bases that are tried before the region is taken to be full. Trades a few percent of memory for a fast build.
const CROWDED: usize = 32;

impl Builder {
    /// Places the subtree of `keys`, which agree in their first `depth` bytes, under the node `at`.
    fn fill(&mut self, at: usize, keys: &[(&[u8], u32)], depth: usize) {
        let mut labels = Vec::new();
        for (key, value) in keys {
            match key.get(depth) {
                None => self.nodes[at].value = *value,
                Some(byte) if labels.last() != Some(byte) => labels.push(*byte),
                Some(_) => {}
            }
        }
        if labels.is_empty() {
            return;
        }
        let base = self.place(&labels);
        self.nodes[at].base = base as u32;
        for &label in &labels {
            self.nodes[base + usize::from(label)].parent = at as u32;
        }
        for &label in &labels {
            let from =
                keys.partition_point(|(key, _)| key.get(depth).is_none_or(|&byte| byte < label));
            let to =
                keys.partition_point(|(key, _)| key.get(depth).is_none_or(|&byte| byte <= label));
            self.fill(base + usize::from(label), &keys[from..to], depth + 1);
        }
    }

    /// A base that puts all `labels` on free slots.
    fn place(&mut self, labels: &[u8]) -> usize {
        while self.is_taken(self.first_free) {
            self.first_free += 1;
        }
        let single = labels.len() == 1;
        let from = if single {
            self.first_free
        } else {
            self.search_from.max(self.first_free)
        };
        let first = from - usize::from(labels[0]);
        let mut base = first;
        while labels
            .iter()
            .any(|&label| self.is_taken(base + usize::from(label)))
        {
            base += 1;
        }
        if !single && base - first > CROWDED {
            self.search_from = base + usize::from(labels[0]);
        }
        let end = base + usize::from(labels[labels.len() - 1]) + 1;
        if self.nodes.len() < end {
            self.nodes.resize(end, FREE);
        }
        base
    }

    fn is_taken(&self, slot: usize) -> bool {
        self.nodes.get(slot).is_some_and(|node| node.parent != NONE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_exactly_the_keys_that_a_text_begins_with(
            keys in prop::collection::hash_map("[a-c\u{4e00}-\u{4e03}]{1,4}", 0u32..1000, 0..40),
            text in "[a-c\u{4e00}-\u{4e03}\u{0}-\u{ff}]{0,6}",
        ) {
            let trie = Trie::new(keys.iter().map(|(key, &value)| (key.as_bytes(), value)).collect());
            let mut found = HashMap::new();
            trie.prefixes(text.as_bytes(), |length, value| { found.insert(length, value); });
            let expected: HashMap<usize, u32> = keys
                .iter()
                .filter(|(key, _)| text.starts_with(key.as_str()))
                .map(|(key, &value)| (key.len(), value))
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
