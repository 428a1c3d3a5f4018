//! The operator's counts: every request under the path of the row that took it.

use crate::support::on_each_engine;
use crate::trackunit::Trackunit;

#[tokio::test]
async fn requests_are_counted_by_the_row_that_took_them() {
    on_each_engine(|world| async move {
        let it = world.here();
        it.get("/locks").await;
        let program = Trackunit::of(&world, it).await;
        // However the path is written, it is one row.
        for path in ["/Key", "/key", "/Key.json"] {
            program.get(path).await.expect(200);
        }
        program.get("/Key/999").await.expect(404);
        let nobody = world.nobody();
        nobody.get("/compat/trackunit/public/nothing").await.expect(404);
        nobody.get("/compat/unloc/v2/projects/x/locks/").await.expect(401);
        nobody.get("/nothing").await.expect(404);
        let counts = nobody.get("/metrics").await.text;
        for (route, status, count) in [
            ("/api/v1/places/{place}/locks", 200, 1),
            ("/compat/trackunit/public/key", 200, 3),
            ("/compat/trackunit/public/key/{id}", 404, 1),
            ("/compat/unloc/v2/projects/{project}/locks/", 401, 1),
            ("other", 404, 2),
        ] {
            let line = format!(
                "claviger_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}\n"
            );
            assert!(counts.contains(&line), "{line} is not in:\n{counts}");
        }
        let it = world.here();
        let (ann, door) = (it.person("Ann").await, it.lock("Door").await);
        it.grant(&ann, &door).await;
        let counts = nobody.get("/metrics").await.text;
        for line in ["claviger_places 1\n", "claviger_grants_open 1\n"] {
            assert!(counts.contains(line), "{line} is not in:\n{counts}");
        }
        assert!(
            counts.contains("# TYPE claviger_request_duration_seconds histogram\n"),
            "{counts}"
        );
    })
    .await;
}
