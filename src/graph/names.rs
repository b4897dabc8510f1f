//! Many names as one: `web01` … `web20` are `web[01:20]`.

/// More pieces than this are counted, not written out.
const MAX_PIECES: usize = 3;

/// Names in their order, consecutive numbers drawn together.
pub(super) fn together(names: &[&str]) -> String {
    let mut pieces: Vec<Run<'_>> = Vec::new();
    for name in names {
        if !pieces.last_mut().is_some_and(|last| last.takes(name)) {
            pieces.push(Run::new(name));
        }
    }
    let left: usize = pieces.iter().skip(MAX_PIECES).map(|piece| piece.count).sum();
    let written: Vec<String> = pieces.iter().take(MAX_PIECES).map(Run::written).collect();
    let more = if left > 0 { format!(" and {left} more") } else { String::new() };
    format!("{}{more}", written.join(", "))
}

/// Names that differ in one number only, which counts up.
struct Run<'n> {
    first: &'n str,
    parts: Option<Parts<'n>>,
    last: u64,
    count: usize,
}

#[derive(Clone, Copy)]
struct Parts<'n> {
    before: &'n str,
    digits: &'n str,
    after: &'n str,
    number: u64,
}

/// Around the last number of a name.
fn parts(name: &str) -> Option<Parts<'_>> {
    let end = name.rfind(|letter: char| letter.is_ascii_digit())? + 1;
    let head = name.get(..end)?;
    let begin = head.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    let digits = name.get(begin..end)?;
    Some(Parts { before: name.get(..begin)?, digits, after: name.get(end..)?, number: digits.parse().ok()? })
}

impl<'n> Run<'n> {
    fn new(name: &'n str) -> Self {
        let parts = parts(name);
        Self { first: name, parts, last: parts.map_or(0, |parts| parts.number), count: 1 }
    }

    /// Whether a name is the next one; a padded number stays as wide as it is.
    fn takes(&mut self, name: &str) -> bool {
        let (Some(mine), Some(next)) = (self.parts, parts(name)) else { return false };
        let padded = |digits: &str| digits.len() > 1 && digits.starts_with('0');
        let widths = mine.digits.len() == next.digits.len() || !(padded(mine.digits) || padded(next.digits));
        let follows = mine.before == next.before
            && mine.after == next.after
            && Some(next.number) == self.last.checked_add(1);
        if follows && widths {
            self.last = next.number;
            self.count += 1;
        }
        follows && widths
    }

    fn written(&self) -> String {
        match self.parts {
            Some(Parts { before, digits, after, .. }) if self.count > 1 => {
                let width = if digits.starts_with('0') { digits.len() } else { 0 };
                format!("{before}[{digits}:{:0width$}]{after}", self.last)
            }
            _ => self.first.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::together;

    #[test]
    fn numbers_that_count_up_are_a_range() {
        let of = |names: &str| together(&names.split(' ').collect::<Vec<_>>());
        assert_eq!(of("web08 web09 web10 web11"), "web[08:11]");
        assert_eq!(of("web8 web9 web10"), "web[8:10]");
        assert_eq!(of("n1.site n2.site n3.site"), "n[1:3].site");
        assert_eq!(of("ntp-a ntp-b"), "ntp-a, ntp-b");
        assert_eq!(of("a1 a2 b1 db"), "a[1:2], b1, db");
        assert_eq!(of("a c e g i"), "a, c, e and 2 more");
        assert_eq!(of("a1 a3 a5 a7 a8 a9"), "a1, a3, a5 and 3 more");
        assert_eq!(of("web09 web10 web011"), "web[09:10], web011");
        assert_eq!(of("v18446744073709551615 v0"), "v18446744073709551615, v0");
    }
}
