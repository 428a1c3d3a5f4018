//! Lists come in pages: `limit` and `after` do what they say on every list of the route table.

use serde_json::json;

use crate::support::on_each_engine;
use crate::tour::{furnish, samples};

#[tokio::test]
async fn every_list_of_more_than_one_comes_in_pages() {
    on_each_engine(|world| async move {
        let things = furnish(&world.admin, &world.place, "mine").await;
        let mut walked = 0;
        for route in claviger_web::routes() {
            if route.method != "GET" || route.open || route.operation == "stream_events" {
                continue;
            }
            for sample in samples(&route, &things, 0) {
                let url = sample.url();
                let whole = world.admin.get(&url).await;
                let Some(items) = whole.body["items"].as_array().filter(|it| it.len() > 1) else {
                    continue;
                };
                let mark = if url.contains('?') { '&' } else { '?' };
                let first = world.admin.get(&format!("{url}{mark}limit=1")).await.expect(200);
                assert_eq!(first["items"], json!(items[..1]), "{url}");
                let next = first["next"].as_str().unwrap_or_else(|| panic!("{url}: {first}"));
                let second = format!("{url}{mark}limit=1&after={next}");
                let second = world.admin.get(&second).await.expect(200);
                assert_eq!(second["items"], json!(items[1..2]), "{url}");
                walked += 1;
            }
        }
        assert!(walked > 8, "{walked}");
    })
    .await;
}
