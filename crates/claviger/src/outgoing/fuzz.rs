//! URLs of webhooks, made at random: an accepted one is HTTPS, on a usual port, and no address of
//! an inner network, whatever its spelling.

use std::net::{IpAddr, Ipv4Addr};

use url::Host;

use super::{Rules, USUAL_PORTS};

#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "../../../web/tests/fuzz/driver.rs"]
mod driver;

const SEEDS: &[&str] = &[
    "https://example.org/hook?a=1#part",
    "https://8.8.8.8:8443/x",
    "https://[2001:4860:4860::8888]/",
    "https://127.0.0.1/",
    "https://0x7f.1/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://user:pw@example.org/",
    "HTTPS://Example.ORG./",
    "https://127.0.0.1.%2e/",
];

const WORDS: &[&str] = &[
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "0x",
    "0177",
    "2130706433",
    "[::1]",
    "[fe80::1]",
    "::ffff:",
    "1.1",
    "@",
    "#",
    "\\",
    "//",
    ":",
    ".",
    "%31",
    "%2e",
    "１２７",
    "。",
    "\t",
    "localhost",
    ":443",
    ":8080",
    "?",
    "xn--",
    "ß",
    "0",
    "255",
];

/// What the standard library calls an address that is not for everybody to reach, asked apart from
/// the table that is tested.
fn is_inner(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => is_inner_4(it),
        IpAddr::V6(it) => {
            it.is_loopback()
                || it.is_unspecified()
                || it.is_multicast()
                || it.is_unique_local()
                || it.is_unicast_link_local()
                || it.to_ipv4().is_some_and(is_inner_4)
        }
    }
}

fn is_inner_4(it: Ipv4Addr) -> bool {
    it.is_loopback()
        || it.is_private()
        || it.is_link_local()
        || it.is_unspecified()
        || it.is_multicast()
        || it.is_broadcast()
        || it.is_documentation()
        || it.octets()[0] == 0
}

#[test]
fn an_accepted_address_is_never_an_inner_one() {
    let rules = Rules::default();
    let seeds: Vec<Vec<u8>> = SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect();
    let (mut accepted, mut addresses) = (0_u64, 0_u64);
    driver::feed(&seeds, WORDS, |input| {
        let Ok(text) = std::str::from_utf8(input) else { return };
        let Ok(target) = rules.target(text) else { return };
        accepted += 1;
        assert!(target.tls && USUAL_PORTS.contains(&target.port), "{target:?}");
        assert!(target.path.starts_with('/') && !target.path.contains(['\r', '\n', ' ']));
        assert!(!target.authority().contains(['@', '/', '\r', '\n', ' ']), "{target:?}");
        let address = match &target.host {
            Host::Ipv4(it) => Some(IpAddr::V4(*it)),
            Host::Ipv6(it) => Some(IpAddr::V6(*it)),
            // What a resolver would take for an address is one.
            Host::Domain(name) => name.trim_end_matches('.').parse().ok(),
        };
        addresses += u64::from(address.is_some());
        assert!(!address.is_some_and(is_inner), "{target:?}");
        // Written out it is the same target.
        let again = format!("https://{}{}", target.authority(), target.path);
        let again = rules.target(&again);
        assert_eq!(again.as_ref(), Ok(&target), "another target");
    });
    assert!(accepted > 0 && addresses > 0, "the seeds are accepted");
}
