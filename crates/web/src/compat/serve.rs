//! From a vendor's rows to a router: finds the row, lets the caller in or not, reads the query and
//! the body, runs the handler. What the vendor's own words for a refusal are, the vendor says.
//!
//! Shared by all vendors; knows no field and no word of any.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, RawPathParams, Request};
use axum::http::header::{
    ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use claviger_app::rate::Standing;
use claviger_app::{App, Caller, Context, Error, Id};
use futures_util::{FutureExt, StreamExt};
use serde_json::{Map, Value};
use tower::ServiceExt;

use super::origin::{Asked, Origins};
use super::{ForPeople, Options, VendorAddress};
use crate::unread::Unread;
use crate::{json, rate};

/// Most bodies.
pub(crate) const BODY: usize = 1024 * 1024;
/// Bodies that name thousands of things.
pub(crate) const BULK_BODY: usize = 16 * 1024 * 1024;

/// A future in a box.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What runs a row; made by [`run!`] of a function of the vendor's.
pub(crate) type Handler = fn(Call) -> Boxed<Response>;

/// Makes a [`Handler`] of an `async fn(Call) -> Result<Response, impl IntoResponse>`.
macro_rules! run {
    ($handler:path) => {{
        let run: $crate::compat::serve::Handler = |call| {
            Box::pin(async move {
                $handler(call).await.unwrap_or_else(axum::response::IntoResponse::into_response)
            })
        };
        run
    }};
}
pub(crate) use run;

/// What a row takes as a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// None; one that is sent is not read.
    Nothing,
    /// JSON of at most so many bytes.
    Json(usize),
    /// JSON or a form of at most so many bytes.
    JsonOrForm(usize),
    /// JSON or a form of at most so many bytes, in which a name may stand several times.
    JsonOrLongForm(usize),
}

/// One row of a vendor's table.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// As it stands in a request.
    pub(crate) method: &'static str,
    /// Below the vendor's base, with `{name}` for parameters; a slash at the end is optional.
    pub(crate) path: &'static str,
    /// Its name, in `snake_case`.
    pub(crate) operation: &'static str,
    /// Whether it is answered to anybody.
    pub(crate) open: bool,
    /// Whether it is a page that people go to, which pages of other origins never read.
    pub(crate) page: bool,
    /// Whether it changes something; one that does is never run for HEAD.
    pub(crate) writes: bool,
    pub(crate) takes: Takes,
    pub(crate) handler: Handler,
}

impl Row {
    /// A row for callers that are known; it writes unless it is asked for with GET.
    pub(crate) const fn new(
        method: &'static str,
        path: &'static str,
        operation: &'static str,
        takes: Takes,
        handler: Handler,
    ) -> Row {
        let writes = !matches!(method.as_bytes(), b"GET");
        Row { method, path, operation, open: false, page: false, writes, takes, handler }
    }

    /// Says whether it changes something, whatever its method.
    pub(crate) const fn writing(mut self, writes: bool) -> Row {
        self.writes = writes;
        self
    }

    /// Lets anybody in.
    pub(crate) const fn open(mut self) -> Row {
        self.open = true;
        self
    }

    /// Is a page that people go to.
    pub(crate) const fn page(mut self) -> Row {
        self.page = true;
        self
    }
}

/// What is wrong with a request before its handler is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is no such path.
    NotFound,
    /// The path takes other methods: these.
    Method(String),
    /// The body has more bytes than this.
    TooLarge(usize),
    /// The body is of another kind than the row takes.
    Media,
    /// The body cannot be read: why.
    Malformed(String),
    /// The head of the request cannot be read: why.
    Unread(Unread),
    /// The program asks more often than it may.
    TooMany(Standing),
    /// The server failed.
    Internal,
}

impl Trouble {
    /// What is said of it to people.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Trouble::NotFound => "There is no such path.".to_owned(),
            Trouble::Method(methods) => format!("This path takes {methods}."),
            Trouble::TooLarge(bytes) => format!("The body must be at most {bytes} bytes."),
            Trouble::Media => "Send the body as application/json.".to_owned(),
            Trouble::Malformed(why) => why.clone(),
            Trouble::Unread(why) => why.sentence().to_owned(),
            Trouble::TooMany(standing) => crate::rate::detail(*standing),
            Trouble::Internal => "The server failed.".to_owned(),
        }
    }

    /// After how many seconds it is worth coming again.
    pub(crate) fn retry_after_s(&self) -> Option<u32> {
        match self {
            Trouble::TooMany(standing) => Some(standing.reset_s),
            _ => None,
        }
    }
}

/// A setting of a vendor's API that is on or off, and off unless somebody says otherwise.
#[derive(Clone, Copy)]
pub struct Switch {
    /// What it is called in a file of settings.
    pub name: &'static str,
    /// Where it is kept.
    pub field: fn(&mut Options) -> &mut bool,
}

/// Makes the credentials of a program that may act for people.
type MakeForPeople = fn(Context, Id, ForPeople) -> Boxed<Result<Value, Error>>;

/// One vendor's API: where it is served, what is set about it, how it makes credentials, lets
/// callers in and refuses.
#[derive(Clone, Copy)]
pub struct Vendor {
    /// What it is called on the command line and in a file of settings.
    pub name: &'static str,
    /// Where it is served, without a slash at the end.
    pub base: &'static str,
    /// What may be set.
    pub switches: &'static [Switch],
    /// What of the vendor's API is not served yet, in a few words each.
    pub not_built: &'static [&'static str],
    /// Makes the credentials of a program in a place.
    pub(crate) credentials: fn(Context, Id) -> Boxed<Result<Value, Error>>,
    /// Makes those of a program that may act for people; none where a vendor has no such programs.
    pub(crate) for_people: Option<MakeForPeople>,
    /// Who calls, with the head of the request and the parameters of the path.
    pub(crate) authenticate: fn(&App, &Parts, &Path) -> Result<Caller, Box<Response>>,
    /// The vendor's words for a trouble.
    pub(crate) refuse: fn(Trouble) -> Response,
    /// The path of a row that a path below the base means, where clients write one in other ways
    /// too; none where they do not.
    pub(crate) canonical: Option<fn(&str) -> String>,
    /// Which pages of other origins may read its answers; none where no programs of the vendor's
    /// run in browsers.
    pub(crate) origins: Option<Origins>,
}

impl Vendor {
    /// Makes the credentials of a program of this vendor's in a place; they are shown this once.
    ///
    /// # Errors
    /// No such place; whatever the vendor's credentials need is not there.
    pub async fn credentials(&self, ctx: Context, place: Id) -> Result<Value, Error> {
        (self.credentials)(ctx, place).await
    }

    /// Makes the credentials of a program that may act for people; none where the vendor has no
    /// such programs.
    ///
    /// # Errors
    /// No such place; an address that people cannot be sent back to.
    pub async fn credentials_for_people(
        &self,
        ctx: Context,
        place: Id,
        wish: ForPeople,
    ) -> Option<Result<Value, Error>> {
        Some((self.for_people?)(ctx, place, wish).await)
    }
}

/// The parameters of a path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path(Vec<(String, String)>);

impl Path {
    /// The parameter as it was written; none where the path has none of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A request whose caller is known and whose body has been read.
pub(crate) struct Call {
    pub(crate) app: App,
    pub(crate) options: Arc<Options>,
    /// Who calls; none on open rows.
    pub(crate) caller: Option<Caller>,
    pub(crate) path: Path,
    /// The parameters of the query, in their order.
    pub(crate) query: Vec<(String, String)>,
    /// The body; null where the row takes none, an object without fields where none was sent.
    pub(crate) body: Value,
    /// The head of the request.
    pub(crate) parts: Parts,
}

impl Call {
    /// The address of the vendor's API as the caller knows it, without a slash at the end.
    pub(crate) fn reached(&self, vendor: &Vendor) -> String {
        match self.parts.extensions.get::<VendorAddress>() {
            Some(VendorAddress(own)) => own.clone(),
            None => {
                let server = self.app.settings().public_url.trim_end_matches('/');
                format!("{server}{}", vendor.base)
            }
        }
    }

    /// The address the request came from.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
    }
}

/// The router of a vendor's table, below its base.
pub(crate) fn router(app: &App, options: &Options, vendor: Vendor, table: &[Row]) -> Router {
    let options = Arc::new(options.clone());
    let mut by_path: BTreeMap<&'static str, Vec<Row>> = BTreeMap::new();
    for row in table {
        by_path.entry(row.path).or_default().push(*row);
    }
    let router = by_path.into_iter().fold(Router::new(), |router, (path, rows)| {
        let server = Server { app: app.clone(), options: options.clone(), vendor };
        let rows: Arc<[Row]> = rows.into();
        let serve = move |request: Request| {
            let (server, rows) = (server.clone(), rows.clone());
            async move { server.serve(&rows, request).await }
        };
        router.route(path, any(serve.clone())).route(&format!("{path}/"), any(serve))
    });
    let server = Server { app: app.clone(), options: options.clone(), vendor };
    let nothing = move |request: Request| async move {
        let asked = server.asked(&[], &request);
        asked.shown(finish((vendor.refuse)(Trouble::NotFound)))
    };
    let router = router.fallback(nothing);
    let Some(canonical) = vendor.canonical else { return Router::new().nest(vendor.base, router) };
    let rewritten = move |mut request: Request| {
        let (router, refuse) = (router.clone(), vendor.refuse);
        async move {
            let path = canonical(request.uri().path());
            let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
            let Ok(uri) = format!("{path}{query}").parse() else {
                return finish(refuse(Trouble::NotFound));
            };
            *request.uri_mut() = uri;
            let Ok(response) = router.oneshot(request).await;
            response
        }
    };
    Router::new().nest_service(vendor.base, Router::new().fallback(rewritten))
}

/// What all rows of a vendor share.
#[derive(Clone)]
struct Server {
    app: App,
    options: Arc<Options>,
    vendor: Vendor,
}

impl Server {
    /// Answers, and says on the answer which path was matched: a layer outside cannot see it where
    /// the path was rewritten.
    async fn serve(&self, rows: &[Row], request: Request) -> Response {
        let matched = request.extensions().get::<MatchedPath>().cloned();
        let asked = self.asked(rows, &request);
        let mut response = match asked.before(rows, &request) {
            Some(told) => finish(told),
            None => asked.shown(self.run(rows, request).await),
        };
        if let Some(matched) = matched {
            response.extensions_mut().insert(matched);
        }
        response
    }

    /// What a page of another origin may see of the answer; nothing where that is a page itself.
    fn asked(&self, rows: &[Row], request: &Request) -> Asked {
        let origins = self.vendor.origins.filter(|_| !rows.iter().any(|row| row.page));
        origins.map_or(Asked::Nothing, |origins| origins.asked(&self.app, request.headers()))
    }

    async fn run(&self, rows: &[Row], request: Request) -> Response {
        let refuse = self.vendor.refuse;
        let head = request.method() == Method::HEAD;
        let method = if head { "GET" } else { request.method().as_str() };
        let found = rows.iter().find(|row| row.method == method && !(head && row.writes));
        let Some(row) = found.copied() else {
            let mut methods: Vec<&str> = rows.iter().map(|row| row.method).collect();
            if rows.iter().any(|row| row.method == "GET" && !row.writes) {
                methods.push("HEAD");
            }
            let methods = methods.join(", ");
            let mut response = refuse(Trouble::Method(methods.clone()));
            if let Ok(allow) = HeaderValue::try_from(methods) {
                response.headers_mut().insert(ALLOW, allow);
            }
            return finish(response);
        };
        let (parts, body) = request.into_parts();
        let answering = AssertUnwindSafe(self.answer(row, parts, body)).catch_unwind();
        let response = answering.await.unwrap_or_else(|_| refuse(Trouble::Internal));
        if response.status().is_server_error() {
            let (operation, status) = (row.operation, response.status().as_u16());
            tracing::error!(operation, status, "failed");
        }
        finish(response)
    }

    async fn answer(&self, row: Row, mut parts: Parts, body: Body) -> Response {
        let Server { app, options, vendor } = self.clone();
        let Ok(params) = RawPathParams::from_request_parts(&mut parts, &()).await else {
            return (vendor.refuse)(Trouble::NotFound);
        };
        let params = params.iter().map(|(name, it)| (name.to_owned(), it.to_owned()));
        let path = Path(params.collect());
        let mut caller = None;
        if !row.open {
            match (vendor.authenticate)(&app, &parts, &path) {
                Ok(known) => {
                    if let Err(standing) = rate::count(&app, &known, &parts) {
                        return (vendor.refuse)(Trouble::TooMany(standing));
                    }
                    caller = Some(known);
                }
                Err(refused) => return *refused,
            }
        }
        let body = match read(row.takes, &parts, body).await {
            Ok(body) => body,
            Err(trouble) => return (vendor.refuse)(trouble),
        };
        let text = parts.uri.query().unwrap_or_default().as_bytes();
        let query = form_urlencoded::parse(text).into_owned().collect();
        (row.handler)(Call { app, options, caller, path, query, body, parts }).await
    }
}

/// What reads a form.
type ReadForm = fn(&[u8]) -> Result<Value, String>;

async fn read(takes: Takes, parts: &Parts, body: Body) -> Result<Value, Trouble> {
    let (limit, form): (usize, Option<ReadForm>) = match takes {
        Takes::Nothing => return Ok(Value::Null),
        Takes::Json(limit) => (limit, None),
        Takes::JsonOrForm(limit) => (limit, Some(json::read_form)),
        Takes::JsonOrLongForm(limit) => (limit, Some(|raw| Ok(json::read_long_form(raw)))),
    };
    let claimed = parts.headers.get(CONTENT_LENGTH).and_then(|it| it.to_str().ok());
    if claimed.and_then(|it| it.parse::<u64>().ok()).is_some_and(|it| it > limit as u64) {
        return Err(Trouble::TooLarge(limit));
    }
    let raw = collect(body, limit).await?;
    let media = parts.headers.get(CONTENT_TYPE).map(|it| it.to_str().unwrap_or_default());
    let media = media.map(|it| it.split(';').next().unwrap_or_default().trim());
    if raw.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let is_form = |media: &str| media.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    match (media, form) {
        (Some(media), Some(read_form)) if is_form(media) => {
            read_form(&raw).map_err(Trouble::Malformed)
        }
        // Many programs leave the kind out or send `text/json`; what is not JSON is not read.
        (Some(media), _) if !media.to_ascii_lowercase().ends_with("json") => Err(Trouble::Media),
        _ => json::read(&raw).map_err(Trouble::Malformed),
    }
}

async fn collect(body: Body, limit: usize) -> Result<Bytes, Trouble> {
    let mut chunks = body.into_data_stream();
    let mut whole: Vec<u8> = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let ended = |_| Trouble::Malformed("The body ended before it was whole.".to_owned());
        let chunk = chunk.map_err(ended)?;
        if whole.len() + chunk.len() > limit {
            return Err(Trouble::TooLarge(limit));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.into())
}

/// An answer whose body is JSON of the kind the vendor calls it.
pub(crate) fn said(status: u16, kind: &'static str, body: &Value) -> Response {
    said_as(status, kind, body.to_string())
}

/// The same of a body that is written already.
pub(crate) fn said_as(status: u16, kind: &'static str, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let mut response = (status, body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A refusal that says how to come in, where it is 401, and when to come again.
pub(crate) fn with_advice(
    mut response: Response,
    challenge: &'static str,
    retry_after_s: Option<u32>,
) -> Response {
    let is_unknown = response.status() == StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    if let Some(seconds) = retry_after_s {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if is_unknown {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

fn finish(mut response: Response) -> Response {
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}
