//! Networks as `allow` and `deny` write them: CIDR and the short forms of chrony.conf(5).

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// Why a network is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NetworkError {
    /// A host name: it might not resolve when the daemon starts.
    Name,
    /// Bits are set beyond the prefix length; the network that was probably meant.
    HostBits {
        /// Without the surplus bits.
        network: IpNet,
    },
    /// The prefix is longer than the family's addresses.
    TooLong {
        /// 32 or 128.
        longest: u8,
    },
    /// Neither an address nor a network.
    Malformed,
}

/// Reads `10.20.0.0/16`, `10.20.0.11`, `fd00::/8` and the short forms: `10.20` is `10.20.0.0/16` (eight bits for each
/// number that is written), `0/0` every IPv4 address, `::0/0` every IPv6 address.
pub(crate) fn parse(text: &str) -> Result<IpNet, NetworkError> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let (address, implied) = address_of(address)?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => implied,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map_err(|_| NetworkError::TooLong { longest })?
        }
        Some(_) => return Err(NetworkError::Malformed),
    };
    let network = IpNet::new(address, length).map_err(|_| NetworkError::TooLong { longest })?;
    match network.trunc() {
        exact if exact == network => Ok(network),
        network => Err(NetworkError::HostBits { network }),
    }
}

/// The address and the prefix length that its spelling implies.
fn address_of(text: &str) -> Result<(IpAddr, u8), NetworkError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok((address, if address.is_ipv4() { 32 } else { 128 }));
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if text.bytes().any(|byte| byte.is_ascii_alphabetic()) && text.bytes().all(is_name) {
        return Err(NetworkError::Name);
    }
    let mut octets = [0; 4];
    let mut count = 0;
    for number in text.split('.') {
        let octet = octets.get_mut(count).ok_or(NetworkError::Malformed)?;
        let plain = number.bytes().all(|byte| byte.is_ascii_digit())
            && (number.len() == 1 || !number.starts_with('0'));
        *octet = if plain { number.parse().ok() } else { None }.ok_or(NetworkError::Malformed)?;
        count += 1;
    }
    let implied = u8::try_from(8 * count).unwrap_or(32);
    Ok((IpAddr::V4(Ipv4Addr::from(octets)), implied))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_the_notebooks_short_forms() {
        for (written, meant) in [
            ("10.20.0.0/16", "10.20.0.0/16"),
            ("10.20", "10.20.0.0/16"),
            ("10", "10.0.0.0/8"),
            ("1.2.3", "1.2.3.0/24"),
            ("3.4/16", "3.4.0.0/16"),
            ("0/0", "0.0.0.0/0"),
            ("::0/0", "::/0"),
            ("::/0", "::/0"),
            ("10.20.0.11", "10.20.0.11/32"),
            ("fd00::1", "fd00::1/128"),
            ("2001:db8::/32", "2001:db8::/32"),
        ] {
            assert_eq!(parse(written).map(|network| network.to_string()), Ok(meant.to_owned()), "{written}");
        }
    }

    #[test]
    fn what_is_no_network_says_why() {
        assert_eq!(parse("web1.example"), Err(NetworkError::Name));
        assert_eq!(
            parse("10.20.0.5/16"),
            Err(NetworkError::HostBits { network: "10.20.0.0/16".parse().unwrap() })
        );
        assert_eq!(parse("fd00::1/8"), Err(NetworkError::HostBits { network: "fd00::/8".parse().unwrap() }));
        assert_eq!(parse("10.0.0.0/33"), Err(NetworkError::TooLong { longest: 32 }));
        assert_eq!(parse("::/129"), Err(NetworkError::TooLong { longest: 128 }));
        assert_eq!(parse("::/999"), Err(NetworkError::TooLong { longest: 128 }));
        for malformed in
            ["", "/", "10.", "10.20.30.40.50", "256", "10.020", "10/", "10/-1", "10/+8", "::g", "a b", "1,2"]
        {
            assert_eq!(parse(malformed), Err(NetworkError::Malformed), "{malformed}");
        }
    }
}
