//! The options of lists, written as clients write them.

use serde_json::{Value, json};

use super::{Tapkey, refused};
use crate::support::{id, on_each_engine};

fn identifiers(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["identifier"].as_str().unwrap_or("-")).collect()
}

#[tokio::test]
async fn contacts_are_filtered_cut_and_picked_from() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let mut ids = Vec::new();
        for name in ["ann", "bo", "cy"] {
            let contact = program.contact(&format!("{name}@example.org")).await;
            ids.push(id(&contact).to_owned());
        }
        program.it.made("/people", json!({ "display_name": "O'Neil" })).await;
        let list = async |query: &str| program.list("/contacts", query).await;
        assert_eq!(list("").await.len(), 5, "the service account too");
        // As the log export writes it, with nothing after the last `&`.
        let export = format!("$select=id,email&$filter=id eq '{}' or id eq '{}'&", ids[2], ids[0]);
        let wanted = [("ann", &ids[0]), ("cy", &ids[2])];
        let wanted =
            wanted.map(|(name, id)| json!({ "id": id, "email": format!("{name}@example.org") }));
        assert_eq!(list(&export).await, wanted);
        let many: Vec<String> = (0..300).map(|at| format!("id eq '{at}'")).collect();
        let many = format!("$filter={} or id eq '{}'", many.join(" or "), ids[1]);
        assert_eq!(identifiers(&list(&many).await), ["bo@example.org"]);
        for (query, found) in [
            ("$filter=title eq 'O''Neil'", &["-"][..]),
            ("$filter=identifier eq null", &["-"]),
            ("$filter=startswith(identifier,'b')", &["bo@example.org"]),
            ("$filter=contains(identifier,'@example')&$skip=1&$top=1", &["bo@example.org"]),
            (
                "$filter=contains(identifier,'@example')&$orderby=identifier desc&$top=2",
                &["cy@example.org", "bo@example.org"],
            ),
            ("$filter=not (ipId eq 'tapkey')", &[]),
            ("$top=0", &[]),
            ("$skip=5", &[]),
        ] {
            assert_eq!(identifiers(&list(query).await), found, "{query}");
        }
        let counted = program.get("/contacts?$count=true&$top=2").await;
        assert_eq!(counted.header("x-total-count"), "5");
        assert_eq!(counted.expect(200).as_array().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_understood_is_never_the_whole_list() {
    on_each_engine(|world| async move {
        let program = Tapkey::at(&world).await;
        let ann = program.contact("ann@example.org").await;
        let grants = format!("/contacts/{}/grants", id(&ann));
        for (path, query, named) in [
            ("/contacts", "$filter=identifer eq 'x'", "identifer"),
            ("/contacts", "$filter=identifier eq x", "$filter"),
            ("/contacts", "$filter=", "$filter"),
            ("/contacts", "$filter=id eq 'a' or", "$filter"),
            ("/contacts", "filter=id eq 'a'", "filter is not"),
            ("/contacts", "$expand=grants", "$expand"),
            ("/contacts", "identifier=ann@example.org", "identifier is not"),
            ("/contacts", "$top=1&$top=2", "twice"),
            ("/contacts", "$top=-1", "$top"),
            ("/contacts", "$select=name", "name"),
            ("/permissions", "$filter=role gt 1", "$filter"),
            (&grants, "$filter=active eq 'true'", "boolean"),
            (&grants, "$filter=validBefore gt 2024-01-01", "date and time"),
        ] {
            let query = query.replace(' ', "%20");
            let answer = program.get(&format!("{path}?{query}")).await;
            refused(&answer, 400, "InvalidRequest", &[named]);
        }
        let parameter = program.get("?$filter=x").await;
        refused(&parameter, 400, "InvalidRequest", &["not a parameter"]);
    })
    .await;
}
