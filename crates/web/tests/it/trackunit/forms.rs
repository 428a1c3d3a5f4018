//! Every form of a URL and of a parameter that clients use.

use serde_json::{Value, json};

use super::{Trackunit, made, number, refused};
use crate::support::{World, on_each_engine};

#[tokio::test]
async fn a_key_is_read_by_every_url() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let id = program.key("Ann", "0012", json!({})).await;
        program.key("Bob", "0013", json!({})).await;
        let one = json!({ "list": [program.shown(&id).await] });
        let body = || json!({ "Id": id });
        for (method, path, body) in [
            ("GET", format!("/Key/{id}"), Value::Null),
            ("GET", format!("/KEY/{id}/"), Value::Null),
            ("GET", format!("/key/{id}.json"), Value::Null),
            ("GET", format!("/Key?id={id}"), Value::Null),
            ("GET", format!("/key/?ID={id}&format=json&whatever=1"), Value::Null),
            ("GET", format!("/GetKey?Id={id}"), Value::Null),
            ("GET", format!("/getkey/{id}"), Value::Null),
            ("POST", format!("/GETKEY/{id}"), Value::Null),
            ("POST", "/GetKey".to_owned(), body()),
            ("GET", "/Key".to_owned(), body()),
            ("POST", "/GetKey.json".to_owned(), body()),
            ("GET", format!("/api/GetKey?id={id}"), Value::Null),
            ("POST", "/api/GetKey".to_owned(), body()),
            ("PUT", "/Api/getkey".to_owned(), body()),
            ("GET", format!("/json/reply/GetKey?id={id}"), Value::Null),
            ("POST", "/JSON/Reply/GetKey".to_owned(), body()),
            ("DELETE", "/json/reply/getkey/".to_owned(), body()),
            // The same id twice is no contradiction.
            ("GET", format!("/Key/{id}?id={id}"), json!({ "ID": id.parse::<u32>().unwrap() })),
        ] {
            let answer = program.call(method, &path, body).await;
            assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
            assert_eq!(answer.body, one, "{method} {path}");
            assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
        }
        assert_eq!(program.keys().await.len(), 2);
        let head = program.call("HEAD", "/Key", Value::Null).await;
        assert_eq!(head.status, 200);
    })
    .await;
}

#[tokio::test]
async fn keys_are_made_changed_and_deleted_by_every_url() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let form = ("content-type", "application/x-www-form-urlencoded");
        let making = [
            ("POST", "/key/", None),
            ("POST", "/CreateKey", None),
            ("GET", "/createkey?name=Ann&serialNumber=%S", None),
            ("POST", "/api/CreateKey", None),
            ("PUT", "/json/reply/CreateKey", None),
            ("POST", "/Key", Some(form)),
        ];
        for (at, (method, path, header)) in making.into_iter().enumerate() {
            let serial = format!("00A{at}");
            let path = path.replace("%S", &serial);
            let body = match header {
                Some(_) => format!("NAME=Ann&serialnumber={serial}"),
                None => json!({ "NAME": "Ann", "serialnumber": serial }).to_string(),
            };
            let body = (!path.contains('?')).then_some(body);
            let headers: Vec<_> = header.into_iter().collect();
            let id = made(program.send(method, &path, &headers, body).await);
            assert_eq!(program.shown(&id).await["serialNumber"], serial.as_str());
        }
        let ids: Vec<String> =
            program.keys().await.iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect();
        let [one, two, three, four, five, six] = ids.as_slice() else { panic!("{ids:?}") };
        let updates = [
            ("PUT", format!("/Key/{one}"), json!({ "name": "New" })),
            ("PUT", "/Key".to_owned(), json!({ "id": two, "name": "New" })),
            ("POST", format!("/UpdateKey/{three}?name=New"), Value::Null),
            ("GET", format!("/UpdateKey?id={four}&name=New"), Value::Null),
            ("POST", "/api/UpdateKey".to_owned(), json!({ "id": five, "name": "New" })),
            ("PUT", "/json/reply/UpdateKey".to_owned(), json!({ "id": six, "name": "New" })),
        ];
        for (method, path, body) in updates {
            assert_eq!(program.call(method, &path, body).await.expect(200), json!({}));
        }
        assert!(program.keys().await.iter().all(|key| key["name"] == "New"));
        let deletions = [
            ("DELETE", format!("/Key/{one}"), Value::Null),
            ("DELETE", format!("/Key?id={two}"), Value::Null),
            ("DELETE", "/Key".to_owned(), json!({ "id": three })),
            ("POST", "/DeleteKey".to_owned(), json!({ "id": four })),
            ("GET", format!("/DeleteKey/{five}"), Value::Null),
            ("DELETE", format!("/api/DeleteKey?id={six}"), Value::Null),
        ];
        for (method, path, body) in deletions {
            assert_eq!(program.call(method, &path, body).await.expect(200), json!({}));
        }
        assert_eq!(program.keys().await, [] as [Value; 0]);
    })
    .await;
}

/// Two units with their ids here.
async fn units(world: &World) -> [String; 2] {
    let site = world.here();
    [number(&site.lock("Lift").await), number(&site.lock("Digger").await)]
}

#[tokio::test]
async fn values_are_taken_in_every_form() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let [one, two] = units(&world).await;
        let both = json!([one, two]);
        let numbers = [one.parse::<u32>().unwrap(), two.parse::<u32>().unwrap()];
        let lists = [
            json!([one, two]),
            json!(numbers),
            json!(format!("{one},{two}")),
            json!(format!("[{one}, {two}]")),
            json!([one, two, one]),
        ];
        for (at, list) in lists.into_iter().enumerate() {
            let more = json!({ "units": list, "isAdmin": "true", "keyValid": "90sec",
                "unknown": { "a": [] }, "note": null, "email": 5 });
            let id = program.key("Ann", &format!("{at:016}"), more).await;
            let shown = program.shown(&id).await;
            assert_eq!((&shown["units"], &shown["isAdmin"]), (&both, &json!(true)));
            assert_eq!((&shown["keyValid"], &shown["email"]), (&json!("90sec"), &json!("5")));
            assert!(shown.get("note").is_none(), "{shown}");
        }
        for (at, query) in [
            format!("units={one},{two}"),
            format!("units=%5B{one},{two}%5D"),
            format!("units={one}&units={two}"),
            format!("units[]={one}&units[]={two}"),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/CreateKey?name=Ann&serialNumber=B{at}&{query}");
            let id = made(program.get(&path).await);
            assert_eq!(program.shown(&id).await["units"], both, "{query}");
        }
        for (at, date) in [
            "2030-06-30T22:00:00",
            "2030-06-30T22:00:00.0000000Z",
            "2030-07-01T00:00:00+02:00",
            "2030-06-30T22:00:00.1",
            "/Date(1909087200000)/",
        ]
        .into_iter()
        .enumerate()
        {
            let more = json!({ "expirationDate": date });
            let id = program.key("Ann", &format!("C{at}"), more).await;
            let shown = program.shown(&id).await["expirationDate"].clone();
            let tenth = if at == 3 { "1" } else { "0" };
            assert_eq!(shown, format!("2030-06-30T22:00:00.{tenth}000000Z"), "{date}");
        }
        let id = program.key("Ann", "D0", json!({ "expirationDate": "2031-01-31" })).await;
        let shown = program.shown(&id).await["expirationDate"].clone();
        assert_eq!(shown, "2031-01-31T00:00:00.0000000Z");
    })
    .await;
}

#[tokio::test]
async fn lists_are_taken_from_forms_and_with_an_index() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let [one, two] = units(&world).await;
        let both = json!({ "units": [one, two] });
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let json = [("content-type", "application/json")];
        let ways = [
            ("", &form, format!("removeUnits[]={one}")),
            ("", &form, format!("RemoveUnits%5B0%5D={one}")),
            ("", &form, format!("removeUnits[]={one}&removeUnits[]={one}")),
            ("", &form, format!("removeUnits={one}&name=Ann&name=Ann")),
            ("removeUnits[0]=%1", &form, String::new()),
            ("removeunits%5B17%5D=%1", &form, format!("removeUnits={one}")),
            ("", &json, json!({ "removeUnits[]": [one] }).to_string()),
            ("", &json, json!({ "removeUnits[0]": one, "removeUnits[1]": null }).to_string()),
        ];
        for (at, (query, header, body)) in ways.into_iter().enumerate() {
            let id = program.key("Ann", &format!("A{at}"), both.clone()).await;
            let path = format!("/Key/{id}?{}", query.replace("%1", &one));
            let answer = program.send("PUT", &path, header, Some(body.clone())).await;
            assert_eq!(answer.expect(200), json!({}), "{path} {body}");
            assert_eq!(program.shown(&id).await["units"], json!([two]), "{path} {body}");
        }
        for (at, list) in [
            format!("units={one}&units={two}"),
            format!("units[]={one}&units[]={two}"),
            format!("units[0]={one}&Units[1]={two}"),
        ]
        .into_iter()
        .enumerate()
        {
            let body = format!("name=Bob&serialNumber=B{at}&{list}");
            let id = made(program.send("POST", "/Key", &form, Some(body)).await);
            assert_eq!(program.shown(&id).await["units"], both["units"], "{list}");
        }
        let id = program.key("Eve", "C0", both.clone()).await;
        for (body, field) in [
            (format!("removeUnits[a]={one}"), "removeUnits[a]"),
            (format!("removeUnits[0].id={one}"), "removeUnits[0].id"),
            ("name=Ann&name=Bob".to_owned(), "name"),
        ] {
            let answer = program.send("PUT", &format!("/Key/{id}"), &form, Some(body)).await;
            refused(&answer, 400, "invalidParameter", &[field]);
        }
        let shown = program.shown(&id).await;
        assert_eq!((&shown["units"], &shown["name"]), (&both["units"], &json!("Eve")));
    })
    .await;
}

#[tokio::test]
async fn head_changes_nothing() {
    on_each_engine(|world| async move {
        let program = Trackunit::at(&world).await;
        let id = program.key("Ann", "0012", json!({})).await;
        let before = (world.revisions().await, program.keys().await);
        let head = |path: String| {
            let path = format!("/compat/trackunit/public{path}");
            let actor = &program.actor;
            async move { actor.send("HEAD", &path, &[], None).await }
        };
        let token = format!("token={}", program.token);
        for (path, allow) in [
            (format!("/DeleteKey/{id}?{token}"), "GET, POST"),
            (format!("/deletekey?id={id}&{token}"), "GET, POST"),
            (format!("/UpdateKey/{id}?name=New&{token}"), "GET, POST"),
            (format!("/CreateKey?name=Bob&serialNumber=1&{token}"), "GET, POST"),
            (format!("/CreateGroup?name=Site&{token}"), "GET, POST"),
            (format!("/api/DeleteKey?id={id}&{token}"), "GET, POST, PUT, DELETE"),
            (format!("/json/reply/DeleteKey?id={id}&{token}"), "GET, POST, PUT, DELETE"),
        ] {
            let answer = head(path.clone()).await;
            assert_eq!((answer.status, answer.header("allow")), (404, allow), "{path}");
        }
        assert_eq!((world.revisions().await, program.keys().await), before);
        for path in ["/Key", "/GetKey", "/api/GetKey", "/Unit", "/json/reply/GetGroup"] {
            assert_eq!(head(format!("{path}?{token}")).await.status, 200, "{path}");
        }
        let summary = format!("/Report/UnitSummary?date=2024-01-31&{token}");
        assert_eq!(head(summary).await.status, 200);
        let patched = program.call("PATCH", &format!("/Key/{id}"), Value::Null).await;
        refused(&patched, 404, "notFound", &[]);
        assert_eq!(patched.header("allow"), "GET, PUT, DELETE, HEAD");
    })
    .await;
}
