//! The protocol's 32-bit float: 7 bits of exponent, 25 bits of coefficient, both two's complement, no hidden bit.
//!
//! Value = coefficient × 2^(exponent - 25). There is no infinity and no NaN, and most values have several encodings:
//! [`decode`] takes all of them, [`encode`] writes the one that chrony writes.

const COEFFICIENT_BITS: i32 = 25;
const LARGEST_EXPONENT: i32 = 63;
const SMALLEST_EXPONENT: i32 = -64;
/// Magnitudes beyond these are cut to zero, or to the largest value, without looking closer.
const NEGLIGIBLE: f64 = 1e-100;
const IMMENSE: f64 = 1e100;

/// The 32 bits for `value`. NaN becomes 0; what is too large becomes the largest value of its sign.
pub fn encode(value: f64) -> u32 {
    let magnitude = value.abs();
    if value.is_nan() || magnitude < NEGLIGIBLE {
        return 0;
    }
    let negative = value < 0.0;
    let largest = if negative { 1_i64 << 24 } else { (1 << 24) - 1 };
    if magnitude > IMMENSE {
        return pack(LARGEST_EXPONENT, largest, negative);
    }
    // Cut towards zero: below 0.5 the exponent stays one above the tight one, which costs a bit but is chrony's way.
    let mut exponent = (magnitude.log2() + 1.0) as i32;
    let mut coefficient = (magnitude * f64::from(COEFFICIENT_BITS - exponent).exp2() + 0.5) as i64;
    while coefficient > largest {
        coefficient >>= 1;
        exponent += 1;
    }
    if exponent > LARGEST_EXPONENT {
        return pack(LARGEST_EXPONENT, largest, negative);
    }
    if exponent < SMALLEST_EXPONENT {
        let excess = SMALLEST_EXPONENT - exponent;
        if excess > COEFFICIENT_BITS {
            return 0;
        }
        return pack(SMALLEST_EXPONENT, coefficient >> excess, negative);
    }
    pack(exponent, coefficient, negative)
}

/// The value of 32 bits; every pattern has one.
pub fn decode(bits: u32) -> f64 {
    let exponent = (bits as i32) >> COEFFICIENT_BITS;
    let coefficient = ((bits << 7) as i32) >> 7;
    f64::from(coefficient) * f64::from(exponent - COEFFICIENT_BITS).exp2()
}

fn pack(exponent: i32, magnitude: i64, negative: bool) -> u32 {
    let coefficient = if negative { -magnitude } else { magnitude };
    ((exponent as u32) << COEFFICIENT_BITS) | (coefficient as u32 & 0x01FF_FFFF)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chrony_writes_these_values_like_this() {
        let table = [
            (0.0, 0),
            (-0.0, 0),
            (f64::NAN, 0),
            (1e-30, 0),
            (1e-27, 0x8000_0000),
            (1.0, 0x0480_0000),
            (-1.0, 0x0300_0000),
            (2.0, 0x0680_0000),
            (3.0, 0x06C0_0000),
            (0.5, 0x0280_0000),
            (-0.25, 0xFF00_0000),
            (0.1, 0xFCCC_CCCD),
            (-0.1, 0xFD33_3333),
            (0.001, 0xF083_126F),
            (1e-6, 0xDC86_37BD),
            (1e-9, 0xC889_705F),
            (9.313225746154785e-10, 0xC880_0000),
            (100.0, 0x10C8_0000),
            (86400.0, 0x24A8_C000),
            (123456.789, 0x24F1_2065),
            (16777217.0, 0x3480_0000),
            (4.611685743549481e18, 0x7EFF_FFFF),
            (1e300, 0x7EFF_FFFF),
            (f64::INFINITY, 0x7EFF_FFFF),
            (-4.611686018427388e18, 0x7F00_0000),
            (f64::NEG_INFINITY, 0x7F00_0000),
            (1e-26, 0x8000_0006),
        ];
        for (value, bits) in table {
            assert_eq!(encode(value), bits, "{value:e} gave {:08x}", encode(value));
        }
    }

    #[test]
    fn extremes_read_as_documented() {
        assert_eq!(decode(0x7EFF_FFFF), 4.611685743549481e18);
        assert_eq!(decode(0x7F00_0000), -4.611686018427388e18);
        assert_eq!(decode(0x3480_0000), 16777216.0);
        assert_eq!(decode(0x0100_0000), -0.5);
        // The same number in two encodings.
        assert_eq!(decode(0x0480_0000), decode(0x0640_0000));
    }

    proptest! {
        #[test]
        fn a_value_survives_within_one_part_in_eight_million(value in -1e15_f64..1e15) {
            let back = decode(encode(value));
            prop_assert!((back - value).abs() <= value.abs() / 8_388_608.0 + 1e-26, "{value:e} came back as {back:e}");
        }

        #[test]
        fn what_was_read_once_is_read_again_the_same(bits: u32) {
            let value = decode(bits);
            let again = decode(encode(value));
            // The tiniest values lose bits, because chrony's encoding of small numbers wastes one.
            prop_assert!((again - value).abs() <= value.abs() / 8_388_608.0 + 1e-26);
            prop_assert_eq!(encode(again), encode(decode(encode(again))));
        }
    }
}
