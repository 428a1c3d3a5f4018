//! Jobs: what was done for a request that is answered before it is. Each is done by then.

use axum::response::Response;
use claviger_app::provision::Unconfirmed;
use claviger_app::{Context, Error, Id, controller, key, operation};
use serde_json::{Value, json};

use super::{Answered, at_place, connection, named, named_with, object};
use crate::compat::serve::Call;
use crate::compat::unloc::error::Failure;
use crate::compat::unloc::{VENDOR, map, wire};

/// What a kind of stored result is called here.
fn job_type(kind: &str) -> &'static str {
    match kind {
        controller::CONNECT => "createLockConnection",
        controller::REFRESH => "refreshLockConnection",
        _ => "createKeys",
    }
}

/// 202 with where to look for a job.
pub(crate) fn started(call: &Call, job: &operation::Operation) -> Response {
    let base = call.reached(&VENDOR);
    let within = match call.path.get("project") {
        Some(project) => format!("projects/{project}"),
        None => format!("subprojects/{}", call.path.get("subproject").unwrap_or_default()),
    };
    named_with(
        202,
        "jobRef",
        json!({
            "id": job.id.to_string(),
            "jobType": job_type(&job.kind),
            "jobStatusUrl": format!("{base}/v2/{within}/jobs/{}", job.id),
        }),
    )
}

/// `GET …/jobs/{job}`.
pub(crate) async fn get(call: Call) -> Answered {
    let (ctx, place) = at_place(&call)?;
    let id = object(&call, "job", "job")?;
    let missing = |error| match error {
        Error::Refused(_) => Failure::not_found("job"),
        other => other.into(),
    };
    let job = operation::get(&ctx, place, id).await.map_err(missing)?;
    let body: Value = serde_json::from_str(&job.body).unwrap_or_default();
    let rows = body["results"].as_array().into_iter().flatten();
    let results: Vec<(u64, Id)> = rows
        .filter_map(|row| Some((row["status"].as_u64()?, Id::parse(row["id"].as_str()?)?)))
        .collect();
    let failed = body["errors"].get(0).map(|error| error["detail"].clone());
    let data = match job.kind.as_str() {
        controller::CONNECT | controller::REFRESH => connection::result(&ctx, place, &results)?,
        _ => keys(&ctx, place, &results).await?,
    };
    Ok(named(
        "job",
        json!({
            "id": job.id.to_string(),
            "type": job_type(&job.kind),
            "status": if failed.is_some() { "failedJob" } else { "succeeded" },
            "created": map::time(job.created_at),
            "failureReason": failed,
            "resultData": data,
        }),
    ))
}

/// What became of the keys of a job, as they stand at present.
async fn keys(ctx: &Context, place: Id, results: &[(u64, Id)]) -> Result<Value, Failure> {
    let (mut created, mut failed, mut creating) = (Vec::new(), Vec::new(), Vec::new());
    let ids: Vec<Id> = results.iter().map(|(_, id)| *id).collect();
    let page = key::of_grants(ctx, place, &ids).await?;
    for row in &page.items {
        let mut shown = wire::key(row, &page.state, &page.gone);
        match row.unconfirmed {
            None => created.push(shown),
            Some(Unconfirmed::Waits) => creating.push(shown),
            Some(Unconfirmed::Refused) => {
                shown["appUserId"] = shown["appUser"]["id"].clone();
                shown["reason"] = "the lock refused the key, or has no room for it".into();
                failed.push(shown);
            }
        }
    }
    Ok(json!({ "createdKeys": created, "failedKeys": failed, "creatingKeys": creating }))
}
