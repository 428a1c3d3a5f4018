//! Ranges of addresses, and which addresses belong to the public internet.
//!
//! Pure. Ranges are those of the IANA special-purpose registries (RFC 6890 and what came after).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A range of addresses, written `10.0.0.0/8` or as one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    address: IpAddr,
    bits: u8,
}

impl Range {
    /// Reads a range; `None` where it is none, or has bits set after its length.
    pub(crate) fn parse(text: &str) -> Option<Range> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => {
                let digits = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
                (address.parse::<IpAddr>().ok()?, digits.then(|| bits.parse().ok())??)
            }
            None => {
                let address = text.parse::<IpAddr>().ok()?;
                (address, if address.is_ipv4() { 32 } else { 128 })
            }
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let range = Range { address, bits };
        (bits <= most && range.first() == address).then_some(range)
    }

    fn first(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(it) => IpAddr::V4(Ipv4Addr::from_bits(it.to_bits() & mask4(self.bits))),
            IpAddr::V6(it) => IpAddr::V6(Ipv6Addr::from_bits(it.to_bits() & mask6(self.bits))),
        }
    }

    /// Whether an address lies in the range. An IPv4 range holds only IPv4 addresses; a mapped
    /// address counts as the IPv4 address it is sent to.
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(it)) => {
                (own.to_bits() ^ it.to_bits()) & mask4(self.bits) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(it)) => {
                (own.to_bits() ^ it.to_bits()) & mask6(self.bits) == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.bits)
    }
}

fn mask4(bits: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)
}

fn mask6(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

const SPECIAL_4: [([u8; 4], u8); 17] = [
    ([0, 0, 0, 0], 8),          // this network
    ([10, 0, 0, 0], 8),         // private
    ([100, 64, 0, 0], 10),      // carriers' NAT, and a cloud's metadata
    ([127, 0, 0, 0], 8),        // loopback
    ([168, 63, 129, 16], 32),   // a cloud's metadata at a public address
    ([169, 254, 0, 0], 16),     // link-local, and most clouds' metadata
    ([172, 16, 0, 0], 12),      // private
    ([192, 0, 0, 0], 24),       // protocol assignments, and a cloud's metadata
    ([192, 0, 2, 0], 24),       // documentation
    ([192, 88, 99, 0], 24),     // 6to4 relays
    ([192, 168, 0, 0], 16),     // private
    ([198, 18, 0, 0], 15),      // benchmarks
    ([198, 51, 100, 0], 24),    // documentation
    ([203, 0, 113, 0], 24),     // documentation
    ([224, 0, 0, 0], 4),        // multicast
    ([240, 0, 0, 0], 4),        // reserved
    ([255, 255, 255, 255], 32), // broadcast
];

/// Inside `2000::/3`, outside of which nothing is public: mapped (`::ffff:0:0/96`), NAT64
/// (`64:ff9b::/96`, `64:ff9b:1::/48`), unique-local, link-local and multicast are all there.
const SPECIAL_6: [([u16; 3], u8); 5] = [
    ([0x2001, 0, 0], 23),     // protocol assignments, Teredo among them
    ([0x2001, 0xdb8, 0], 32), // documentation
    ([0x2002, 0, 0], 16),     // 6to4
    ([0x3ffe, 0, 0], 16),     // the former 6bone
    ([0x3fff, 0, 0], 20),     // documentation
];

/// Whether an address is an ordinary one of the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    let within = |first: IpAddr, bits| Range { address: first, bits }.holds(address);
    match address {
        IpAddr::V4(_) => !SPECIAL_4.iter().any(|(first, bits)| within((*first).into(), *bits)),
        IpAddr::V6(it) => {
            let special = SPECIAL_6.iter().any(|([a, b, c], bits)| {
                within(Ipv6Addr::new(*a, *b, *c, 0, 0, 0, 0, 0).into(), *bits)
            });
            it.segments()[0] & 0xe000 == 0x2000 && !special
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ordinary_addresses_are_public() {
        for public in [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.216.34",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "2001:4860:4860::8888",
            "2001:200::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn special_addresses_are_not() {
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "3ffe::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }

    #[test]
    fn ranges_are_exact() {
        let range = |text: &str| Range::parse(text).unwrap();
        assert!(range("10.0.0.0/8").holds("10.9.8.7".parse().unwrap()));
        assert!(range("10.0.0.0/8").holds("::ffff:10.9.8.7".parse().unwrap()));
        assert!(!range("10.0.0.0/8").holds("11.0.0.0".parse().unwrap()));
        assert!(range("0.0.0.0/0").holds("1.2.3.4".parse().unwrap()));
        assert!(range("fd00::/8").holds("fd12::1".parse().unwrap()));
        assert!(!range("::/0").holds("1.2.3.4".parse().unwrap()));
        assert!(range("127.0.0.1").holds("127.0.0.1".parse().unwrap()));
        for wrong in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "a", "", "::/129"] {
            assert_eq!(Range::parse(wrong), None, "{wrong}");
        }
    }
}
