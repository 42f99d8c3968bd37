//! The shape of names in Latin letters, alike for English and for Latin words in Chinese text.

/// No word of a name is longer: longer ones are hashes, encoded data, paths.
const MAX_WORD_CHARS: usize = 32;

/// True when the word can be (part of) a name by its letters: `Debian`, `PostgreSQL`, `X2`, `iPhone`, `CI/CD`, `C++`.
pub(crate) fn is_name_like(word: &str) -> bool {
    is_plain(word) && word.chars().any(char::is_uppercase)
}

/// True when the word is made of letters, digits and the few signs that names have, and is neither a path, an address,
/// nor a bare number.
pub(crate) fn is_plain(word: &str) -> bool {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    letters > 0
        && word.chars().count() <= MAX_WORD_CHARS
        && word.chars().all(|c| {
            c.is_alphanumeric() || matches!(c, '-' | '.' | '+' | '#' | '\'' | '’' | '&' | '/')
        })
        && word.starts_with(char::is_alphanumeric)
        && is_plain_slash(word)
}

/// `CI/CD` and `TCP/IP` are names; `usr/share` is a path.
fn is_plain_slash(word: &str) -> bool {
    let mut parts = word.split('/');
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    let acronym =
        |part: &str| (1..=5).contains(&part.len()) && !part.chars().any(char::is_lowercase);
    match (first, second, third) {
        (Some(_), None, _) => true,
        (Some(a), Some(b), None) => acronym(a) && acronym(b),
        _ => false,
    }
}

/// True for a number that can stand behind a name: `Falcon 9`, `Debian 12.5`; years cannot.
pub(crate) fn is_version(word: &str) -> bool {
    let year = word.len() == 4 && (word.starts_with("19") || word.starts_with("20"));
    !year
        && word.len() <= 6
        && word.starts_with(|c: char| c.is_ascii_digit())
        && word.ends_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || c == '.')
        && (word.contains('.') || word.len() <= 3)
}

/// True when the non-space run of characters is an address, a path or markup and no word.
pub(crate) fn is_address(run: &str) -> bool {
    run.contains("://")
        || run.contains('@')
        || run.contains('\\')
        || run.starts_with(['/', '~', '$'])
        || run.starts_with("www.")
        || run.matches('/').count() > 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_paths_and_numbers() {
        for name in ["Debian", "X2", "iPhone", "CI/CD", "C++", "Node.js", "Škoda"] {
            assert!(is_name_like(name), "{name}");
        }
        for other in ["usr/Share", "42", "_Foo", "a=B", "systemd", ""] {
            assert!(!is_name_like(other), "{other}");
        }
        assert!(
            is_version("9") && is_version("12.5") && !is_version("2024") && !is_version("10000")
        );
        assert!(
            is_address("https://a.b/c")
                && is_address("/etc/fstab")
                && is_address("a@b.c")
                && !is_address("TCP/IP")
        );
    }
}
