//! The rows of the route table: from them come the router, the OpenAPI document, the check of
//! scopes and the lists for tests. A row says everything about a route but what its handler does.

use claviger_domain::noun::scope::Scope;

use super::format::Format;
use super::shape::{Kind, Shape, Use};

/// Most bodies.
pub(crate) const BODY: usize = 1024 * 1024;
/// Batches.
pub(crate) const BATCH_BODY: usize = 16 * 1024 * 1024;

/// What a route does to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// As it stands in a request.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// The route method of a request; HEAD is answered as GET.
    pub(crate) fn of(method: &axum::http::Method) -> Option<Method> {
        match method.as_str() {
            "GET" | "HEAD" => Some(Method::Get),
            "POST" => Some(Method::Post),
            "PUT" => Some(Method::Put),
            "PATCH" => Some(Method::Patch),
            "DELETE" => Some(Method::Delete),
            _ => None,
        }
    }
}

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Open,
    /// Whoever is known.
    Known,
    /// Whoever holds the scope at the place of the path.
    Scope(Scope),
}

/// A query parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    /// A text, word, number or boolean; never a list or object.
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) doc: &'static str,
}

impl Param {
    /// A parameter that may be left out.
    pub(crate) const fn may(name: &'static str, kind: Kind, doc: &'static str) -> Param {
        Param { name, kind, required: false, doc }
    }

    /// A parameter that must be given.
    pub(crate) const fn must(name: &'static str, kind: Kind, doc: &'static str) -> Param {
        Param { name, kind, required: true, doc }
    }
}

/// What a route answers when all goes well.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// 200 with the object.
    Object(&'static Shape),
    /// 201 with the object, what is shown only once included, and `Location`.
    Created(&'static Shape),
    /// 200 or 201 with the object.
    Upserted(&'static Shape),
    /// 200 with a page of objects.
    Page(&'static Shape),
    /// 202, with an object or nothing.
    Accepted(Option<&'static Shape>),
    /// 202 for the first step, 204 for the second, each with nothing.
    TwoSteps,
    /// 204.
    Empty,
    /// 200 with a body of that media type that is not described further.
    Raw(&'static str),
}

/// In which form bodies and errors of a route are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// JSON, problem details.
    Json,
    /// JSON or a form, errors as in RFC 6749.
    OAuth,
}

/// One row of the table. `H` is what runs it.
#[derive(Clone, Copy)]
pub(crate) struct Route<H> {
    pub(crate) method: Method,
    /// Written in full, with `{name}` for parameters.
    pub(crate) path: &'static str,
    pub(crate) operation_id: &'static str,
    pub(crate) summary: &'static str,
    /// A few sentences more; may be empty.
    pub(crate) doc: &'static str,
    pub(crate) tag: &'static str,
    pub(crate) access: Access,
    /// Whether whoever holds a right to share in the place is let in without the scope.
    pub(crate) or_sharing: bool,
    /// Whether whoever may give roles is let in without the scope.
    pub(crate) or_roles: bool,
    pub(crate) body: Option<&'static Shape>,
    pub(crate) usage: Use,
    pub(crate) query: &'static [Param],
    pub(crate) answer: Answer,
    pub(crate) body_limit: usize,
    /// What the path parameter `id` may be.
    pub(crate) id: Format,
    /// Takes `?dry_run=true`.
    pub(crate) dry_run: bool,
    /// Takes `Idempotency-Key`.
    pub(crate) idempotent: bool,
    /// Takes `If-Match`.
    pub(crate) if_match: bool,
    pub(crate) dialect: Dialect,
    pub(crate) handler: H,
}

impl<H: Copy> Route<H> {
    const fn new(
        method: Method,
        path: &'static str,
        operation_id: &'static str,
        summary: &'static str,
        answer: Answer,
        handler: H,
    ) -> Route<H> {
        Route {
            method,
            path,
            operation_id,
            summary,
            doc: "",
            tag: "",
            access: Access::Known,
            or_sharing: false,
            or_roles: false,
            body: None,
            usage: Use::Create,
            query: &[],
            answer,
            body_limit: BODY,
            id: Format::Ref,
            dry_run: false,
            idempotent: false,
            if_match: false,
            dialect: Dialect::Json,
            handler,
        }
    }

    /// A GET.
    pub(crate) const fn get(
        path: &'static str,
        operation_id: &'static str,
        summary: &'static str,
        answer: Answer,
        handler: H,
    ) -> Route<H> {
        Route::new(Method::Get, path, operation_id, summary, answer, handler)
    }

    /// A POST; it takes `Idempotency-Key`.
    pub(crate) const fn post(
        path: &'static str,
        operation_id: &'static str,
        summary: &'static str,
        answer: Answer,
        handler: H,
    ) -> Route<H> {
        let mut route = Route::new(Method::Post, path, operation_id, summary, answer, handler);
        route.idempotent = true;
        route
    }

    /// A PUT by the caller's own id; it takes `If-Match`.
    pub(crate) const fn put(
        path: &'static str,
        operation_id: &'static str,
        summary: &'static str,
        shape: &'static Shape,
        handler: H,
    ) -> Route<H> {
        let answer = Answer::Upserted(shape);
        let mut route = Route::new(Method::Put, path, operation_id, summary, answer, handler);
        route.usage = Use::Put;
        route.body = Some(shape);
        route.id = Format::ExternalRef;
        route.if_match = true;
        route
    }

    /// A PATCH; it takes `If-Match`.
    pub(crate) const fn patch(
        path: &'static str,
        operation_id: &'static str,
        summary: &'static str,
        shape: &'static Shape,
        handler: H,
    ) -> Route<H> {
        let answer = Answer::Object(shape);
        let mut route = Route::new(Method::Patch, path, operation_id, summary, answer, handler);
        route.usage = Use::Patch;
        route.body = Some(shape);
        route.if_match = true;
        route
    }

    /// A DELETE; it takes `If-Match`.
    pub(crate) const fn delete(
        path: &'static str,
        operation_id: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Route<H> {
        let answer = Answer::Empty;
        let mut route = Route::new(Method::Delete, path, operation_id, summary, answer, handler);
        route.if_match = true;
        route
    }

    /// The heading it stands under in the document.
    pub(crate) const fn tag(mut self, tag: &'static str) -> Route<H> {
        self.tag = tag;
        self
    }

    /// More to say in the document.
    pub(crate) const fn doc(mut self, doc: &'static str) -> Route<H> {
        self.doc = doc;
        self
    }

    /// Asks for a scope.
    pub(crate) const fn scope(mut self, scope: Scope) -> Route<H> {
        self.access = Access::Scope(scope);
        self
    }

    /// Lets whoever holds a right to share in the place in without the scope.
    pub(crate) const fn or_sharing(mut self) -> Route<H> {
        self.or_sharing = true;
        self
    }

    /// Lets whoever may give roles in without the scope.
    pub(crate) const fn or_roles(mut self) -> Route<H> {
        self.or_roles = true;
        self
    }

    /// Lets anybody in.
    pub(crate) const fn open(mut self) -> Route<H> {
        self.access = Access::Open;
        self
    }

    /// Takes a body.
    pub(crate) const fn body(mut self, shape: &'static Shape) -> Route<H> {
        self.body = Some(shape);
        self
    }

    /// Takes bodies of up to so many bytes.
    pub(crate) const fn body_limit(mut self, bytes: usize) -> Route<H> {
        self.body_limit = bytes;
        self
    }

    /// Takes query parameters.
    pub(crate) const fn query(mut self, query: &'static [Param]) -> Route<H> {
        self.query = query;
        self
    }

    /// Takes `?dry_run=true`.
    pub(crate) const fn dry_run(mut self) -> Route<H> {
        self.dry_run = true;
        self.if_match = true;
        self
    }

    /// Takes `If-Match`.
    pub(crate) const fn if_match(mut self) -> Route<H> {
        self.if_match = true;
        self
    }

    /// Takes no `If-Match` though it is a DELETE: it is about nothing that has a tag.
    pub(crate) const fn untagged(mut self) -> Route<H> {
        self.if_match = false;
        self
    }

    /// Takes no `Idempotency-Key` though it is a POST.
    pub(crate) const fn not_idempotent(mut self) -> Route<H> {
        self.idempotent = false;
        self
    }

    /// Takes only UUIDs as `{id}`.
    pub(crate) const fn only_ids(mut self) -> Route<H> {
        self.id = Format::Id;
        self
    }

    /// Speaks as RFC 6749 says.
    pub(crate) const fn oauth(mut self) -> Route<H> {
        self.dialect = Dialect::OAuth;
        self.idempotent = false;
        self
    }
}

const PAGE_PARAMS: &[Param] = &[
    Param::may(
        "limit",
        Kind::Int { min: 1, max: super::page::MAX_LIMIT as i64 },
        "How many items at most; 100 unless given.",
    ),
    Param::may(
        "after",
        Kind::Line { min: 1, max: super::page::MAX_CURSOR },
        "Where to go on: next of the page before.",
    ),
];

const DRY_RUN_PARAM: &[Param] = &[Param::may(
    "dry_run",
    Kind::Bool,
    "Say what would change and write nothing. Send the digest as If-Match to do exactly that.",
)];

impl<H> Route<H> {
    /// All query parameters, those that follow from other columns included.
    pub(crate) fn params(&self) -> impl Iterator<Item = &'static Param> + use<H> {
        let page: &[Param] = match self.answer {
            Answer::Page(_) => PAGE_PARAMS,
            _ => &[],
        };
        let dry_run: &[Param] = if self.dry_run { DRY_RUN_PARAM } else { &[] };
        self.query.iter().chain(page).chain(dry_run)
    }

    /// The parameters of the path with what each may be.
    pub(crate) fn path_params(&self) -> impl Iterator<Item = (&'static str, Format)> + use<H> {
        let id = self.id;
        self.path.split('/').filter_map(move |part| {
            let name = part.strip_prefix('{')?.strip_suffix('}')?;
            Some((name, if name == "id" { id } else { Format::Ref }))
        })
    }

    /// Whether a request with no body at all is one with an empty object: actions, not things made.
    pub(crate) fn body_optional(&self) -> bool {
        let makes = matches!(self.answer, Answer::Created(_));
        self.usage == Use::Create && !makes && self.body.is_some_and(Shape::may_be_empty)
    }
}
