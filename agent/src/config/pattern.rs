//! Wildcards in paths, as glob(7) has them: `*`, `?` and `[…]` within one name.

use super::Files;

/// Does this path stand for several?
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Every path that matches, in lexical order.
pub(super) fn expand(files: &dyn Files, pattern: &str) -> Result<Vec<String>, String> {
    let mut found = vec![String::new()];
    let mut parts = pattern.split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        let mut next = Vec::new();
        for so_far in &found {
            if is_pattern(part) {
                next.extend(matching(files, so_far, part)?);
            } else {
                next.push(format!("{so_far}{part}"));
            }
        }
        if !is_last {
            next.iter_mut().for_each(|path| path.push('/'));
        }
        found = next;
    }
    found.sort_unstable();
    Ok(found)
}

/// Paths in a directory, written with its slash, whose names match.
fn matching(files: &dyn Files, directory: &str, pattern: &str) -> Result<Vec<String>, String> {
    let names = files.names(directory)?;
    let wanted = |name: &&String| name.starts_with('.') == pattern.starts_with('.') && matches(pattern, name);
    Ok(names.iter().filter(wanted).map(|name| format!("{directory}{name}")).collect())
}

/// Does one name match one pattern?
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut here) = (0, 0);
    // Where the last star stands, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while here < name.len() {
        let step = match (pattern.get(at), name.get(here)) {
            (Some('*'), _) => {
                star = Some((at, here));
                at += 1;
                continue;
            }
            (Some('?'), Some(_)) => Some(1),
            (Some('['), Some(one)) => set(pattern.get(at + 1..).unwrap_or_default(), *one),
            (Some(wanted), Some(one)) if wanted == one => Some(1),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => {
                at += length;
                here += 1;
            }
            (None, Some((place, taken))) => {
                star = Some((place, taken + 1));
                at = place + 1;
                here = taken + 1;
            }
            (None, None) => return false,
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|rest| *rest == '*')
}

/// Length of `[set]` in the pattern when the character is in it; `rest` begins behind the bracket. A bracket that
/// nothing closes stands for itself.
fn set(rest: &[char], one: char) -> Option<usize> {
    let negated = matches!(rest.first(), Some('!' | '^'));
    let from = usize::from(negated);
    // A closing bracket in the first place is one of the set.
    let Some(length) = rest.iter().skip(from + 1).position(|c| *c == ']') else {
        return (one == '[').then_some(1);
    };
    let end = from + 1 + length;
    let members = rest.get(from..end).unwrap_or_default();
    let mut is_in = false;
    let mut at = 0;
    while let Some(low) = members.get(at) {
        match (members.get(at + 1), members.get(at + 2)) {
            (Some('-'), Some(high)) => {
                is_in |= (*low..=*high).contains(&one);
                at += 3;
            }
            _ => {
                is_in |= *low == one;
                at += 1;
            }
        }
    }
    (is_in != negated).then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_as_in_the_shell() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".conf", true),
            ("*.conf", "a.conf.old", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("?.conf", "a.conf", true),
            ("?.conf", "ab.conf", false),
            ("[ab].conf", "b.conf", true),
            ("[a-c]*", "cd", true),
            ("[!a-c]*", "cd", false),
            ("[^a]", "b", true),
            ("[]x]", "]", true),
            ("[x", "[x", true),
            ("[x", "ax", false),
            ("*", "", true),
            ("本*", "本地", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
