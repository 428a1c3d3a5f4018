//! Every sample of the vendor's page on keys: the request as it stands there, the answer compared
//! field by field. Ids are counted here, so those of the samples stand for the ones that were made;
//! `expirationDate` ends in `Z`, which the page's sample lacks.

use serde_json::{Value, json};

use super::{Trackunit, made};
use crate::support::{World, on_each_engine};

/// The page's first answer.
fn tom() -> Value {
    json!({
        "id": "11456",
        "name": "Tom Persson",
        "serialNumber": "6200011587691E09",
        "keyValid": "60sec",
        "keyExpire": "10min",
        "isAdmin": false,
        "companyName": "Chemnitz Bau- & Materiel",
        "note": "",
        "expirationDate": "2014-06-30T22:00:00.0000000",
        "employeeNumber": "8",
        "units": [],
        "groups": ["8820"],
    })
}

async fn groups(program: &Trackunit) -> [String; 2] {
    let one = made(program.call("POST", "/Group", json!({ "name": "8818" })).await);
    let other = made(program.call("POST", "/Group", json!({ "name": "8820" })).await);
    [one, other]
}

async fn get_key(world: World) {
    let program = Trackunit::at(&world).await;
    let [_, group] = groups(&program).await;
    // The key of the sample is made of the sample itself.
    let mut body = tom();
    body["groups"] = json!([group]);
    body.as_object_mut().unwrap().remove("id");
    let id = made(program.call("POST", "/Key", body).await);
    let answer = program.call("POST", "/GetKey", json!({ "id": id })).await;
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    let mut wanted = tom();
    wanted["id"] = json!(id);
    wanted["groups"] = json!([group]);
    wanted["expirationDate"] = json!("2014-06-30T22:00:00.0000000Z");
    assert_eq!(answer.expect(200), json!({ "list": [wanted] }));
}

async fn create_key(world: World) {
    let program = Trackunit::at(&world).await;
    let [group, _] = groups(&program).await;
    let sample = json!({
        "name": "Anton Malmlund",
        "serialNumber": "6800801587691F09",
        "keyValid": "60sec",
        "keyExpire": "10min",
        "companyName": "Chemnitz Bau- & Materiel",
        "employeeNumber": "21",
        "groups": [group],
    });
    let answer = program.call("POST", "/Key", sample.clone()).await.expect(200);
    let id = answer["id"].as_str().unwrap();
    assert_eq!(answer, json!({ "id": id }));
    assert!(id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    let mut wanted = sample;
    wanted["id"] = json!(id);
    wanted["isAdmin"] = json!(false);
    wanted["units"] = json!([]);
    assert_eq!(program.shown(id).await, wanted);
}

async fn update_key(world: World) {
    let program = Trackunit::at(&world).await;
    let [group, other] = groups(&program).await;
    let more = json!({ "groups": [other], "note": "kept", "keyExpire": "5min" });
    let id = program.key("John", "6100001587691E08", more).await;
    let sample = json!({
        "id": id,
        "name": "John Ericsson",
        "serialNumber": "6100001587691E09",
        "addGroups": [group],
    });
    assert_eq!(program.call("PUT", "/Key", sample).await.expect(200), json!({}));
    let wanted = json!({
        "id": id,
        "name": "John Ericsson",
        "serialNumber": "6100001587691E09",
        "keyValid": "60sec",
        "keyExpire": "5min",
        "isAdmin": false,
        "note": "kept",
        "units": [],
        "groups": [group, other],
    });
    assert_eq!(program.shown(&id).await, wanted);
}

async fn delete_key(world: World) {
    let program = Trackunit::at(&world).await;
    let id = program.key("John", "6100001587691E09", json!({})).await;
    assert_eq!(program.call("DELETE", "/Key", json!({ "id": id })).await.expect(200), json!({}));
    let answer = program.call("POST", "/GetKey", json!({ "id": id })).await;
    super::refused(&answer, 404, "keyNotFound", &["id"]);
}

#[tokio::test]
async fn each_sample_is_answered_as_it_stands() {
    on_each_engine(get_key).await;
    on_each_engine(create_key).await;
    on_each_engine(update_key).await;
    on_each_engine(delete_key).await;
}
