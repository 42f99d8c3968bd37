//! Finds texts that are the same, and texts that are nearly the same.
//!
//! *The same*: equal [`digest`]s, whatever their white space and forms of characters. *Nearly the same*: MinHash. The
//! set of a text's shingles (overlapping runs of three words, or of five Chinese or Japanese characters) is mapped by 128 random permutations; how many of the least
//! elements two sets share estimates how much of both sets is shared (Jaccard). Texts to compare are found by LSH: the 128
//! values are cut into 16 bands of 8, and two texts that share a band are candidates. A pair of similarity `s` shares one
//! with probability `1 − (1 − s⁸)¹⁶`: 6 % at 0.5, 50 % at 0.67, 95 % at 0.8, 99.99 % at 0.9.
//!
//! Sources: A. Broder, *On the resemblance and containment of documents*, 1997; J. Leskovec, A. Rajaraman, J. Ullman,
//! *Mining of Massive Datasets*, chapter 3. The values of a signature are part of what is stored: changing a constant here
//! makes stored signatures incomparable.

mod minhash;
mod shingles;

pub use self::minhash::{BANDS, PERMUTATIONS, Signature, bands, signature, similarity};

use unicode_normalization::UnicodeNormalization;

/// BLAKE3 of a text in NFKC with every run of white space as one space and none at the ends: equal for texts that differ
/// in nothing else.
///
/// ```
/// use graphmill_documents::dedup::digest;
///
/// assert_eq!(digest(" Ａ text\n"), digest("A  text"));
/// assert_ne!(digest("a text"), digest("A text"));
/// ```
pub fn digest(text: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    let mut normal = String::new();
    for word in text.split_whitespace() {
        // A form of white space may come out of NFKC too, so words are cut again.
        normal.clear();
        normal.extend(word.nfkc());
        for word in normal.split_whitespace() {
            hasher.update(word.as_bytes());
            hasher.update(b" ");
        }
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests;
