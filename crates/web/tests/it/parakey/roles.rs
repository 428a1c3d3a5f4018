//! What a program may do with a member of each role: the table of the surface's README against its
//! own route table.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Parakey, item};
use crate::support::{Answer, World, id, on_each_engine};

const ROLES: [&str; 6] =
    ["guest", "appGuestManager", "guestManager", "installer", "administrator", "owner"];

/// A row of the README: the operation as it stands there, the rest of the cell, and the roles.
struct Row {
    method: &'static str,
    path: &'static str,
    what: &'static str,
    may: BTreeSet<&'static str>,
}

fn documented() -> Vec<Row> {
    let text = include_str!("../../../src/compat/parakey/README.md");
    let rows = text.lines().map(|line| line.trim_matches('|').split('|').map(str::trim));
    let mut rows = rows.skip_while(|row| row.clone().nth(1) != Some("guest"));
    let head: Vec<&str> = rows.next().unwrap().skip(1).collect();
    assert_eq!(head, ROLES);
    let rows = rows.skip(1).take_while(|row| row.clone().count() == ROLES.len() + 1);
    rows.map(|mut row| {
        let (operation, what) = row.next().unwrap()[1..].split_once('`').unwrap();
        let (method, path) = operation.split_once(' ').unwrap();
        let may = ROLES.into_iter().zip(row).filter(|(_, cell)| {
            assert!(["", "yes"].contains(cell), "{operation}: {cell}");
            *cell == "yes"
        });
        let may = may.map(|(role, _)| role).collect();
        Row { method, path, what: what.trim_start_matches(", "), may }
    })
    .collect()
}

fn snake(role: &str) -> String {
    let letters = role.chars().map(|c| match c.is_ascii_uppercase() {
        true => format!("_{}", c.to_ascii_lowercase()),
        false => c.to_string(),
    });
    letters.collect()
}

/// Does what a row says with a member of a role, whom nobody knew before.
async fn act(program: &Parakey, access: &Value, row: &Row, role: &str, number: usize) -> Answer {
    let email = format!("{}{number}@example.org", role.to_lowercase());
    let is_new = ["making them", ""].contains(&row.what) && row.method == "POST";
    let mut path = row.path.to_owned();
    if !is_new {
        // Whoever is to be given the role has another.
        let former = match (row.what, role) {
            ("giving the role", "guest") => "installer",
            ("giving the role", _) => "guest",
            _ => role,
        };
        let body = json!({"email": email, "role": snake(former)});
        path = path.replace("{id}", id(&program.it.made("/people", body).await));
    }
    let mut item = item(access, &email, [None, None]);
    if is_new {
        item["user"]["roles"] = json!([role]);
    }
    let other = if role == "guest" { "installer" } else { "guest" };
    let body = match (row.path, row.what) {
        ("/access-keys" | "/batches", _) => json!({"insert": [item]}),
        ("/members", _) => json!({"email": email, "roles": [role]}),
        (_, "giving the role") => json!({"roles": [role]}),
        (_, "taking it away") => json!({"roles": [other]}),
        (_, "tags") => json!({"tags": ["north"]}),
        _ => Value::Null,
    };
    program.call(row.method, &path, body).await
}

/// What was refused: the whole call, or the one item of a batch.
fn refusal(answer: &Answer) -> Option<&str> {
    match answer.status {
        200..300 => answer.body["items"][0]["errors"][0]["code"].as_str(),
        _ => answer.body["code"].as_str(),
    }
}

#[tokio::test]
async fn a_program_does_with_a_member_of_each_role_what_the_table_says() {
    on_each_engine(|world: World| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let table = documented();
        for (number, row) in table.iter().filter(|row| row.method != "GET").enumerate() {
            for role in ROLES {
                let before = program.ids("/access-keys").await;
                let answer = act(&program, &access, row, role, number).await;
                let what =
                    format!("{} {} {}, {role}: {}", row.method, row.path, row.what, answer.text);
                let wanted = (!row.may.contains(role)).then_some("escalation");
                assert_eq!(refusal(&answer), wanted, "{what}");
                if wanted.is_some() {
                    assert!([403, 201].contains(&answer.status), "{what}");
                    assert_eq!(program.ids("/access-keys").await, before, "{what}");
                }
            }
        }
        // Whoever could be made or changed is shown with the role, and nobody else is.
        let members = program.get("/members").await;
        let shown: BTreeSet<&str> = members
            .as_array()
            .unwrap()
            .iter()
            .map(|member| member["roles"][0].as_str().unwrap())
            .collect();
        assert_eq!(shown, ROLES.into_iter().collect());
        let kings = members.to_string().matches("\"owner\"").count();
        let made = table.iter().filter(|row| row.method != "GET" && row.what != "giving the role");
        let made = made.filter(|row| row.path != "/members" && row.what != "making them");
        assert_eq!(kings, made.count(), "no owner but those that were made natively");

        // Every operation stands in the table; a webhook concerns no member.
        let base = "/compat/parakey";
        let routes = claviger_web::vendor_routes().into_iter().filter_map(|route| {
            let path = route.path.strip_prefix(base)?;
            (path.starts_with('/') && !path.starts_with("/webhooks"))
                .then_some((route.method, path))
        });
        let known: BTreeSet<_> = table.iter().map(|row| (row.method, row.path)).collect();
        for (method, path) in routes {
            let path = if method == "GET" { "anything" } else { path };
            assert!(known.contains(&(method, path)), "{method} {path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_that_may_give_no_roles_makes_guests() {
    on_each_engine(|world| async move {
        let program = Parakey::at(&world).await;
        let access = program.access("Gym").await;
        let own = &Parakey::client(&world).await;
        let mut scopes = own["scopes"].as_array().unwrap().clone();
        scopes.retain(|scope| scope != "roles:write");
        let path = format!("/api/v1/clients/{}", id(own));
        world.admin.patch(&path, json!({"scopes": scopes})).await.expect(200);
        let row = |what| Row { method: "POST", path: "/members", what, may: BTreeSet::new() };
        for (number, role) in ROLES.into_iter().enumerate() {
            let answer = act(&program, &access, &row(""), role, number).await;
            let wanted = (role != "guest").then_some("escalation");
            assert_eq!(refusal(&answer), wanted, "{role}: {}", answer.text);
        }
        assert_eq!(program.ids("/members").await.len(), 1);
    })
    .await;
}
