//! The page at `/docs` that shows the OpenAPI document, from files inside the binary.
//!
//! Fetches nothing from elsewhere and runs no script but its own. Knows no route but its own.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::routing::get;
use serde_json::Value;

/// Only this server's own files, and no framing.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page, its two files, and the document it shows.
pub(crate) fn router(document: &Value) -> Router {
    let file = |media: &'static str, body: Bytes| {
        let headers = [
            (CONTENT_TYPE, media),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-cache"),
        ];
        get(async move || (headers, body.clone()))
    };
    let page = include_str!("docs/docs.html");
    let style = include_str!("docs/docs.css");
    let script = include_str!("docs/docs.js");
    let document = Bytes::from(document.to_string());
    Router::new()
        .route("/docs", file("text/html; charset=utf-8", Bytes::from_static(page.as_bytes())))
        .route(
            "/docs/docs.css",
            file("text/css; charset=utf-8", Bytes::from_static(style.as_bytes())),
        )
        .route(
            "/docs/docs.js",
            file("text/javascript; charset=utf-8", Bytes::from_static(script.as_bytes())),
        )
        .route("/api/v1/openapi.json", file("application/json", document))
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
        for path in ["/docs", "/docs/docs.css", "/docs/docs.js", "/api/v1/openapi.json"] {
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
        let (_, page) = text("/docs").await;
        let (_, script) = text("/docs/docs.js").await;
        let (_, style) = text("/docs/docs.css").await;
        for text in [&page, &script, &style] {
            for forbidden in
                ["http://", "onclick", "onload=", "style=", "<style", "innerHTML", "eval("]
            {
                assert!(!text.contains(forbidden), "{forbidden}");
            }
        }
        // Every file the page names is one of this server's.
        for name in page.split(['"']).filter(|part| part.starts_with("/docs/")) {
            text(name).await;
        }
        assert!(page.contains("lang=\"en\"") && page.contains("<label>"));
    }
}
