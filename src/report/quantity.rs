//! Quantities as a person reads them: three digits and the unit that fits.

use timefleet_agent::time::Seconds;

/// A span without its sign: `0 ns`, `812 ns`, `1.23 us`, `45.6 ms`, `3 s`, `2.5 h`.
pub(crate) fn span(span: Seconds) -> String {
    let size = span.0.abs();
    if !size.is_finite() {
        return "?".to_owned();
    }
    let (value, unit) = match size {
        s if s < 999.5e-9 => (s * 1e9, "ns"),
        s if s < 999.5e-6 => (s * 1e6, "us"),
        s if s < 999.5e-3 => (s * 1e3, "ms"),
        s if s < 999.5 => (s, "s"),
        s if s < 86_400.0 => (s / 3600.0, "h"),
        s => (s / 86_400.0, "d"),
    };
    format!("{} {unit}", three_digits(value))
}

/// A span with its sign: `+1.2 us`, `-45.6 ms`, `0 ns`.
pub(crate) fn signed(offset: Seconds) -> String {
    match offset.nanos() {
        0 => "0 ns".to_owned(),
        nanos if nanos > 0 => format!("+{}", span(offset)),
        _ => format!("-{}", span(offset)),
    }
}

/// A count and its noun: `1 host`, `5 hosts`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// What was found, as one phrase: `2 errors`, `1 error and 3 warnings`, `1 warning`.
pub(crate) fn errors_and_warnings(errors: usize, warnings: usize) -> String {
    match (errors, warnings) {
        (_, 0) => count(errors, "error"),
        (0, _) => count(warnings, "warning"),
        _ => format!("{} and {}", count(errors, "error"), count(warnings, "warning")),
    }
}

/// Three significant digits, no trailing zeros: what is beyond them is noise in a table.
fn three_digits(value: f64) -> String {
    let decimals = match value {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_takes_the_unit_that_fits() {
        let spoken = |seconds: f64| span(Seconds(seconds));
        assert_eq!(spoken(0.0), "0 ns");
        assert_eq!(spoken(812e-9), "812 ns");
        assert_eq!(spoken(1.234e-6), "1.23 us");
        assert_eq!(spoken(-45.63e-3), "45.6 ms");
        assert_eq!(spoken(0.9996), "1 s");
        assert_eq!(spoken(3.0), "3 s");
        assert_eq!(spoken(9000.0), "2.5 h");
        assert_eq!(spoken(172_800.0), "2 d");
        assert_eq!(spoken(f64::NAN), "?");
    }

    #[test]
    fn an_offset_keeps_its_sign() {
        assert_eq!(signed(Seconds(2.5e-6)), "+2.5 us");
        assert_eq!(signed(Seconds(-0.1)), "-100 ms");
        assert_eq!(signed(Seconds(-1e-12)), "0 ns");
    }

    #[test]
    fn one_host_is_no_plural() {
        assert_eq!(count(1, "host"), "1 host");
        assert_eq!(count(0, "write"), "0 writes");
        assert_eq!(errors_and_warnings(1, 3), "1 error and 3 warnings");
        assert_eq!(errors_and_warnings(2, 0), "2 errors");
        assert_eq!(errors_and_warnings(0, 1), "1 warning");
    }
}
