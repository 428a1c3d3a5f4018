//! Entity tags: what an answer is stamped with, and what a caller says it has seen.
//!
//! `"r<revision>-<hash>"` on objects, `"h-<hash>"` on lists and where a vendor's API has tags,
//! `"plan-<hex>"` for a dry run's plan.
//! The hash tells answers apart; it keeps nothing secret and proves nothing.

/// What `If-Match` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IfMatch {
    /// `*`: whatever it is, as long as it is there.
    pub(crate) any: bool,
    /// Revisions of the object, any of which will do.
    pub(crate) revisions: Vec<u64>,
    /// The digest of the plan that is demanded, as text: `plan-<hex>`.
    pub(crate) plan: Option<String>,
}

impl IfMatch {
    /// Reads the header; a tag that is none of ours matches nothing. Weak tags count as strong:
    /// proxies that compress weaken them, and only the revision is compared.
    pub(crate) fn parse(header: &str) -> IfMatch {
        let mut wants = IfMatch::default();
        for tag in tags(header) {
            if tag == "*" {
                wants.any = true;
            } else if let Some(rest) = tag.strip_prefix('r') {
                let revision = rest.split_once('-').map_or(rest, |(revision, _)| revision);
                wants.revisions.extend(revision.parse::<u64>());
            } else if tag.starts_with("plan-") {
                wants.plan = Some(tag.to_owned());
            }
        }
        wants
    }
}

/// Whether `If-None-Match` names the tag (weak comparison).
pub(crate) fn none_match_names(header: &str, etag: &str) -> bool {
    tags(header).any(|tag| tag == "*" || tag == etag.trim_matches('"'))
}

/// The opaque parts of a list of entity tags.
fn tags(header: &str) -> impl Iterator<Item = &str> {
    header.split(',').map(|tag| {
        let tag = tag.trim();
        tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')
    })
}

/// The tag of an object.
pub(crate) fn of_object(revision: u64, body: &[u8]) -> String {
    format!("\"r{revision}-{:016x}\"", hash(body))
}

/// The tag of what has no revision, such as a list.
pub(crate) fn of_body(body: &[u8]) -> String {
    format!("\"h-{:016x}\"", hash(body))
}

/// FNV-1a of 64 bits: the same on every node and in every version.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_reads_the_part_before_the_dash() {
        let tag = of_object(12, b"{}");
        assert!(tag.starts_with("\"r12-") && tag.ends_with('"'));
        assert_eq!(IfMatch::parse(&tag).revisions, [12]);
        let wants = IfMatch::parse("W/\"r7-00\", \"r9-ff\"");
        assert_eq!(wants.revisions, [7, 9]);
        assert!(IfMatch::parse("*").any);
        for foreign in ["\"abc\"", "\"h-00\"", "", "r", "\"rx-1\""] {
            assert_eq!(IfMatch::parse(foreign), IfMatch::default(), "{foreign}");
        }
        let plan = IfMatch::parse("\"plan-0a1b\"");
        assert_eq!(plan.plan.as_deref(), Some("plan-0a1b"));
    }

    #[test]
    fn if_none_match_compares_the_whole() {
        let (one, two) = (of_object(12, b"{\"state\":1}"), of_object(12, b"{\"state\":2}"));
        assert!(none_match_names(&one, &one) && none_match_names("\"x\", *", &one));
        assert!(none_match_names(&format!("W/{one}"), &one));
        assert!(!none_match_names(&two, &one) && !none_match_names("", &one));
        assert_ne!(of_body(b"[]"), of_body(b"[1]"));
    }
}
