//! The shingles of a text: hashes of overlapping runs of its words.

use unicode_normalization::UnicodeNormalization;

use crate::sentences::is_cjk;

/// The weight of a shingle: three words, or five characters of Chinese or Japanese, where words have no spaces between
/// them, or as much of both. So each place of a mixed text has the shingle that fits it.
const SHINGLE: usize = 15;
const WORD: usize = SHINGLE / 3;
const CHARACTER: usize = SHINGLE / 5;
/// Most parts in a shingle.
const PARTS: usize = SHINGLE / CHARACTER;

/// Calls `visit` with the hash of each shingle. A text of less than a shingle has one; a text without letters and digits
/// has none.
pub(super) fn for_each_shingle(text: &str, mut visit: impl FnMut(u64)) {
    // The last parts, the newest first: its hash and its weight.
    let mut recent = [(0, 0); PARTS];
    let mut any = false;
    for_each_part(text, |hash, weight| {
        recent.rotate_right(1);
        recent[0] = (hash, weight);
        if let Some(shingle) = join(&recent, SHINGLE) {
            visit(shingle);
            any = true;
        }
    });
    if !any && recent[0].1 > 0 {
        let weight = recent.iter().map(|(_, weight)| weight).sum();
        if let Some(shingle) = join(&recent, weight) {
            visit(shingle);
        }
    }
}

/// The hash of as many of the newest parts as weigh enough; `None` if all together do not.
fn join(recent: &[(u64, usize)], enough: usize) -> Option<u64> {
    let (mut joined, mut sum) = (0_u64, 0);
    for (hash, weight) in recent {
        joined = mix(joined.rotate_left(23) ^ hash);
        sum += weight;
        if sum >= enough {
            return Some(joined);
        }
    }
    None
}

/// Calls `visit` with the hash and the weight of each word, and of each character of a script without spaces. What is
/// neither letter nor digit separates words; forms and case of letters make no difference.
fn for_each_part(text: &str, mut visit: impl FnMut(u64, usize)) {
    let mut word = None;
    let mut see = |character: char| {
        let is_part = character.is_alphanumeric();
        let stands_alone = is_part && is_cjk(character);
        if (!is_part || stands_alone)
            && let Some(hash) = word.take()
        {
            visit(mix(hash), WORD);
        }
        if stands_alone {
            visit(mix(hash_on(SEED, character)), CHARACTER);
        } else if is_part {
            word = Some(hash_on(word.unwrap_or(SEED), character));
        }
    };
    if text.is_ascii() {
        text.chars()
            .for_each(|character| see(character.to_ascii_lowercase()));
    } else {
        text.nfkc().flat_map(char::to_lowercase).for_each(&mut see);
    }
    see(' ');
}

/// FNV-1a, 64 bits, by characters.
const SEED: u64 = 0xCBF2_9CE4_8422_2325;

fn hash_on(hash: u64, character: char) -> u64 {
    (hash ^ u64::from(character)).wrapping_mul(0x0100_0000_01B3)
}

/// The finalizer of splitmix64 (S. Vigna): every bit of the result depends on every bit given.
pub(super) fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ hash >> 31
}
