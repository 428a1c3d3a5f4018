//! What a handler gives back, and how it becomes a response: entity tags, revisions, 304.
//! Knows no noun.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use serde_json::Value;

use crate::etag;

/// The place's revision that a write made.
const REVISION: HeaderName = HeaderName::from_static("claviger-revision");

/// The body of an answer.
#[derive(Debug)]
enum Content {
    None,
    /// JSON with the tag of an object, a list, or none.
    Json(Value, Tagged),
    Raw(&'static str, Body),
}

#[derive(Clone, Copy, Debug)]
enum Tagged {
    /// By its field `revision`.
    Object,
    List,
    /// By its field `digest`.
    Plan,
    No,
}

/// An answer when all went well.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    content: Content,
    revision: Option<u64>,
    location: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    fn new(status: StatusCode, content: Content) -> Reply {
        Reply { status, content, revision: None, location: None, headers: Vec::new() }
    }

    /// 200 with an object; its tag is made of its field `revision` and its hash.
    pub(crate) fn object(object: Value) -> Reply {
        Reply::new(StatusCode::OK, Content::Json(object, Tagged::Object))
    }

    /// 201 with an object and where it is.
    pub(crate) fn created(object: Value, location: String) -> Reply {
        let content = Content::Json(object, Tagged::Object);
        Reply { location: Some(location), ..Reply::new(StatusCode::CREATED, content) }
    }

    /// 200 with a page of a list, made by [`super::page::Paging`].
    pub(crate) fn page(page: Value) -> Reply {
        Reply::new(StatusCode::OK, Content::Json(page, Tagged::List))
    }

    /// 200 with something that has no tag: a decision, a count.
    pub(crate) fn plain(value: Value) -> Reply {
        Reply::new(StatusCode::OK, Content::Json(value, Tagged::No))
    }

    /// 200 with `{plan, digest}`; the tag is the digest.
    pub(crate) fn plan(answer: Value) -> Reply {
        Reply::new(StatusCode::OK, Content::Json(answer, Tagged::Plan))
    }

    /// 202, with something or nothing.
    pub(crate) fn accepted(value: Option<Value>) -> Reply {
        let content = value.map_or(Content::None, |value| Content::Json(value, Tagged::No));
        Reply::new(StatusCode::ACCEPTED, content)
    }

    /// 204.
    pub(crate) fn empty() -> Reply {
        Reply::new(StatusCode::NO_CONTENT, Content::None)
    }

    /// 200 with a body of another type, or one that never ends.
    pub(crate) fn raw(media_type: &'static str, body: impl Into<Body>) -> Reply {
        Reply::new(StatusCode::OK, Content::Raw(media_type, body.into()))
    }

    /// The same with another status.
    pub(crate) fn status(mut self, status: u16) -> Reply {
        self.status = StatusCode::from_u16(status).unwrap_or(self.status);
        self
    }

    /// The same with the revision of the place that the write made, unless it has one.
    pub(crate) fn revision(mut self, revision: u64) -> Reply {
        self.revision.get_or_insert(revision);
        self
    }

    /// The same with one more header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Reply {
        self.headers.push((name, value));
        self
    }

    /// The body, where it is JSON: what is kept to answer a retry with.
    pub(crate) fn json(&self) -> Option<&Value> {
        match &self.content {
            Content::Json(value, _) => Some(value),
            _ => None,
        }
    }

    /// The response to a request of which that is known.
    pub(crate) fn respond(self, seen: &Seen) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let mut tag = None;
        match self.content {
            Content::None => {}
            Content::Raw(media_type, body) => {
                *response.body_mut() = body;
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            }
            Content::Json(value, tagged) => {
                let bytes = value.to_string().into_bytes();
                tag = tag_of(&value, tagged, &bytes);
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(CONTENT_TYPE, json);
                *response.body_mut() = Body::from(bytes);
            }
        }
        if tag.as_deref().is_some_and(|tag| seen.knows(tag)) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(CONTENT_TYPE);
        }
        let headers = response.headers_mut();
        let caching = if seen.reads { "private, no-cache" } else { "no-store" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        let texts = [
            (ETAG, tag),
            (REVISION, self.revision.map(|r| r.to_string())),
            (LOCATION, self.location),
        ];
        for (name, text) in texts {
            if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
                headers.insert(name, value);
            }
        }
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}

fn tag_of(value: &Value, tagged: Tagged, bytes: &[u8]) -> Option<String> {
    match tagged {
        Tagged::Object => {
            value.get("revision").and_then(Value::as_u64).map(|r| etag::of_object(r, bytes))
        }
        Tagged::List => Some(etag::of_body(bytes)),
        Tagged::Plan => value.get("digest").and_then(Value::as_str).map(|it| format!("\"{it}\"")),
        Tagged::No => None,
    }
}

/// What an answer needs to know of its request.
#[derive(Debug)]
pub(crate) struct Seen {
    reads: bool,
    /// What `If-None-Match` says, on reads.
    tags: Vec<HeaderValue>,
}

impl Seen {
    /// Takes it from the head of a request.
    pub(crate) fn of(parts: &Parts) -> Seen {
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        let named = |headers: &HeaderMap| headers.get_all(IF_NONE_MATCH).iter().cloned().collect();
        Seen { reads, tags: if reads { named(&parts.headers) } else { Vec::new() } }
    }

    fn knows(&self, tag: &str) -> bool {
        let mut texts = self.tags.iter().filter_map(|header| header.to_str().ok());
        texts.any(|header| etag::none_match_names(header, tag))
    }
}

impl Reply {
    /// What is kept to answer a retry with: the fields in `once` are null there.
    pub(crate) fn kept(&self, once: &[&str]) -> claviger_app::Kept {
        let mut body = self.json().cloned().unwrap_or(Value::Null);
        for name in once {
            if let Some(value) = body.get_mut(*name) {
                *value = Value::Null;
            }
        }
        let tagged = match &self.content {
            Content::Json(_, tagged) => tagged.word(),
            _ => "none",
        };
        let revision = self.revision.map(|revision| ("revision".to_owned(), revision.to_string()));
        let location = self.location.clone().map(|location| ("location".to_owned(), location));
        let tagged = Some(("tagged".to_owned(), tagged.to_owned()));
        claviger_app::Kept {
            status: self.status.as_u16(),
            body: body.to_string(),
            headers: [revision, location, tagged].into_iter().flatten().collect(),
        }
    }

    /// The answer that was kept.
    pub(crate) fn again(kept: claviger_app::Kept) -> Reply {
        let header = |name: &str| {
            kept.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        let body = serde_json::from_str(&kept.body).unwrap_or(Value::Null);
        let content = match header("tagged").as_deref().and_then(Tagged::parse) {
            Some(tagged) => Content::Json(body, tagged),
            None => Content::None,
        };
        Reply {
            revision: header("revision").and_then(|revision| revision.parse().ok()),
            location: header("location"),
            ..Reply::new(StatusCode::OK, content).status(kept.status)
        }
    }
}

impl Tagged {
    fn word(self) -> &'static str {
        match self {
            Tagged::Object => "object",
            Tagged::List => "list",
            Tagged::Plan => "plan",
            Tagged::No => "no",
        }
    }

    fn parse(word: &str) -> Option<Tagged> {
        [Tagged::Object, Tagged::List, Tagged::Plan, Tagged::No]
            .into_iter()
            .find(|tagged| tagged.word() == word)
    }
}
