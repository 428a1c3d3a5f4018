//! The pages of log-in and consent: HTML that needs no script, fetches nothing and is shown in no
//! frame. Decides nothing.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use claviger_app::consent::{Program, Question};

use super::scope;
use crate::docs::hash_of;

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:10vh auto;padding:0 1rem}\
h1{font-size:1.4rem}\
label{display:block;margin-top:1rem}\
input{box-sizing:border-box;width:100%;font:inherit;padding:.5rem}\
button{font:inherit;padding:.5rem 1.25rem;margin:1.5rem .75rem 0 0}\
[role=alert]{border-left:.25rem solid #c00;padding-left:.75rem}\
";

/// Sends a page's form at once; where scripts do not run its button does.
const SEND: &str = "document.forms[0].submit()";

/// Fields that a form sends without showing them.
pub(super) type Hidden<'p> = Vec<(&'p str, &'p str)>;

/// Asks for name and password.
pub(super) fn log_in(program: &Program, hidden: &Hidden<'_>, flaw: Option<&str>) -> Page {
    let flaw = flaw.map(|it| format!("<p role=\"alert\">{}</p>", escaped(it)));
    let body = format!(
        "<h1>Log in</h1><p>{} wants to act for you.</p>{}<form method=\"post\">{}\
         <label for=\"login\">E-mail address or phone number</label>\
         <input id=\"login\" name=\"login\" autocomplete=\"username\" required autofocus>\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" \
         autocomplete=\"current-password\" required>\
         <button>Log in</button></form>",
        named(program),
        flaw.unwrap_or_default(),
        inputs(hidden),
    );
    Page::new("Log in", &body)
}

/// Asks whether a program may act for somebody who has logged in.
pub(super) fn consent(
    program: &Program,
    scope: &str,
    question: &Question,
    hidden: &Hidden<'_>,
) -> Page {
    let item = |text: &str| format!("<li>{}</li>", escaped(text));
    let scopes: String = scope::in_words(scope).into_iter().map(item).collect();
    let mut places: String = question.places.iter().map(|it| item(it)).collect();
    if question.more {
        places.push_str("<li>and others</li>");
    }
    let (who, name) = (escaped(&question.account), named(program));
    let (asked, yes) = match question.places.is_empty() {
        true => {
            (format!("<p role=\"alert\">You manage no place in which {name} could act.</p>"), "")
        }
        false => (
            format!(
                "<p>{name} wants to act for you. It will be able to:</p><ul>{scopes}</ul>\
                 <p>as far as you may yourself, in the places of {} that you manage:</p>\
                 <ul>{places}</ul><p>It ends when you change your password or log out \
                 everywhere.</p>",
                escaped(&program.organization),
            ),
            "<button name=\"answer\" value=\"yes\">Allow</button>",
        ),
    };
    let body = format!(
        "<h1>Allow {name}?</h1><p>You are logged in as {who}.</p>{asked}\
         <form method=\"post\">{}{yes}\
         <button name=\"answer\" value=\"no\">Do not allow</button></form>",
        inputs(hidden),
    );
    Page::new("Allow a program", &body)
}

fn named(program: &Program) -> String {
    format!("<strong>{}</strong>", escaped(&program.client.name))
}

/// Says that it does not go on here, and why.
pub(super) fn ended(status: StatusCode, why: &str) -> Page {
    let body = format!("<h1>This did not work</h1><p role=\"alert\">{}</p>", escaped(why));
    Page::new("This did not work", &body).with(status)
}

/// Sends an answer to a program as a form.
pub(super) fn sent(address: &str, fields: &Hidden<'_>) -> Page {
    let body = format!(
        "<form method=\"post\" action=\"{}\">{}<p>You are sent back to the program.</p>\
         <button>Go on</button></form><script>{SEND}</script>",
        escaped(address),
        inputs(fields),
    );
    Page::new("Back to the program", &body).towards(address)
}

/// A page before it is sent.
pub(super) struct Page {
    status: StatusCode,
    html: String,
    /// Where else its form may lead.
    forms: String,
}

impl Page {
    fn new(title: &str, body: &str) -> Page {
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title} · Claviger\
             </title><style>{STYLE}</style></head><body><main>{body}</main></body></html>"
        );
        Page { status: StatusCode::OK, html, forms: String::new() }
    }

    pub(super) fn with(self, status: StatusCode) -> Page {
        Page { status, ..self }
    }

    /// Lets the form lead to an address, which browsers ask also of what answers a form.
    pub(super) fn towards(mut self, address: &str) -> Page {
        self.forms = format!(" {}", source(address));
        self
    }
}

/// An address that people are sent back to, as a policy names it: as far as its port, or its scheme
/// where that is all a policy can say.
fn source(address: &str) -> &str {
    let scheme = address.find(':').map_or("", |at| &address[..=at]);
    let Some((_, rest)) = address.split_once("://") else { return scheme };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    if rest.starts_with('[') { scheme } else { &address[..address.len() - rest.len() + end] }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let script = match self.html.contains("<script>") {
            true => format!(" script-src {};", hash_of(&self.html, "script")),
            false => String::new(),
        };
        let policy = format!(
            "default-src 'none'; style-src {};{script} form-action 'self'{}; base-uri 'none'; \
             frame-ancestors 'none'",
            hash_of(&self.html, "style"),
            self.forms
        );
        let mut response = (self.status, self.html).into_response();
        let headers = response.headers_mut();
        let text = HeaderValue::from_static;
        headers.insert(CONTENT_TYPE, text("text/html; charset=utf-8"));
        headers.insert(X_FRAME_OPTIONS, text("DENY"));
        // With no referrer at all a browser would not say from which page a form comes.
        headers.insert(REFERRER_POLICY, text("same-origin"));
        headers.insert(CACHE_CONTROL, text("no-store"));
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

fn inputs(hidden: &Hidden<'_>) -> String {
    let input = |(name, value): &(&str, &str)| {
        let (name, value) = (escaped(name), escaped(value));
        format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
    };
    hidden.iter().map(input).collect()
}

/// A text as it stands in HTML, within quotes too.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_stays_text() {
        let page = sent("https://a.example/?x=1&y='", &vec![("state", "\"><script>alert(1)//")]);
        assert!(
            page.html.contains("value=\"&quot;&gt;&lt;script&gt;alert(1)//\""),
            "{}",
            page.html
        );
        assert!(page.html.contains("action=\"https://a.example/?x=1&amp;y=&#39;\""));
        assert_eq!(page.html.matches("<script>").count(), 1);
    }

    #[test]
    fn a_policy_names_where_a_form_may_lead() {
        for (address, named) in [
            ("https://a.example/done?x", "https://a.example"),
            ("https://a.example?x", "https://a.example"),
            ("http://127.0.0.1:5000/", "http://127.0.0.1:5000"),
            ("http://[::1]:5000/", "http:"),
            ("org.example.app:/done", "org.example.app:"),
        ] {
            assert_eq!(source(address), named);
        }
        let response = sent("https://a.example/x", &Vec::new()).into_response();
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("form-action 'self' https://a.example;"), "{policy}");
        assert!(
            policy.contains("script-src 'sha256-") && policy.contains("frame-ancestors 'none'")
        );
        let plain = ended(StatusCode::BAD_REQUEST, "x").into_response();
        assert!(!plain.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src"));
    }
}
