//! Key files: text to keys, or errors with their places.

use super::{Key, KeyKind, Keys};

/// Longest line, chrony.conf(5).
const LONGEST_LINE: usize = 2047;
/// Kinds that chronyd may know and the agent does not.
const FOREIGN: [&str; 6] = ["SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512", "TIGER", "WHIRLPOOL"];

/// Where a key file is wrong. It never holds a word of the line: that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct KeyFileError {
    /// The file as it was named.
    pub file: String,
    /// 1 is the first line.
    pub line: usize,
    /// 1 is the first character.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Reads a whole key file; every wrong line is reported.
pub fn parse(file: &str, text: &str) -> Result<Keys, Vec<KeyFileError>> {
    let mut keys = Keys::default();
    let mut errors = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Err(Wrong { column, message }) = read_line(&mut keys, line) {
            errors.push(KeyFileError { file: file.to_owned(), line: index + 1, column, message });
        }
    }
    if errors.is_empty() { Ok(keys) } else { Err(errors) }
}

struct Wrong {
    column: usize,
    message: String,
}

fn wrong(column: usize, message: impl Into<String>) -> Wrong {
    Wrong { column, message: message.into() }
}

fn read_line(keys: &mut Keys, line: &str) -> Result<(), Wrong> {
    let words = words(line);
    let Some((first, rest)) = words.split_first() else { return Ok(()) };
    if first.1.starts_with(['#', '!', ';', '%']) {
        return Ok(());
    }
    if line.len() > LONGEST_LINE {
        return Err(wrong(1, format!("a line has at most {LONGEST_LINE} characters")));
    }
    let number = first.1.parse::<u32>().ok().filter(|number| *number > 0);
    let number = number
        .ok_or_else(|| wrong(first.0, format!("a line begins with a key's number, 1 to {}", u32::MAX)))?;
    let (kind, key) = match rest {
        [] => return Err(wrong(line.trim_end().chars().count() + 1, "the key is missing")),
        [key] => (KeyKind::Md5, *key),
        [kind, key] => (read_kind(*kind)?, *key),
        [_, _, more, ..] => {
            return Err(wrong(
                more.0,
                "nothing may follow the key; a key has no blanks, write one that has as HEX:",
            ));
        }
    };
    if keys.0.contains_key(&number) {
        return Err(wrong(first.0, format!("key {number} was given before; give each key its own number")));
    }
    let secret = read_secret(key)?;
    if let Some(length) = kind.key_length().filter(|length| *length != secret.len()) {
        let message =
            format!("a key for {} has {} bits, this one has {}", kind.name(), length * 8, secret.len() * 8);
        return Err(wrong(key.0, message));
    }
    keys.0.insert(number, Key { kind, secret });
    Ok(())
}

fn read_kind((column, word): (usize, &str)) -> Result<KeyKind, Wrong> {
    if let Some(kind) = KeyKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(word)) {
        return Ok(kind);
    }
    let known = KeyKind::ALL.map(KeyKind::name).join(", ");
    // Named only when it is surely no secret.
    Err(match FOREIGN.into_iter().find(|name| name.eq_ignore_ascii_case(word)) {
        Some(name) => {
            wrong(column, format!("keys of type {name} are not supported by the agent; there are {known}"))
        }
        None => wrong(column, format!("between number and key stands the key's type, one of {known}")),
    })
}

fn read_secret((column, word): (usize, &str)) -> Result<Vec<u8>, Wrong> {
    let (prefix, rest) = match word.split_once(':') {
        Some((prefix @ ("HEX" | "ASCII"), rest)) => (prefix, rest),
        _ => ("", word),
    };
    if rest.is_empty() {
        return Err(wrong(column, "the key is empty"));
    }
    if prefix != "HEX" {
        return Ok(rest.as_bytes().to_vec());
    }
    let digits: Option<Vec<u8>> =
        rest.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits =
        digits.ok_or_else(|| wrong(column, "after HEX: there are only digits and letters from A to F"))?;
    let (pairs, []) = digits.as_chunks::<2>() else {
        return Err(wrong(column, "after HEX: each byte has two digits; one is missing"));
    };
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Words with their columns.
fn words(line: &str) -> Vec<(usize, &str)> {
    let column = |word: &str| {
        let before = word.as_ptr() as usize - line.as_ptr() as usize;
        line.get(..before).map_or(1, |before| before.chars().count() + 1)
    };
    line.split_whitespace().map(|word| (column(word), word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_manual_is_read() {
        let text = "# keys\n\n10 tulip\n11 hyacinth\n20 MD5 ASCII:crocus\n  25 sha1 HEX:933F62BE1D604E68A81B557F18CFA200483F5B70\n\
                    30 AES128 HEX:7ea62ae64d190114d46d5a082f948ec1\n\
                    31 AES256 HEX:37DDCBC67BB902BCB8E995977FAB4D2B5642F5B32EBCEEE421921D97E5CBFE39\n";
        let keys = parse("keys", text).unwrap();
        assert_eq!(keys.len(), 6);
        let key = |number| keys.get(number).unwrap();
        assert_eq!((key(10).kind(), key(10).secret.as_slice()), (KeyKind::Md5, &b"tulip"[..]));
        assert_eq!((key(20).kind(), key(20).secret.as_slice()), (KeyKind::Md5, &b"crocus"[..]));
        assert_eq!((key(25).kind(), key(25).bits(), key(25).secret[0]), (KeyKind::Sha1, 160, 0x93));
        assert_eq!((key(30).kind(), key(31).kind()), (KeyKind::Aes128, KeyKind::Aes256));
        assert!(key(10).is_short() && !key(25).is_short());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_without_the_secret() {
        let wrong = |text: &str| {
            let errors = parse("k", text).unwrap_err();
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let kinds = "MD5, SHA1, SHA256, SHA384, SHA512, AES128, AES256";
        assert_eq!(wrong("0 tulip"), "k:1:1: a line begins with a key's number, 1 to 4294967295");
        assert_eq!(wrong("1"), "k:1:2: the key is missing");
        assert_eq!(
            wrong("1 tu lip"),
            format!("k:1:3: between number and key stands the key's type, one of {kinds}")
        );
        assert_eq!(
            wrong("1 SHA3-256 HEX:00"),
            format!("k:1:3: keys of type SHA3-256 are not supported by the agent; there are {kinds}")
        );
        assert_eq!(
            wrong("1 a\n1 b\n2 MD5 HEX:5"),
            "k:2:1: key 1 was given before; give each key its own number\n\
             k:3:7: after HEX: each byte has two digits; one is missing"
        );
        assert_eq!(wrong("1 MD5 HEX:5g"), "k:1:7: after HEX: there are only digits and letters from A to F");
        assert_eq!(wrong("1 MD5 HEX:"), "k:1:7: the key is empty");
        assert_eq!(wrong("  1 AES128 HEX:00"), "k:1:12: a key for AES128 has 128 bits, this one has 8");
        assert_eq!(
            wrong("1 MD5 a secret"),
            "k:1:9: nothing may follow the key; a key has no blanks, write one that has as HEX:"
        );
        assert_eq!(wrong(&format!("1 {}", "x".repeat(2046))), "k:1:1: a line has at most 2047 characters");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(?s).{0,200}") {
            if let Ok(keys) = parse("keys", &text) {
                proptest::prop_assert!(keys.get(0).is_none());
            }
        }
    }
}
