//! Every route the router answers, from the tables it is made of, for tests that must miss none.

use std::collections::BTreeSet;

use crate::api::format::Format;
use crate::api::route::Access;
use crate::api::routes;
use crate::api::shape::{Kind, Shape, Use};
use crate::{compat, docs, health};

/// One route.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Listed {
    pub method: &'static str,
    /// With `{name}` for parameters.
    pub path: &'static str,
    /// Its name in the OpenAPI document; the path where it has none.
    pub operation: &'static str,
    /// Whether anybody may call it.
    pub open: bool,
    /// The scope it asks for.
    pub scope: Option<&'static str>,
    /// Whether it takes a body, `Idempotency-Key`, `If-Match`, `?dry_run`.
    pub body: bool,
    pub idempotent: bool,
    pub if_match: bool,
    pub dry_run: bool,
    /// Where ids may stand: `{id}` of the path, `?lock_id`, `/subject/person_id`, `/lock_ids/0`.
    pub ids: BTreeSet<String>,
}

/// Every route the router answers.
#[must_use]
pub fn routes() -> Vec<Listed> {
    let native = routes::table().into_iter().map(|route| {
        let mut ids: BTreeSet<String> =
            route.path_params().map(|(name, _)| format!("{{{name}}}")).collect();
        for param in route.params() {
            find(&param.kind, format!("?{}", param.name), route.usage, &mut ids);
        }
        if let Some(shape) = route.body {
            inside(shape, "", route.usage, &mut ids);
        }
        Listed {
            method: route.method.as_str(),
            path: route.path,
            operation: route.operation_id,
            open: route.access == Access::Open,
            scope: match route.access {
                Access::Scope(scope) => Some(scope.as_str()),
                Access::Open | Access::Known => None,
            },
            body: route.body.is_some(),
            idempotent: route.idempotent,
            if_match: route.if_match,
            dry_run: route.dry_run,
            ids,
        }
    });
    let plain = health::PATHS.iter().chain(docs::PATHS).map(|path| Listed {
        method: "GET",
        path,
        operation: path,
        open: true,
        scope: None,
        body: false,
        idempotent: false,
        if_match: false,
        dry_run: false,
        ids: BTreeSet::new(),
    });
    native.chain(plain).collect()
}

/// Every route of the vendors' APIs, the path with the vendor's base.
#[must_use]
pub fn vendor_routes() -> Vec<Listed> {
    let tables = compat::tables().into_iter();
    let rows = tables.flat_map(|(vendor, rows)| rows.into_iter().map(move |row| (vendor, row)));
    rows.map(|(vendor, row)| {
        let path = format!("{}{}", vendor.base, row.path);
        let params = row.path.split('/').filter(|part| part.starts_with('{'));
        Listed {
            method: row.method,
            ids: params.map(str::to_owned).collect(),
            path: path.leak(),
            operation: row.operation,
            open: row.open,
            scope: None,
            body: row.takes != compat::serve::Takes::Nothing,
            idempotent: false,
            if_match: false,
            dry_run: false,
        }
    })
    .collect()
}

fn inside(shape: &'static Shape, at: &str, usage: Use, ids: &mut BTreeSet<String>) {
    for field in shape.fields().filter(|field| field.writable(usage)) {
        find(&field.kind, format!("{at}/{}", field.name), usage, ids);
    }
}

fn find(kind: &Kind, at: String, usage: Use, ids: &mut BTreeSet<String>) {
    match kind {
        Kind::Is(Format::Id | Format::Ref | Format::Who) => {
            ids.insert(at);
        }
        Kind::List { of, .. } => find(of, format!("{at}/0"), usage, ids),
        Kind::Object(shape) => inside(shape, &at, usage, ids),
        Kind::OneOf(shapes) => shapes.iter().for_each(|shape| inside(shape, &at, usage, ids)),
        _ => {}
    }
}
