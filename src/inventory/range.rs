//! Host ranges: `web[01:20]` stands for web01, web02, … web20.

/// More hosts than this are not read from one inventory.
pub(crate) const MAX_HOSTS: usize = 1_000_000;

/// A name or an address that may stand for many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
    count: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Numbers { first: u64, count: usize, width: usize },
}

/// Why a range is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RangeError {
    /// A bracket without its partner, or something else than `first:last` between them.
    #[error("a range is written `[first:last]` with two whole numbers, as in `web[01:20]`")]
    Malformed,
    /// `[20:1]`.
    #[error("the range [{first}:{last}] runs backwards")]
    Backwards {
        /// As written.
        first: String,
        /// As written.
        last: String,
    },
    /// `[01:100]`: is the second number 02 or 002?
    #[error(
        "the range [{first}:{last}] begins with a zero: write both numbers with the same number of digits"
    )]
    Padding {
        /// As written.
        first: String,
        /// As written.
        last: String,
    },
    /// `[1:1000000000]`.
    #[error("this range stands for more than {MAX_HOSTS} hosts")]
    TooMany,
}

impl Pattern {
    /// Reads a pattern; one without brackets stands for itself. Several ranges count like digits: the last runs
    /// fastest.
    pub(crate) fn parse(text: &str) -> Result<Self, RangeError> {
        let mut parts = Vec::new();
        let mut count = 1_usize;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('[') {
            let (inside, after) = after.split_once(']').ok_or(RangeError::Malformed)?;
            let numbers = numbers(inside)?;
            if let Part::Numbers { count: of_part, .. } = numbers {
                count = count.checked_mul(of_part).filter(|&n| n <= MAX_HOSTS).ok_or(RangeError::TooMany)?;
            }
            parts.push(Part::Literal(literal(before)?));
            parts.push(numbers);
            rest = after;
        }
        parts.push(Part::Literal(literal(rest)?));
        Ok(Self { parts, count })
    }

    /// How many names it stands for.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The name at `index`, counted from 0.
    pub(crate) fn nth(&self, index: usize) -> String {
        let mut place_value = self.count;
        let mut rest = index;
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => name.push_str(text),
                Part::Numbers { first, count, width } => {
                    place_value = (place_value / count).max(1);
                    let number = first + (rest / place_value) as u64;
                    rest %= place_value;
                    name.push_str(&format!("{number:0width$}"));
                }
            }
        }
        name
    }
}

fn literal(text: &str) -> Result<String, RangeError> {
    if text.contains(']') { Err(RangeError::Malformed) } else { Ok(text.to_owned()) }
}

fn numbers(inside: &str) -> Result<Part, RangeError> {
    let (first, last) = inside.split_once(':').ok_or(RangeError::Malformed)?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return Err(RangeError::Malformed);
    }
    let written = (first.to_owned(), last.to_owned());
    let padded = first.len() > 1 && first.starts_with('0');
    if padded && first.len() != last.len() {
        return Err(RangeError::Padding { first: written.0, last: written.1 });
    }
    let width = if padded { first.len() } else { 0 };
    let first = first.parse::<u64>().map_err(|_| RangeError::TooMany)?;
    let last = last.parse::<u64>().map_err(|_| RangeError::TooMany)?;
    let span = last.checked_sub(first).ok_or(RangeError::Backwards { first: written.0, last: written.1 })?;
    let count = usize::try_from(span).ok().and_then(|span| span.checked_add(1)).ok_or(RangeError::TooMany)?;
    Ok(Part::Numbers { first, count, width })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let pattern = Pattern::parse(text).unwrap();
        (0..pattern.count()).map(|index| pattern.nth(index)).collect()
    }

    #[test]
    fn ranges_keep_their_zeros() {
        assert_eq!(all("web[08:11]"), ["web08", "web09", "web10", "web11"]);
        assert_eq!(all("web[8:11].site"), ["web8.site", "web9.site", "web10.site", "web11.site"]);
        assert_eq!(all("10.20.[1:2].[1:2]"), ["10.20.1.1", "10.20.1.2", "10.20.2.1", "10.20.2.2"]);
        assert_eq!(all("db1"), ["db1"]);
        assert_eq!(all("n[0:0]"), ["n0"]);
        assert_eq!(all("n[5:5]"), ["n5"]);
    }

    #[test]
    fn what_is_no_range_says_why() {
        let error = |text| Pattern::parse(text).unwrap_err().to_string();
        let malformed = "a range is written `[first:last]` with two whole numbers, as in `web[01:20]`";
        for text in
            ["web[1:20", "web1:20]", "web[1-20]", "web[a:f]", "web[]", "web[:3]", "web[1:2:3]", "w[[1:2]]"]
        {
            assert_eq!(error(text), malformed, "{text}");
        }
        assert_eq!(error("web[20:1]"), "the range [20:1] runs backwards");
        assert_eq!(
            error("web[01:100]"),
            "the range [01:100] begins with a zero: write both numbers with the same number of digits"
        );
        for text in [
            "h[1:1000000000]",
            "h[1:99999999999999999999999]",
            "h[0:18446744073709551615]",
            "h[1:2000][1:2000]",
        ] {
            assert_eq!(error(text), "this range stands for more than 1000000 hosts", "{text}");
        }
    }
}
