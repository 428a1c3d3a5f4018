//! The page at `/docs` that shows the OpenAPI document, from files inside the binary.
//!
//! Fetches nothing from elsewhere and runs no script but its own, which stands in the page and is
//! let run by its hash. Knows no route but its own.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use claviger_app::sha256;
use serde_json::Value;

const PAGE: &str = "/docs";
const DOCUMENT: &str = "/api/v1/openapi.json";
/// Paths that are answered to anybody and stand in no other table.
pub(crate) const PATHS: &[&str] = &[PAGE, DOCUMENT];

/// Only what stands in the page, the document from this server, and no framing. The hashes are of
/// what stands between the tags, white space included, as browsers take them.
fn policy(page: &str) -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash_of(page, "script"),
        hash_of(page, "style")
    )
}

/// What lets the one script or style of a page run: the hash of what stands between its tags.
pub(crate) fn hash_of(page: &str, tag: &str) -> String {
    let after = page.split_once(&format!("<{tag}>")).map_or("", |(_, after)| after);
    let text = after.split_once(&format!("</{tag}>")).map_or("", |(text, _)| text);
    format!("'sha256-{}'", STANDARD.encode(sha256(text.as_bytes())))
}

/// The page, and the document it shows.
pub(crate) fn router(document: &Value) -> Router {
    let page = include_str!("docs/docs.html")
        .replace("/* docs.css */", include_str!("docs/docs.css"))
        .replace("/* docs.js */", include_str!("docs/docs.js"));
    let policy = policy(&page);
    let file = |media: &'static str, body: Bytes| {
        let headers = [
            (CONTENT_TYPE, media.to_owned()),
            (CONTENT_SECURITY_POLICY, policy.clone()),
            (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
            (REFERRER_POLICY, "no-referrer".to_owned()),
            (CACHE_CONTROL, "no-cache".to_owned()),
        ];
        get(async move || (headers.clone(), body.clone()))
    };
    Router::new()
        .route(PAGE, file("text/html; charset=utf-8", Bytes::from(page)))
        .route(DOCUMENT, file("application/json", Bytes::from(document.to_string())))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn text(path: &str) -> (Vec<(String, String)>, String) {
        let app = router(&serde_json::json!({ "openapi": "3.1.0" }));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (headers, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn every_file_comes_with_the_policy() {
        for path in PATHS {
            let (headers, body) = text(path).await;
            let has = |name: &str, value: &str| {
                headers.iter().any(|(known, it)| known == name && it.contains(value))
            };
            assert!(has("content-security-policy", "default-src 'none'"), "{path}");
            assert!(has("x-content-type-options", "nosniff"), "{path}");
            assert!(!body.is_empty());
        }
    }

    #[tokio::test]
    async fn the_page_needs_nothing_the_policy_forbids() {
        let (headers, page) = text(PAGE).await;
        for forbidden in
            ["http://", "onclick", "onload=", "style=", "src=", "<link", "innerHTML", "eval("]
        {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        // What stands in the page is what the policy's hashes let run, as a browser cuts it out.
        let policy = headers.iter().find(|(name, _)| name == "content-security-policy");
        let policy = &policy.unwrap().1;
        for element in ["style", "script"] {
            let (open, close) = (format!("<{element}>"), format!("</{element}>"));
            assert_eq!((page.matches(&open).count(), page.matches(&close).count()), (1, 1));
            let inside = page.split_once(&open).unwrap().1.split_once(&close).unwrap().0;
            assert!(inside.len() > 500, "{element} is in the page");
            let hash = STANDARD.encode(sha256(inside.as_bytes()));
            assert!(policy.contains(&format!("{element}-src 'sha256-{hash}'")), "{element}");
        }
        assert!(page.contains("lang=\"en\"") && page.contains("<label"));
    }
}
