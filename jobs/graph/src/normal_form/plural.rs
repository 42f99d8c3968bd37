//! The singular of an English word, by its ending.

/// End in `s` and are no plurals, or are better left alone. Lower case.
const KEEP: &[&str] = &[
    "kubernetes",
    "series",
    "species",
    "windows",
    "postgres",
    "news",
    "jenkins",
    "james",
    "charles",
    "aws",
    "ios",
    "sales",
    "mercedes",
    "athens",
    "netherlands",
    "states",
    "nations",
    "always",
    "emacs",
    "less",
    "vs",
    "jaws",
    "wales",
    "brussels",
    "maldives",
    "philippines",
];

/// Endings of words that are no plurals: process, status, analysis, various, macOS, canvas, analytics, HTTPS.
const KEEP_ENDINGS: &[&str] = &["ss", "us", "is", "os", "as", "ics", "ps", "ns"];

/// Of these endings `ps` and `ns` are plurals in words (maps, versions), and no plurals in acronyms without a vowel.
const ACRONYM_ENDINGS: &[&str] = &["ps", "ns"];

/// Returns the singular of `word`, or the word. Words with digits, other letters than a–z, or fewer than four letters
/// stay; so do acronyms, except that `APIs` is `API`.
pub(super) fn singular(word: &str) -> String {
    let keep = || word.to_owned();
    if let Some(stem) = word.strip_suffix('s')
        && stem.len() >= 2
        && stem.bytes().all(|b| b.is_ascii_uppercase())
    {
        return stem.to_owned();
    }
    let lower = word.to_ascii_lowercase();
    let acronym = word.bytes().all(|b| b.is_ascii_uppercase()) && word.len() <= 5;
    if lower.len() < 4
        || acronym
        || !lower.bytes().all(|b| b.is_ascii_lowercase())
        || KEEP.contains(&lower.as_str())
    {
        return keep();
    }
    let has_vowel = lower.bytes().any(|b| b"aeiouy".contains(&b));
    let kept = KEEP_ENDINGS
        .iter()
        .any(|end| lower.ends_with(end) && (!ACRONYM_ENDINGS.contains(end) || !has_vowel));
    if kept || !lower.ends_with('s') {
        return keep();
    }
    // One byte a letter: cutting by length is safe.
    let cut = |letters: usize| word[..word.len() - letters].to_owned();
    let ends = |ending: &str| lower.ends_with(ending);
    if ends("ies") && lower.len() > 5 && !matches!(lower.as_str(), "cookies" | "movies" | "zombies")
    {
        cut(3) + "y"
    } else if ends("sses") || ends("xes") || ends("shes") || (ends("ches") && !ends("aches")) {
        cut(2)
    } else {
        cut(1)
    }
}
